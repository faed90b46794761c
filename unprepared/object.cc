// Names, and what they tell.
// SPDX-License-Identifier: MIT
#include "unprepared/object.h"

#include <algorithm>
#include <cstring>

#include "runtime/base/status.h"
#include "runtime/elf/symbol_table.h"
#include "runtime/sites/elf_image.h"
#include "runtime/sites/record_reader.h"

namespace hotpatch {

using namespace unprepared;

namespace {

bool has_part(const char* name, const char* part)
{
  const std::size_t length = std::strlen(part);
  for (const char* at = std::strstr(name, part); at != nullptr;
       at = std::strstr(at + 1, part))
    if (at[length] == '\0' || at[length] == '.')
      return true;
  return false;
}

// GCC's IPA passes name a changed copy of a function so.
bool is_clone(const char* name)
{
  for (const char* part : {".constprop", ".isra", ".part", ".specialized"})
    if (has_part(name, part))
      return true;
  return false;
}

// The part of a function that is rarely executed.
bool is_cold_part(const char* name)
{
  return has_part(name, ".cold");
}

bool begins_with(const char* text, const char* beginning)
{
  return std::strncmp(text, beginning, std::strlen(beginning)) == 0;
}

// Entered by the kernel or the dynamic linker, or called with a convention of
// its own.
bool is_called_otherwise(const char* name)
{
  static constexpr const char* names[] = {
      "_start",         "_init",           "_fini",
      "__restore",      "__restore_rt",    "_dl_start",
      "_dl_start_user", "__fentry__",      "_mcount",
      "mcount",         "__morestack",     "__tls_get_addr_slow",
      "__clone",        "clone",           "__clone3",
      "clone3",         "__start_context", "_dl_call_libc_early_init"};
  for (const char* each : names)
    if (std::strcmp(name, each) == 0)
      return true;
  return begins_with(name, "_dl_runtime_") ||
         begins_with(name, "_dl_tlsdesc_") ||
         begins_with(name, "__x86_indirect_") ||
         begins_with(name, "__x86_return_") ||
         begins_with(name, "__llvm_retpoline_");
}

bool returns_twice(const char* name)
{
  static constexpr const char* names[] = {
      "setjmp",        "_setjmp",      "__setjmp",
      "sigsetjmp",     "__sigsetjmp",  "__sigsetjmp_cancel",
      "vfork",         "__vfork",      "__libc_vfork",
      "getcontext",    "__getcontext", "swapcontext",
      "__swapcontext", "savectx"};
  for (const char* each : names)
    if (std::strcmp(name, each) == 0)
      return true;
  return false;
}

}  // namespace

hp_status unprepared_object::read_names() noexcept
{
  bool complete = true;
  const auto note = [&](const symbol& each) {
    const bool is_ifunc = each.type == STT_GNU_IFUNC;
    if ((each.type == STT_FUNC || is_ifunc) && each.name[0] != '\0' &&
        !is_cold_part(each.name))
      complete = names_.append(
          {each.value, each.size, each.name, each.file,
           each.binding != STB_LOCAL, is_ifunc,
           !each.is_default && std::strchr(each.name, '@') == nullptr});
    return complete;
  };
  for (const auto kind :
       {symbol_table::kind::best, symbol_table::kind::dynamic}) {
    symbol_table table;
    if (const hp_status status = table.load(file_, kind); status != HP_OK)
      return status;
    table.for_each(note);
    if (!complete)
      return fail(HP_NO_MEMORY, "%s: no memory for its symbols", file_.label());
  }
  return HP_OK;
}

hp_status unprepared_object::read_records() noexcept
{
  elf_image image;
  if (const hp_status status = image.load(file_); status != HP_OK)
    return status;
  for (std::size_t i = 0; i < image.section_count(); ++i) {
    record_reader reader(image.view(), image.section(i));
    std::uint64_t offset = 0;
    site found;
    record_fault fault;
    for (;;) {
      const read_result result = reader.read(offset, found, fault);
      if (result == read_result::end)
        break;
      if (result == read_result::fault)
        return fail(HP_MALFORMED, "%s: its section .hotpatch is damaged",
                    file_.label());
      if (!sites_.append(found.symbol))
        return fail(HP_NO_MEMORY, "%s: no memory for its sites", file_.label());
    }
  }
  std::sort(sites_.begin(), sites_.end());
  return HP_OK;
}

// Of several names for one address: a global one first, without a version, with
// few underscores.
bool unprepared_object::group_names() noexcept
{
  const auto rank = [](const name_entry& name) {
    return (name.is_global ? 0 : 200) +
           (std::strchr(name.name, '@') != nullptr ? 50 : 0) +
           (name.lacks_version ? 100 : 0) + std::strspn(name.name, "_");
  };
  std::sort(names_.begin(), names_.end(),
            [&](const name_entry& a, const name_entry& b) {
              if (a.address != b.address)
                return a.address < b.address;
              if (rank(a) != rank(b))
                return rank(a) < rank(b);
              const int order = std::strcmp(a.name, b.name);
              return order != 0 ? order < 0 : a.size > b.size;
            });
  std::size_t size = 0;
  const auto is_there = [&](const name_entry& name) {
    for (std::size_t i = size; i-- > 0 && names_[i].address == name.address;)
      if (std::strcmp(names_[i].name, name.name) == 0)
        return true;
    return false;
  };
  for (const name_entry& each : names_)
    if (!is_there(each))
      names_[size++] = each;
  names_.truncate(size);
  for (std::size_t i = 0; i < names_.size(); ++i) {
    if (i == 0 || names_[i].address != names_[i - 1].address) {
      if (!functions_.append({i, 0}) || !addresses_.append(names_[i].address))
        return false;
    }
    ++functions_[functions_.size() - 1].names;
  }
  return true;
}

hp_status unprepared_object::load(const char* label, const void* bytes,
                                  std::size_t size) noexcept
{
  hp_status status = file_.open_memory(label, bytes, size);
  if (status == HP_OK && file_.is_archive())
    status = fail(HP_UNSUPPORTED, "%s: it is an archive", label);
  if (status == HP_OK)
    status = read_names();
  if (status == HP_OK)
    status = read_records();
  if (status != HP_OK)
    return status;
  array<code_map::place> known;
  bool complete = group_names();
  for (const name_entry& each : names_)
    complete =
        complete && (each.address == 0 ||
                     known.append({each.address, each.address + each.size}));
  if (!complete)
    return fail(HP_NO_MEMORY, "%s: no memory for its functions", label);
  status = code_.load(file_, {known.data(), known.size()});
  if (status == HP_OK && !read_made_sites(file_, code_.view(), made_))
    status = fail(HP_NO_MEMORY, "%s: no memory for its sites", label);
  return status;
}

entry_refusal unprepared_object::refusal_of(
    const function_entry& function) const noexcept
{
  const std::uint64_t address = names_[function.first_name].address;
  if (std::binary_search(sites_.begin(), sites_.end(), address))
    return entry_refusal::has_site;
  for (std::size_t i = 0; i < function.names; ++i) {
    const name_entry& each = names_[function.first_name + i];
    if (each.is_ifunc)
      return entry_refusal::ifunc;
    if (is_clone(each.name))
      return entry_refusal::clone;
    if (is_called_otherwise(each.name))
      return entry_refusal::not_called_so;
    if (returns_twice(each.name))
      return entry_refusal::returns_twice;
  }
  return entry_refusal::none;
}

const char* unprepared_object::name_at(std::uint64_t address) const noexcept
{
  if (address == 0)
    return "";
  const std::uint64_t* const above =
      std::upper_bound(addresses_.begin(), addresses_.end(), address);
  if (above == addresses_.begin())
    return "";
  const auto index = static_cast<std::size_t>(above - addresses_.begin()) - 1;
  const name_entry& found = names_[functions_[index].first_name];
  const code_extent* const extent = code_.extent_at(address);
  return (extent != nullptr && extent->begin == found.address) ||
                 address - found.address < found.size
             ? found.name
             : "";
}

void unprepared_object::describe(std::size_t index,
                                 unprepared_function& into) const noexcept
{
  into = {};
  if (index >= functions_.size())
    return;
  const function_entry& function = functions_[index];
  const name_entry& name = names_[function.first_name];
  into.name = name.name;
  into.file = name.file;
  into.is_global = name.is_global;
  function_facts about;
  about.begin = name.address;
  for (std::size_t i = 0; i < function.names; ++i) {
    const name_entry& each = names_[function.first_name + i];
    about.end = std::max(about.end, each.address + each.size);
  }
  about.refusal = refusal_of(function);
  if (about.refusal == entry_refusal::none)
    if (const made_site* const made =
            find_made_site(made_, code_, about.begin, about.made_at))
      about.maker = made->maker;
  if (about.maker == site_maker::none)
    about.made_at = 0;
  plan_entry(code_, about, {addresses_.data(), addresses_.size()}, into);
  into.problem = name_at(into.place);
}

const char* unprepared_object::other_name(std::size_t index,
                                          std::size_t number) const noexcept
{
  if (index >= functions_.size() || number + 1 >= functions_[index].names)
    return nullptr;
  return names_[functions_[index].first_name + number + 1].name;
}

std::size_t unprepared_object::at(std::uint64_t address) const noexcept
{
  const std::uint64_t* const found =
      std::lower_bound(addresses_.begin(), addresses_.end(), address);
  return found != addresses_.end() && *found == address
             ? static_cast<std::size_t>(found - addresses_.begin())
             : SIZE_MAX;
}

}  // namespace hotpatch
