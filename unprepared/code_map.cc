// Decoding all code of a file.
// SPDX-License-Identifier: MIT
#include "unprepared/code_map.h"

#include <algorithm>
#include <cstring>

#include <elf.h>

#include "runtime/base/countermeasure.h"
#include "runtime/base/status.h"
#include "runtime/sites/elf_image.h"

namespace hotpatch::unprepared {

namespace {

bool is_filler(const instruction& one)
{
  return one.is_nop || one.is_int3;
}

// A bit for each byte of the code, from the first section to the last.
class byte_marks {
 public:
  [[nodiscard]] bool cover(std::uint64_t begin, std::uint64_t end)
  {
    begin_ = begin;
    size_ = end - begin;
    return words_.resize(size_ / 64 + 1);
  }
  bool has(std::uint64_t address) const
  {
    const std::uint64_t at = address - begin_;
    return at < size_ && (words_[at / 64] >> (at % 64) & 1) != 0;
  }
  void set(std::uint64_t address)
  {
    const std::uint64_t at = address - begin_;
    if (at < size_)
      words_[at / 64] |= std::uint64_t{1} << (at % 64);
  }
  void set(std::uint64_t begin, std::uint64_t end)
  {
    for (; begin < end; ++begin)
      set(begin);
  }

 private:
  std::uint64_t begin_ = 0;
  std::uint64_t size_ = 0;
  array<std::uint64_t> words_;
};

// The last instructions that were decoded, newest last.
class recent_instructions {
 public:
  static constexpr std::size_t count = 16;
  void clear() { size_ = 0; }
  void add(const std::uint8_t* bytes, std::uint8_t length)
  {
    list_[size_++ % count] = {bytes, length};
  }

  // Whether what the register holds is a sum: a table of distances, or code at
  // a computed distance.
  bool is_sum(std::uint8_t wanted) const
  {
    const std::size_t seen = std::min(size_, count);
    for (std::size_t i = 1; i <= seen; ++i) {
      const entry& each = list_[(size_ - i) % count];
      instruction one;
      register_use use;
      if (decode(each.bytes, each.length, 0, one, use) &&
          (use.writes >> wanted & 1) != 0)
        return use.is_add;
    }
    return false;
  }

 private:
  struct entry {
    const std::uint8_t* bytes;
    std::uint8_t length;
  };
  entry list_[count] = {};
  std::size_t size_ = 0;
};

}  // namespace

// The walk over all code, and what only it needs.
class code_walk {
 public:
  code_walk(code_map& map, elf_file& file) : map_(map), file_(file) {}

  hp_status run(std::span<const code_map::place> known);

 private:
  // A table of distances that an extent may jump by.
  struct table_candidate {
    std::uint64_t address;
    std::size_t extent;
  };
  static constexpr std::size_t none = static_cast<std::size_t>(-1);

  bool find_code();
  bool make_extents(std::span<const code_map::place> known);
  void decode_extent(std::size_t number);
  void decode_from(std::uint64_t begin, std::uint64_t end, std::size_t extent);
  void note(const instruction& one, std::uint64_t at, std::size_t extent);
  void add_reference(std::uint64_t to, std::uint64_t from, reference_kind kind);
  void read_tables();
  void read_table(const table_candidate& table, std::uint64_t end);
  void read_data();
  std::uint64_t relocated_value(const Elf64_Rela& entry,
                                const elf_section& symbols);
  void read_relocations();
  void decode_gaps();
  void decode_targets();
  void find_pads();
  void find_pad(std::uint64_t begin, std::uint64_t end);
  bool in_code(std::uint64_t address) const
  {
    return !map_.code_at(address).empty();
  }

  code_map& map_;
  elf_file& file_;
  byte_marks starts_;   // of instructions
  byte_marks kept_;     // near the beginning of an extent
  byte_marks targets_;  // something leads there
  array<std::uint64_t> to_decode_;
  array<table_candidate> tables_;
  recent_instructions recent_;
  bool jumps_by_distance_ = false;  // the extent that is decoded
  bool complete_ = true;            // there was memory for everything
};

// Executable sections, or segments where there are no headers of sections.
bool code_walk::find_code()
{
  elf_section section;
  for (std::size_t i = 1; i < file_.section_count(); ++i) {
    if (!file_.section(i, section) || section.type != SHT_PROGBITS ||
        (section.flags & SHF_EXECINSTR) == 0 || section.size == 0)
      continue;
    const memory_range* const range = map_.view().find(section.address);
    if (range == nullptr || !range->contains(section.address, section.size))
      continue;
    if (!map_.code_.append(
            {section.address, section.size, range->at(section.address), true}))
      return false;
  }
  if (map_.code_.empty())
    for (const memory_range& range : map_.ranges_)
      if (range.executable && !map_.code_.append(range))
        return false;
  return true;
}

bool code_walk::make_extents(std::span<const code_map::place> known)
{
  array<code_map::place> frames;
  // Where it is damaged, symbols have to do.
  (void)read_frame_extents(file_, map_.view(), frames);
  array<code_extent>& extents = map_.extents_;
  for (const code_map::place& each : frames)
    if (in_code(each.begin) && in_code(each.end - 1) &&
        !extents.append({each.begin, each.end, true}))
      return false;
  for (const code_map::place& each : known)
    if (in_code(each.begin) &&
        !extents.append(
            {each.begin, in_code(each.end - 1) ? each.end : each.begin}))
      return false;
  std::sort(extents.begin(), extents.end(),
            [](const code_extent& a, const code_extent& b) {
              return a.begin != b.begin ? a.begin < b.begin
                     : a.end != b.end   ? a.end < b.end
                                        : a.has_frame < b.has_frame;
            });
  // Several names for one function; the longest extent remains.
  std::size_t size = 0;
  for (const code_extent& each : extents)
    if (size != 0 && extents[size - 1].begin == each.begin)
      extents[size - 1] = each;
    else
      extents[size++] = each;
  extents.truncate(size);
  // One without a size reaches to the next, or to the end of its section.
  for (std::size_t i = 0; i < size; ++i) {
    code_extent& each = extents[i];
    if (each.end > each.begin)
      continue;
    each.end = each.begin + map_.code_at(each.begin).size();
    if (i + 1 < size)
      each.end = std::min(each.end, extents[i + 1].begin);
  }
  if (!map_.reach_.resize(size))
    return false;
  std::uint64_t reach = 0;
  for (std::size_t i = 0; i < size; ++i)
    map_.reach_[i] = reach = std::max(reach, extents[i].end);
  return true;
}

void code_walk::add_reference(std::uint64_t to, std::uint64_t from,
                              reference_kind kind)
{
  if (!in_code(to))
    return;
  targets_.set(to);
  if (kept_.has(to) && !map_.references_.append({to, from, kind}))
    complete_ = false;
  if (!starts_.has(to) && !to_decode_.append(to))
    complete_ = false;
}

void code_walk::note(const instruction& one, std::uint64_t at,
                     std::size_t extent)
{
  switch (one.way) {
    case flow::jump:
    case flow::branch:
      add_reference(one.target, at, reference_kind::branch);
      break;
    case flow::call:
      add_reference(one.target, at + one.length, reference_kind::call);
      break;
    case flow::computed_jump:
      if (one.jump_register != instruction::none &&
          recent_.is_sum(one.jump_register))
        jumps_by_distance_ = true;
      break;
    default:
      break;
  }
  if (one.displacement_at == 0)
    return;
  if (in_code(one.operand))
    add_reference(one.operand, at, reference_kind::address);
  else if (one.is_lea && extent != none &&
           !tables_.append({one.operand, extent}))
    complete_ = false;
}

// Every instruction from `begin` on that is not known yet.  Where bytes are no
// instruction the next byte is tried.
void code_walk::decode_from(std::uint64_t begin, std::uint64_t end,
                            std::size_t extent)
{
  const std::span<const std::uint8_t> code = map_.code_at(begin);
  const std::uint64_t limit = std::min(end, begin + code.size());
  recent_.clear();
  instruction one;
  bool falls_through = true;
  for (std::uint64_t at = begin; at < limit;) {
    if (starts_.has(at) && extent == none)
      return;
    const std::uint8_t* const bytes = code.data() + (at - begin);
    if (!decode(bytes, code.size() - (at - begin), at, one)) {
      if (extent != none)
        map_.extents_[extent].undecodable = true;
      ++at;
      continue;
    }
    if (!starts_.has(at)) {
      starts_.set(at);
      recent_.add(bytes, one.length);
      note(one, at, extent);
    } else {
      recent_.add(bytes, one.length);
      if (one.way == flow::computed_jump || one.is_lea)
        note(one, at, extent);
    }
    if (!is_filler(one) || one.is_int3)
      falls_through = one.way != flow::jump && one.way != flow::end &&
                      one.way != flow::computed_jump;
    at += one.length;
    if (extent != none && at > end)
      map_.extents_[extent].undecodable = true;
  }
  if (extent != none) {
    // A call in the last place does not come back.
    map_.extents_[extent].falls_through = falls_through &&
                                          one.way != flow::call &&
                                          one.way != flow::computed_call;
  }
}

void code_walk::decode_extent(std::size_t number)
{
  code_extent& extent = map_.extents_[number];
  const std::size_t first_table = tables_.size();
  jumps_by_distance_ = false;
  decode_from(extent.begin, extent.end, number);
  // Until a table is found.
  extent.computes_distance = jumps_by_distance_;
  if (!jumps_by_distance_)
    tables_.truncate(first_table);
}

// Distances from the table, up to the first that does not lead to code.
void code_walk::read_table(const table_candidate& table, std::uint64_t end)
{
  const memory_range* const range = map_.view().find(table.address);
  if (range == nullptr || range->executable)
    return;
  code_extent& extent = map_.extents_[table.extent];
  std::uint64_t at = table.address;
  for (; at < end && range->contains(at, 4); at += 4) {
    std::int32_t distance;
    std::memcpy(&distance, range->at(at), sizeof distance);
    const std::uint64_t target =
        table.address + static_cast<std::uint64_t>(std::int64_t{distance});
    if (!in_code(target))
      return;
    if (at == table.address &&
        target - extent.begin < extent.end - extent.begin)
      extent.computes_distance = false;
    add_reference(target, extent.begin, reference_kind::table);
  }
}

void code_walk::read_tables()
{
  std::sort(tables_.begin(), tables_.end(),
            [](const table_candidate& a, const table_candidate& b) {
              return a.address < b.address;
            });
  for (std::size_t i = 0; i < tables_.size(); ++i) {
    std::size_t next = i + 1;
    while (next < tables_.size() && tables_[next].address == tables_[i].address)
      ++next;
    read_table(tables_[i],
               next < tables_.size() ? tables_[next].address : UINT64_MAX);
  }
}

// Words that are addresses in code.
void code_walk::read_data()
{
  elf_section section;
  for (std::size_t i = 1; i < file_.section_count(); ++i) {
    if (!file_.section(i, section) || (section.flags & SHF_ALLOC) == 0 ||
        (section.flags & SHF_EXECINSTR) != 0 || section.type == SHT_NOBITS)
      continue;
    const memory_range* const range = map_.view().find(section.address);
    if (range == nullptr || !range->contains(section.address, section.size))
      continue;
    const std::uint64_t end = section.address + section.size;
    for (std::uint64_t at = (section.address + 7) & ~std::uint64_t{7};
         at < end && end - at >= 8; at += 8) {
      std::uint64_t word;
      std::memcpy(&word, range->at(at), sizeof word);
      add_reference(word, 0, reference_kind::address);
    }
  }
}

// The address that a dynamic relocation puts somewhere, as far as the file
// tells; 0: it does not.
std::uint64_t code_walk::relocated_value(const Elf64_Rela& entry,
                                         const elf_section& symbols)
{
  const auto addend = static_cast<std::uint64_t>(entry.r_addend);
  switch (ELF64_R_TYPE(entry.r_info)) {
    case R_X86_64_RELATIVE:
    case R_X86_64_IRELATIVE:
      return addend;
    case R_X86_64_64:
    case R_X86_64_GLOB_DAT:
    case R_X86_64_JUMP_SLOT:
      break;
    default:
      return 0;
  }
  const std::uint64_t at = ELF64_R_SYM(entry.r_info) * sizeof(Elf64_Sym);
  if (symbols.type != SHT_DYNSYM || at > symbols.size ||
      symbols.size - at < sizeof(Elf64_Sym))
    return 0;
  const unsigned char* const bytes = file_.chunk(symbols.offset, symbols.size);
  if (bytes == nullptr)
    return 0;
  Elf64_Sym symbol;
  std::memcpy(&symbol, bytes + at, sizeof symbol);
  return symbol.st_shndx == SHN_UNDEF ? 0 : symbol.st_value + addend;
}

void code_walk::read_relocations()
{
  elf_section section;
  for (std::size_t i = 1; i < file_.section_count(); ++i) {
    if (!file_.section(i, section) || section.type != SHT_RELA)
      continue;
    elf_section symbols;
    (void)file_.section(section.link, symbols);
    const unsigned char* const bytes =
        file_.chunk(section.offset, section.size);
    if (bytes == nullptr)
      continue;
    for (std::uint64_t at = 0; section.size - at >= sizeof(Elf64_Rela);
         at += sizeof(Elf64_Rela)) {
      Elf64_Rela entry;
      std::memcpy(&entry, bytes + at, sizeof entry);
      add_reference(relocated_value(entry, symbols), 0,
                    reference_kind::address);
    }
  }
}

// What no table calls a function: assembly without either.
void code_walk::decode_gaps()
{
  for (const memory_range& section : map_.code_) {
    std::uint64_t at = section.address;
    const std::uint64_t end = section.address + section.size;
    for (const code_extent& extent : map_.extents_) {
      if (extent.end <= at || extent.begin >= end)
        continue;
      if (extent.begin > at)
        decode_from(at, extent.begin, none);
      at = std::max(at, extent.end);
    }
    if (at < end)
      decode_from(at, end, none);
  }
}

// What is led to and was not decoded from there: inside of what was taken for
// an instruction, or for nothing.
void code_walk::decode_targets()
{
  for (std::size_t i = 0; i < to_decode_.size() && complete_; ++i)
    if (const std::uint64_t at = to_decode_[i]; !starts_.has(at))
      decode_from(at, at + map_.code_at(at).size(), none);
}

void code_walk::find_pad(std::uint64_t begin, std::uint64_t end)
{
  const std::span<const std::uint8_t> code = map_.code_at(begin);
  if (code.size() < end - begin)
    return;
  instruction one;
  for (std::uint64_t at = begin; at < end; at += one.length)
    if (!decode(code.data() + (at - begin), end - at, at, one) ||
        !is_filler(one) || targets_.has(at))
      return;
  if (!map_.pads_.append({begin, end}))
    complete_ = false;
}

void code_walk::find_pads()
{
  const array<code_extent>& extents = map_.extents_;
  const code_extent* last = nullptr;  // the one that ends last so far
  for (const code_extent& each : extents) {
    // What begins in the middle of another is no end of dead bytes.
    if (last != nullptr && each.begin > last->end && !last->falls_through &&
        each.begin - last->end < 4096)
      find_pad(last->end, each.begin);
    if (last == nullptr || each.end > last->end ||
        (each.end == last->end && each.falls_through))
      last = &each;
  }
}

hp_status code_walk::run(std::span<const code_map::place> known)
{
  if (file_.type() != ET_EXEC && file_.type() != ET_DYN)
    return fail(HP_UNSUPPORTED,
                "%s: it is not linked, so its functions have no addresses; "
                "look at what it is linked to",
                file_.label());
  if (const hp_status status = lay_out_segments(file_, map_.ranges_);
      status != HP_OK)
    return status;
  if (!find_code() || !sort_ranges(map_.code_.data(), map_.code_.size()))
    return fail(HP_MALFORMED, "%s: its sections of code overlap",
                file_.label());
  if (map_.code_.empty())
    return fail(HP_MALFORMED, "%s: it has no code", file_.label());
  const memory_range& last = map_.code_[map_.code_.size() - 1];
  const std::uint64_t begin = map_.code_[0].address;
  const std::uint64_t end = last.address + last.size;
  // A hostile file may claim that its sections are far apart.
  constexpr std::uint64_t most = std::uint64_t{1} << 32;
  if (end - begin > most)
    return fail(HP_UNSUPPORTED, "%s: its code spans more than 4 GiB",
                file_.label());
  complete_ = make_extents(known) && starts_.cover(begin, end) &&
              kept_.cover(begin, end) && targets_.cover(begin, end);
  if (complete_) {
    for (const code_extent& each : map_.extents_)
      kept_.set(each.begin, each.begin + code_map::kept_distance);
    for (std::size_t i = 0; i < map_.extents_.size(); ++i)
      decode_extent(i);
    read_tables();
    if (HP_COUNTERMEASURE(whole_object)) {
      read_data();
      read_relocations();
      decode_gaps();
      decode_targets();
    }
    find_pads();
  }
  if (!complete_)
    return fail(HP_NO_MEMORY, "%s: no memory to decode its code",
                file_.label());
  std::sort(map_.references_.begin(), map_.references_.end(),
            [](const code_reference& a, const code_reference& b) {
              return a.to != b.to ? a.to < b.to : a.from < b.from;
            });
  return HP_OK;
}

hp_status code_map::load(elf_file& file, std::span<const place> known) noexcept
{
  return code_walk(*this, file).run(known);
}

std::span<const std::uint8_t> code_map::code_at(
    std::uint64_t address) const noexcept
{
  const memory_range* const range =
      memory_view{code_.data(), code_.size()}.find(address);
  if (range == nullptr)
    return {};
  return {range->at(address), range->size - (address - range->address)};
}

const code_extent* code_map::extent_at(std::uint64_t address) const noexcept
{
  const code_extent* const above =
      std::upper_bound(extents_.begin(), extents_.end(), address,
                       [](std::uint64_t where, const code_extent& e) {
                         return where < e.begin;
                       });
  for (std::size_t i = static_cast<std::size_t>(above - extents_.begin());
       i-- > 0 && reach_[i] > address;)
    if (extents_[i].end > address)
      return &extents_[i];
  return nullptr;
}

std::span<const code_reference> code_map::references(
    std::uint64_t begin, std::uint64_t end) const noexcept
{
  const auto before = [](const code_reference& a, std::uint64_t to) {
    return a.to < to;
  };
  const code_reference* const first =
      std::lower_bound(references_.begin(), references_.end(), begin, before);
  const code_reference* const last =
      std::lower_bound(first, references_.end(), end, before);
  return {first, last};
}

}  // namespace hotpatch::unprepared
