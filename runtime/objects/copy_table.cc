// Splitting the strings of .hotpatch.copies.
// SPDX-License-Identifier: MIT
#include "runtime/objects/copy_table.h"

#include <algorithm>
#include <cstring>

#include <elf.h>

#include "format/record.h"
#include "runtime/base/countermeasure.h"
#include "runtime/base/number.h"
#include "runtime/base/status.h"
#include "runtime/objects/type_catalogue.h"
#include "runtime/sites/name_demangle.h"
#include "runtime/sites/name_text.h"

namespace hotpatch {

namespace {

// What follows the last `c`; `text` keeps what is before it.  False: there is
// no such character.
bool cut_last(std::string_view& text, char c, std::string_view& rest)
{
  const void* found = memrchr(text.data(), c, text.size());
  if (found == nullptr)
    return false;
  const auto at =
      static_cast<std::size_t>(static_cast<const char*>(found) - text.data());
  rest = rest_of(text, at + 1);
  text = first_of(text, at);
  return true;
}

// "small header.h:1"; a file's name may have blanks.
bool parse_place(std::string_view text, copy_place& into)
{
  into.symbol = take_word(text);
  std::string_view line;
  if (into.symbol.size() == 0 || !cut_last(text, ':', line) ||
      !parse_number(line, into.line))
    return false;
  into.file = text;
  return true;
}

// "serve a.c:3 5", or "main a.c:8 1 no-site".
bool parse_holder(std::string_view text, copy_holder& into)
{
  constexpr std::string_view mark = " no-site";
  into.has_site = !ends_with(text, mark);
  if (!into.has_site)
    text = first_of(text, text.size() - mark.size());
  std::string_view count;
  return cut_last(text, ' ', count) && parse_number(count, into.count) &&
         parse_place(text, into.of);
}

// Where the two are different: at the digit after the C or D of a constructor
// or destructor, and nowhere else.
bool are_bodies_of_one(std::string_view a, std::string_view b)
{
  if (a.size() != b.size())
    return false;
  std::size_t at = 0;
  while (at < a.size() && a.data()[at] == b.data()[at])
    ++at;
  const auto is_digit = [](char c) { return c >= '0' && c <= '9'; };
  if (at == 0 || at == a.size() || !is_digit(a.data()[at]) ||
      !is_digit(b.data()[at]) ||
      (a.data()[at - 1] != 'C' && a.data()[at - 1] != 'D') ||
      !equal(rest_of(a, at + 1), rest_of(b, at + 1)))
    return false;
  char name[512];  // a longer one is not demangled anyway
  if (a.size() >= sizeof name)
    return true;
  std::memcpy(name, a.data(), a.size());
  name[a.size()] = '\0';
  return structor_of(name) != structor::none;
}

bool has_contents(const elf_section& section)
{
  return section.size != 0 && section.type != SHT_NOBITS &&
         (section.flags & SHF_COMPRESSED) == 0;
}

}  // namespace

bool is_same(const copy_place& a, const copy_place& b) noexcept
{
  return a.line == b.line && equal(a.file, b.file) &&
         (equal(a.symbol, b.symbol) || are_bodies_of_one(a.symbol, b.symbol));
}

copy_place place_of(const site& where) noexcept
{
  return {where.name, where.file, where.line};
}

// A copied function and its holders, or a unit, of which nothing is kept.
bool copy_table::add(std::string_view text, bool& enough) noexcept
{
  std::string_view line;
  if (!take_line(text, line))
    return false;
  const std::string_view kind = take_word(line);
  if (equal(kind, "unit"))
    return line.size() != 0;
  copied_function made;
  made.first = holders_.size();
  if (!equal(kind, "copied") || !parse_place(line, made.of))
    return false;
  while (take_line(text, line)) {
    copy_holder holder;
    if (!equal(take_word(line), "in") || !parse_holder(line, holder))
      return false;
    enough = enough && holders_.append(holder);
    ++made.count;
  }
  enough = enough && functions_.append(made);
  return text.size() == 0;
}

hp_status copy_table::parse(const elf_file& file,
                            std::string_view texts) noexcept
{
  bool sound = texts.data()[texts.size() - 1] == '\0';
  bool enough = true;
  for (std::size_t at = 0; sound && enough && at < texts.size();) {
    const std::size_t size = std::strlen(texts.data() + at);
    // Strings may be aligned with NULs.
    if (size != 0)
      sound = add({texts.data() + at, size}, enough);
    at += size + 1;
  }
  if (!sound)
    return fail(HP_MALFORMED, "%s: the section %s is damaged", file.label(),
                format::copies_section_name);
  if (!enough)
    return fail(HP_NO_MEMORY, "%s: out of memory", file.label());
  std::sort(functions_.begin(), functions_.end(),
            [](const copied_function& a, const copied_function& b) {
              return a.of.line < b.of.line;
            });
  return HP_OK;
}

hp_status copy_table::load(elf_file& file) noexcept
{
  functions_.clear();
  holders_.clear();
  known_ = false;
  const auto find = [](elf_file& in, elf_section& section) {
    return in.find_section(format::copies_section_name, 0, section) &&
           has_contents(section);
  };
  elf_section section;
  elf_file* source = &file;
  if (!find(file, section) && HP_COUNTERMEASURE(copies_in_debug_file)) {
    source = file.debug_file();
    if (source == nullptr || !find(*source, section))
      return HP_OK;
  }
  const unsigned char* bytes = has_contents(section)
                                   ? source->chunk(section.offset, section.size)
                                   : nullptr;
  if (bytes == nullptr)
    return HP_OK;
  const hp_status status =
      parse(*source, {reinterpret_cast<const char*>(bytes), section.size});
  known_ = status == HP_OK;
  return status;
}

std::size_t copy_table::first_at(const copy_place& which) const noexcept
{
  const copied_function* found =
      std::lower_bound(functions_.begin(), functions_.end(), which.line,
                       [](const copied_function& a, std::uint32_t line) {
                         return a.of.line < line;
                       });
  return static_cast<std::size_t>(found - functions_.begin());
}

}  // namespace hotpatch
