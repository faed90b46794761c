// Reading .debug.hotpatch.
// SPDX-License-Identifier: MIT
#include "runtime/objects/definition_table.h"

#include <algorithm>
#include <cstring>

#include <elf.h>

#include "runtime/base/status.h"

namespace hotpatch {

namespace {

struct bytes {
  const unsigned char* data = nullptr;
  std::uint64_t size = 0;
};

bytes section_bytes(elf_file& file, const char* name)
{
  elf_section section;
  if (!file.find_section(name, 0, section) || section.size == 0 ||
      section.type == SHT_NOBITS || (section.flags & SHF_COMPRESSED) != 0)
    return {};
  const unsigned char* data = file.chunk(section.offset, section.size);
  return {data, data != nullptr ? section.size : 0};
}

bool of_thread(const definition& which)
{
  return (which.flags & format::definition_thread_local) != 0;
}

bool less(const definition& a, const definition& b)
{
  return of_thread(a) != of_thread(b) ? of_thread(b) : a.address < b.address;
}

}  // namespace

hp_status definition_table::load(elf_file& stripped) noexcept
{
  entries_.clear();
  // strip(1) moves it to the debug file.
  elf_section own;
  elf_file* const debug =
      stripped.find_section(format::definition_section_name, 0, own)
          ? nullptr
          : stripped.debug_file();
  elf_file& file = debug != nullptr ? *debug : stripped;
  const bytes records = section_bytes(file, format::definition_section_name);
  const bytes texts =
      section_bytes(file, format::definition_string_section_name);
  if (records.size == 0 || texts.size == 0)
    return HP_OK;
  const auto damaged = [&] {
    return fail(HP_MALFORMED, "%s: the section .debug.hotpatch is damaged",
                file.label());
  };
  if (texts.data[texts.size - 1] != '\0')
    return damaged();
  const auto* text = reinterpret_cast<const char*>(texts.data);
  std::uint64_t size = 0;
  for (std::uint64_t at = 0; at < records.size; at += size) {
    format::definition record;
    if (records.size - at < sizeof record)
      return damaged();
    std::memcpy(&record, records.data + at, sizeof record);
    size = record.size;
    if (record.version != format::definition_version || size < sizeof record ||
        size % 8 != 0 || size > records.size - at ||
        record.name >= texts.size || record.file >= texts.size)
      return damaged();
    const definition made{
        record.address,     text + record.name,
        text + record.file, format::joined(record.layout_hash),
        record.flags,       record.line};
    if ((made.address != 0 || of_thread(made)) && !entries_.append(made))
      return fail(HP_NO_MEMORY, "%s: out of memory", file.label());
  }
  std::sort(entries_.begin(), entries_.end(), less);
  return HP_OK;
}

const definition* definition_table::find(const symbol& which) const noexcept
{
  definition wanted;
  wanted.address = which.value;
  wanted.flags = which.type == STT_TLS ? format::definition_thread_local : 0u;
  const definition* found =
      std::lower_bound(entries_.begin(), entries_.end(), wanted, less);
  // What the linker has dropped may have left its address to something else.
  for (; found != entries_.end() && !less(wanted, *found); ++found)
    if (std::strncmp(which.name, found->name, std::strlen(found->name)) == 0)
      return found;
  return nullptr;
}

}  // namespace hotpatch
