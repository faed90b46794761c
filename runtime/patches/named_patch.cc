// Descriptions of patches: checks, copies, lists.
// SPDX-License-Identifier: MIT
#include "runtime/patches/named_patch.h"

#include <atomic>
#include <cstdlib>
#include <cstring>
#include <new>

namespace hotpatch {

namespace {

std::size_t count(const char* const* texts)
{
  std::size_t n = 0;
  while (texts != nullptr && texts[n] != nullptr)
    ++n;
  return n;
}

// Appends a copy of `text` at `end`.
const char* keep(char*& end, const char* text)
{
  const std::size_t size = std::strlen(text) + 1;
  char* copy = end;
  std::memcpy(copy, text, size);
  end += size;
  return copy;
}

}  // namespace

hook_addresses hooks_of(const hp_patch_info& info) noexcept
{
  return {{reinterpret_cast<std::uint64_t>(info.before_apply),
           reinterpret_cast<std::uint64_t>(info.after_apply),
           reinterpret_cast<std::uint64_t>(info.before_revert),
           reinterpret_cast<std::uint64_t>(info.after_revert)}};
}

const char* flaw_of(const hp_patch_info& info) noexcept
{
  if (info.name == nullptr || *info.name == '\0')
    return "the patch's name is null or empty";
  if (!is_patch_name(info.name))
    return patch_name_rule;
  if (info.flags != 0)
    return "the patch has unknown flags";
  for (const void* each : info.reserved)
    if (each != nullptr)
      return "a reserved member of the patch is not null";
  patch_dependency ignored;
  for (std::size_t i = 0; i < count(info.depends); ++i)
    if (!ignored.parse(info.depends[i]))
      return "what the patch depends on is neither a patch's name nor "
             "NAME>=VERSION";
  return nullptr;
}

named_patch* named_patch::make(const hp_patch_info& info) noexcept
{
  static constinit std::atomic<std::uint64_t> last_id{no_patch};
  const std::size_t depends = count(info.depends);
  const char* description = info.description != nullptr ? info.description : "";
  std::size_t size = sizeof(named_patch) + (depends + 1) * sizeof(char*) +
                     std::strlen(info.name) + 1 + std::strlen(description) + 1;
  for (std::size_t i = 0; i < depends; ++i)
    size += std::strlen(info.depends[i]) + 1;
  void* memory = std::malloc(size);
  if (memory == nullptr)
    return nullptr;
  auto* patch = new (memory) named_patch{last_id.fetch_add(1) + 1, info};
  const auto** list = reinterpret_cast<const char**>(patch + 1);
  auto* end = reinterpret_cast<char*>(list + depends + 1);
  patch->info.name = keep(end, info.name);
  patch->info.description = keep(end, description);
  patch->info.depends = list;
  for (std::size_t i = 0; i < depends; ++i)
    list[i] = keep(end, info.depends[i]);
  list[depends] = nullptr;
  return patch;
}

void named_patch::destroy(named_patch* patch) noexcept
{
  std::free(patch);
}

named_patch* patch_list::find(const char* name) const noexcept
{
  for (named_patch* each : patches_)
    if (std::strcmp(each->info.name, name) == 0)
      return each;
  return nullptr;
}

named_patch* patch_list::find(const patch_dependency& wanted) const noexcept
{
  for (named_patch* each : patches_)
    if (wanted.is_named(each->info.name))
      return each;
  return nullptr;
}

named_patch* patch_list::find(std::uint64_t id) const noexcept
{
  for (named_patch* each : patches_)
    if (each->id == id)
      return each;
  return nullptr;
}

bool patch_list::assign(const patch_list& other) noexcept
{
  if (!patches_.reserve(other.size()))
    return false;
  patches_.clear();
  for (named_patch* each : other)
    if (!patches_.append(each))
      return false;
  return true;
}

void patch_list::remove(const named_patch* patch) noexcept
{
  for (std::size_t i = 0; i < patches_.size(); ++i)
    if (patches_[i] == patch) {
      patches_.remove(i);
      return;
    }
}

owned_patches::~owned_patches()
{
  for (named_patch* each : *this)
    named_patch::destroy(each);
}

}  // namespace hotpatch
