// Holding the symbols of a patch object against those of the program.
//
// SPDX-License-Identifier: MIT
#include "runtime/objects/own_definitions.h"

#include <algorithm>
#include <cstring>

#include <elf.h>

#include "runtime/base/countermeasure.h"
#include "runtime/base/status.h"
#include "runtime/elf/symbol_table.h"
#include "runtime/objects/definition_table.h"

namespace hotpatch {

namespace {

bool is_data(const symbol& which)
{
  return which.type == STT_OBJECT || which.type == STT_TLS;
}

// Templates of the C++ library are the same everywhere.
bool is_of_library(const char* name)
{
  for (const char* head : {"_ZNSt", "_ZNKSt", "_ZSt", "_ZN9__gnu_cxx",
                           "_ZNK9__gnu_cxx", "_ZZNSt", "_ZGVNSt"})
    if (std::strncmp(name, head, std::strlen(head)) == 0)
      return true;
  return false;
}

// "calls" for "calls.0" and "calls.lto_priv.1": what the compiler counts.
std::string_view plain_name(const char* name)
{
  const std::string_view all = name;
  if (begins_with(all, "_Z"))
    if (const char* suffix = std::strstr(name, ".lto_priv."))
      return first_of(all, static_cast<std::size_t>(suffix - name));
  const std::size_t dot = begins_with(all, "_Z") ? nowhere : find(all, '.');
  return dot == nowhere || dot == 0 ? all : first_of(all, dot);
}

int order(std::string_view a, std::string_view b)
{
  const int common =
      std::memcmp(a.data(), b.data(), std::min(a.size(), b.size()));
  return common != 0 ? common : a.size() < b.size() ? -1 : a.size() > b.size();
}

struct own_symbol {
  const char* name;
  bool is_function;
  bool seen;
};

bool less(const own_symbol& a, const own_symbol& b)
{
  return order(plain_name(a.name), plain_name(b.name)) < 0;
}

class finding {
 public:
  finding(patch_file& patch, std::span<program_image> images,
          std::span<const patch_target> targets,
          std::span<const import_value> imports,
          array<own_definition>& into) noexcept
      : patch_(patch),
        images_(images),
        targets_(targets),
        imports_(imports),
        into_(into)
  {
  }

  hp_status all() noexcept
  {
    if (const hp_status status = list_own(); status != HP_OK)
      return status;
    for (program_image& image : images_)
      if (const hp_status status = look_into(image); status != HP_OK)
        return status;
    return HP_OK;
  }

 private:
  hp_status no_memory() noexcept
  {
    return fail(HP_NO_MEMORY, "%s: out of memory", patch_.label());
  }

  bool is_writable(std::uint64_t address) noexcept
  {
    elf_segment segment;
    for (std::size_t i = 0; i < patch_.elf().segment_count(); ++i)
      if (patch_.elf().segment(i, segment) && segment.type == PT_LOAD &&
          memory_range{segment.address, segment.memory_size}.contains(address))
        return (segment.flags & PF_W) != 0 && !is_constant_after_start(address);
    return false;
  }

  // Tables of addresses, which the dynamic linker writes once.
  bool is_constant_after_start(std::uint64_t address) noexcept
  {
    elf_segment segment;
    for (std::size_t i = 0; i < patch_.elf().segment_count(); ++i)
      if (patch_.elf().segment(i, segment) && segment.type == PT_GNU_RELRO &&
          memory_range{segment.address, segment.memory_size}.contains(address))
        return true;
    return false;
  }

  // The program's own is used, or it is the replacement that is reported.
  bool is_known(const symbol& which) const noexcept
  {
    return std::any_of(imports_.begin(), imports_.end(),
                       [&](const import_value& each) {
                         return std::strcmp(each.symbol, which.name) == 0;
                       }) ||
           std::any_of(targets_.begin(), targets_.end(),
                       [&](const patch_target& each) {
                         return which.type == STT_FUNC &&
                                each.replacement->code == which.value;
                       });
  }

  hp_status list_own() noexcept
  {
    symbol_table table;
    hp_status status = table.load(patch_.elf());
    if (status == HP_OK)
      status = definitions_.load(patch_.elf());
    if (status != HP_OK)
      return status;
    bool enough = true;
    table.for_each([&](const symbol& which) {
      const bool is_function =
          which.type == STT_FUNC && which.binding != STB_LOCAL;
      const bool is_variable =
          is_data(which) && which.name[0] != '\0' &&
          (which.type == STT_TLS || is_writable(which.value));
      // What the compiler's own objects bring along is not of the source.
      const bool is_reserved =
          begins_with(which.name, "__") && definitions_.find(which) == nullptr;
      if ((is_function || is_variable) && !is_reserved && !is_known(which) &&
          !is_of_library(which.name))
        enough = own_.append({which.name, is_function, false});
      return enough;
    });
    std::sort(own_.begin(), own_.end(), less);
    return enough ? HP_OK : no_memory();
  }

  bool is_target(const program_image& image) const noexcept
  {
    return std::any_of(
        targets_.begin(), targets_.end(),
        [&](const patch_target& each) { return each.image == &image; });
  }

  static const char* last_part(const char* path) noexcept
  {
    const char* slash = std::strrchr(path, '/');
    return slash != nullptr ? slash + 1 : path;
  }

  // Whether the patch replaces something of that source.
  bool is_target_file(const char* file, bool is_path) const noexcept
  {
    return std::any_of(
        targets_.begin(), targets_.end(), [&](const patch_target& each) {
          return std::strcmp(
                     is_path ? each.where.file : last_part(each.where.file),
                     is_path ? file : last_part(file)) == 0;
        });
  }

  hp_status look_into(program_image& image) noexcept
  {
    if (own_.empty() || image.is_patch || image.file == nullptr ||
        !is_target(image))
      return HP_OK;
    symbol_table table;
    hp_status status = table.load(*image.file);
    if (status == HP_OK)
      status = definitions_.load(*image.file);
    if (status != HP_OK)
      return status;
    bool enough = true;
    table.for_each([&](const symbol& which) {
      const bool is_code = which.type == STT_FUNC;
      if (!is_code && !is_data(which))
        return true;
      own_symbol* const ours = find_own(which, is_code);
      if (ours == nullptr || ours->seen)
        return true;
      own_definition made{ours->name, which.name, which.file, &image, is_code};
      bool is_static = which.binding == STB_LOCAL;
      bool is_path = false;
      if (const definition* known = definitions_.find(which)) {
        made.file = known->file;
        is_static = (known->flags & format::definition_static) != 0;
        is_path = true;
      }
      if (is_static && (is_code || !is_target_file(made.file, is_path)))
        return true;
      ours->seen = true;
      enough = into_.append(made);
      return enough;
    });
    return enough ? HP_OK : no_memory();
  }

  own_symbol* find_own(const symbol& which, bool is_code) noexcept
  {
    const own_symbol wanted{which.name, is_code, false};
    own_symbol* found =
        std::lower_bound(own_.begin(), own_.end(), wanted, less);
    for (; found != own_.end() && !less(wanted, *found); ++found)
      if (found->is_function == is_code && !found->seen)
        return found;
    return nullptr;
  }

  patch_file& patch_;
  std::span<program_image> images_;
  std::span<const patch_target> targets_;
  std::span<const import_value> imports_;
  array<own_definition>& into_;
  array<own_symbol> own_;
  definition_table definitions_;
};

}  // namespace

hp_status find_own_definitions(patch_file& patch,
                               std::span<program_image> images,
                               std::span<const patch_target> targets,
                               std::span<const import_value> imports,
                               array<own_definition>& into) noexcept
{
  return finding(patch, images, targets, imports, into).all();
}

// Matching weak data of a patch object with that of the program.

namespace {

bool is_global_data(const symbol& which)
{
  return is_data(which) && which.binding != STB_LOCAL;
}

// What the compiler puts into every object that uses it.
bool may_be_elsewhere(const symbol& which)
{
  return is_data(which) &&
         (which.binding == STB_WEAK || which.binding == STB_GNU_UNIQUE);
}

// Where a thread-local variable is consists of two slots, of which neither
// alone tells whether the dynamic linker has taken the patch's own: `own` is 0,
// and they are always stored.
import_value named(const symbol& which)
{
  import_value made;
  made.symbol = which.name;
  made.thread_local_ = which.type == STT_TLS;
  made.own = made.thread_local_ ? 0 : which.value;
  return made;
}

bool name_less(const import_value& a, const import_value& b)
{
  return std::strcmp(a.symbol, b.symbol) < 0;
}

}  // namespace

hp_status find_shared_data(elf_file& patch, std::span<program_image> images,
                           array<import_value>& into) noexcept
{
  symbol_table table;
  if (const hp_status status = table.load(patch); status != HP_OK)
    return status;
  array<import_value> wanted;
  bool enough = true;
  table.for_each([&](const symbol& which) {
    if (may_be_elsewhere(which))
      enough = wanted.append(named(which));
    return enough;
  });
  if (enough && (wanted.empty() || !HP_COUNTERMEASURE(share_data)))
    return HP_OK;
  std::sort(wanted.begin(), wanted.end(), name_less);
  for (const program_image& image : images) {
    if (!enough || image.file == nullptr)
      continue;
    if (const hp_status status = table.load(*image.file); status != HP_OK)
      return status;
    table.for_each([&](const symbol& which) {
      // From outside only the program's own thread-local variables can be
      // found; what libraries export the dynamic linker finds.
      if (!is_global_data(which) ||
          (which.type == STT_TLS && image.tls_module == 0))
        return true;
      const import_value key = named(which);
      import_value* found =
          std::lower_bound(wanted.begin(), wanted.end(), key, name_less);
      if (found != wanted.end() && found->image == nullptr &&
          found->thread_local_ == key.thread_local_ &&
          std::strcmp(found->symbol, which.name) == 0) {
        found->image = &image;
        found->value = (key.thread_local_ ? 0 : image.base) + which.value;
      }
      return true;
    });
  }
  for (const import_value& each : wanted)
    if (enough && each.image != nullptr)
      enough = into.append(each);
  return enough ? HP_OK
                : fail(HP_NO_MEMORY, "%s: out of memory", patch.label());
}

}  // namespace hotpatch
