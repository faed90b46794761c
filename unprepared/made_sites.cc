// Reading the sections of other tools.
// SPDX-License-Identifier: MIT
#include "unprepared/made_sites.h"

#include <algorithm>
#include <cstring>

#include <elf.h>

#include "unprepared/instruction.h"

namespace hotpatch::unprepared {

namespace {

// What dynamic relocations put into the words of a section, sorted by place: in
// the file such a word may be 0.
struct relocated_word {
  std::uint64_t place;
  std::uint64_t value;
};

bool read_relative(elf_file& file, array<relocated_word>& into)
{
  elf_section section;
  for (std::size_t i = 1; i < file.section_count(); ++i) {
    if (!file.section(i, section) || section.type != SHT_RELA ||
        (section.flags & SHF_ALLOC) == 0)
      continue;
    const unsigned char* const bytes = file.chunk(section.offset, section.size);
    for (std::uint64_t at = 0;
         bytes != nullptr && section.size - at >= sizeof(Elf64_Rela);
         at += sizeof(Elf64_Rela)) {
      Elf64_Rela entry;
      std::memcpy(&entry, bytes + at, sizeof entry);
      if (ELF64_R_TYPE(entry.r_info) == R_X86_64_RELATIVE &&
          !into.append(
              {entry.r_offset, static_cast<std::uint64_t>(entry.r_addend)}))
        return false;
    }
  }
  std::sort(into.begin(), into.end(),
            [](const relocated_word& a, const relocated_word& b) {
              return a.place < b.place;
            });
  return true;
}

class made_site_reader {
 public:
  made_site_reader(elf_file& file, memory_view view, array<made_site>& into)
      : file_(file), view_(view), into_(into)
  {
  }

  bool run()
  {
    return read_words("__patchable_function_entries",
                      site_maker::patchable_entry) &&
           read_words("__mcount_loc", site_maker::mcount) && read_xray();
  }

 private:
  const memory_range* contents(const char* name, elf_section& section)
  {
    if (!file_.find_section(name, section.index, section))
      return nullptr;
    const memory_range* const range = view_.find(section.address);
    return range != nullptr && range->contains(section.address, section.size)
               ? range
               : nullptr;
  }

  bool word_at(const memory_range& range, std::uint64_t place,
               std::uint64_t& value)
  {
    if (!relocations_are_read_) {
      relocations_are_read_ = true;
      if (!read_relative(file_, relocations_))
        return false;
    }
    const relocated_word* const found = std::lower_bound(
        relocations_.begin(), relocations_.end(), place,
        [](const relocated_word& a, std::uint64_t b) { return a.place < b; });
    if (found != relocations_.end() && found->place == place)
      value = found->value;
    else
      std::memcpy(&value, range.at(place), sizeof value);
    return true;
  }

  bool read_words(const char* name, site_maker maker)
  {
    elf_section section;
    section.index = 0;
    while (const memory_range* const range = contents(name, section)) {
      for (std::uint64_t at = 0; section.size - at >= 8; at += 8) {
        std::uint64_t address = 0;
        if (!word_at(*range, section.address + at, address) ||
            !into_.append({address, maker}))
          return false;
      }
      ++section.index;
    }
    return true;
  }

  // Version 2 counts from the fields themselves, earlier ones have addresses.
  //   address 8, function 8, kind 1, always 1, version 1, padding 13
  bool read_xray()
  {
    constexpr std::uint64_t entry_size = 32;
    constexpr std::uint64_t kind_at = 16;
    constexpr std::uint64_t version_at = 18;
    constexpr std::uint8_t function_entry = 0;
    constexpr std::uint8_t log_arguments = 3;  // an entry as well
    elf_section section;
    const memory_range* const range = contents("xray_instr_map", section);
    if (range == nullptr)
      return true;
    for (std::uint64_t at = 0; section.size - at >= entry_size;
         at += entry_size) {
      const std::uint64_t place = section.address + at;
      const std::uint8_t* const entry = range->at(place);
      std::uint64_t address = 0;
      if (entry[kind_at] != function_entry && entry[kind_at] != log_arguments)
        continue;
      if (!word_at(*range, place, address))
        return false;
      if (entry[version_at] >= 2)
        address += place;
      if (!into_.append({address, site_maker::xray}))
        return false;
    }
    return true;
  }

  elf_file& file_;
  memory_view view_;
  array<made_site>& into_;
  array<relocated_word> relocations_;
  bool relocations_are_read_ = false;
};

// Whether what stands there does nothing: a NOP, or XRay's jump over no-ops.
bool does_nothing(const code_map& code, std::uint64_t at, site_maker maker)
{
  const auto bytes = code.code_at(at);
  instruction one;
  if (!decode(bytes.data(), bytes.size(), at, one))
    return false;
  if (maker != site_maker::xray)
    return one.is_nop;
  if (one.way != flow::jump || one.target - at > 32)
    return false;
  for (std::uint64_t next = at + one.length; next < one.target;) {
    instruction filler;
    if (!decode(bytes.data() + (next - at), one.target - next, next, filler) ||
        !filler.is_nop)
      return false;
    next += filler.length;
  }
  return true;
}

}  // namespace

bool read_made_sites(elf_file& file, memory_view view,
                     array<made_site>& into) noexcept
{
  if (!made_site_reader(file, view, into).run())
    return false;
  std::sort(into.begin(), into.end(),
            [](const made_site& a, const made_site& b) {
              return a.address < b.address;
            });
  return true;
}

const made_site* find_made_site(const array<made_site>& sites,
                                const code_map& code, std::uint64_t begin,
                                std::uint64_t& at) noexcept
{
  // With -fpatchable-function-entry=N,M some no-ops come before the symbol, and
  // the section leads to the first of them.
  constexpr std::uint64_t most_before = 64;
  constexpr std::uint64_t endbr64_size = 4;
  const std::uint64_t lowest = begin < most_before ? 0 : begin - most_before;
  const made_site* each = std::lower_bound(
      sites.begin(), sites.end(), lowest,
      [](const made_site& a, std::uint64_t b) { return a.address < b; });
  for (; each != sites.end() && each->address <= begin + endbr64_size; ++each) {
    if (each->address < begin && each->maker != site_maker::patchable_entry)
      continue;
    at = std::max(each->address, begin);
    for (std::uint64_t nop = each->address; nop < begin; ++nop)
      if (!does_nothing(code, nop, each->maker))
        at = 0;
    if (at == 0)
      continue;
    instruction mark;
    const auto bytes = code.code_at(at);
    if (decode(bytes.data(), bytes.size(), at, mark) && mark.is_endbr64)
      at += mark.length;
    if (does_nothing(code, at, each->maker))
      return each;
  }
  return nullptr;
}

}  // namespace hotpatch::unprepared
