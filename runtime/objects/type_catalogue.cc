// Splitting descriptions of types into lines and finding them again.
// SPDX-License-Identifier: MIT
#include "runtime/objects/type_catalogue.h"

#include <algorithm>
#include <cstring>

#include <elf.h>

#include "format/record.h"
#include "runtime/base/status.h"
#include "runtime/sites/name_text.h"

namespace hotpatch {

namespace {

bool read_hash(std::string_view word, std::uint64_t& into)
{
  if (word.size() != 16)
    return false;
  into = 0;
  for (std::size_t i = 0; i < word.size(); ++i) {
    const char c = word.data()[i];
    const int digit = c >= '0' && c <= '9'   ? c - '0'
                      : c >= 'a' && c <= 'f' ? c - 'a' + 10
                                             : -1;
    if (digit < 0)
      return false;
    into = into << 4 | static_cast<unsigned>(digit);
  }
  return true;
}

int compare(std::string_view a, std::string_view b)
{
  const std::size_t common = std::min(a.size(), b.size());
  const int order = std::memcmp(a.data(), b.data(), common);
  return order != 0            ? order
         : a.size() < b.size() ? -1
         : a.size() > b.size() ? 1
                               : 0;
}

bool less(const type_text& a, const type_text& b)
{
  if (a.is_layout != b.is_layout)
    return a.is_layout;
  if (!a.is_layout)
    if (const int order = compare(a.name, b.name); order != 0)
      return order < 0;
  return a.hash < b.hash;
}

// "layout HASH TEXT" or "type HASH NAME", then its own lines and the others.
bool parse(std::string_view text, type_text& into)
{
  std::string_view head;
  if (!take_line(text, head))
    return false;
  const std::string_view kind = take_word(head);
  into.is_layout = equal(kind, "layout");
  if ((!into.is_layout && !equal(kind, "type")) ||
      !read_hash(take_word(head), into.hash) || head.size() == 0)
    return false;
  into.name = head;
  into.own = first_of(text, 0);
  into.uses = text;
  std::string_view line;
  while (take_line(text, line)) {
    if (begins_with(line, "uses "))
      break;
    into.own = first_of(into.uses, into.own.size() + line.size() + 1);
  }
  into.uses = rest_of(into.uses, into.own.size());
  return true;
}

}  // namespace

bool take_line(std::string_view& text, std::string_view& line) noexcept
{
  const std::size_t end = text.size() != 0 ? find(text, '\n') : nowhere;
  if (end == nowhere)
    return false;
  line = first_of(text, end);
  text = rest_of(text, end + 1);
  return true;
}

std::string_view take_word(std::string_view& line) noexcept
{
  const std::size_t end = line.size() != 0 ? find(line, ' ') : nowhere;
  const std::string_view word = end == nowhere ? line : first_of(line, end);
  line = rest_of(line, end == nowhere ? line.size() : end + 1);
  return word;
}

hp_status type_catalogue::load(elf_file& file) noexcept
{
  texts_.clear();
  elf_section section;
  if (!file.find_section(format::types_section_name, 0, section) ||
      section.size == 0)
    return HP_OK;
  const auto damaged = [&] {
    return fail(HP_MALFORMED, "%s: the section .hotpatch.types is damaged",
                file.label());
  };
  const unsigned char* bytes = section.type == SHT_NOBITS
                                   ? nullptr
                                   : file.chunk(section.offset, section.size);
  if (!bytes || bytes[section.size - 1] != '\0')
    return damaged();
  const auto* text = reinterpret_cast<const char*>(bytes);
  for (std::size_t at = 0; at < section.size;) {
    const std::size_t size = std::strlen(text + at);
    type_text made;
    // Strings may be aligned with NULs.
    if (size != 0 && !parse({text + at, size}, made))
      return damaged();
    if (size != 0 && !texts_.append(made))
      return fail(HP_NO_MEMORY, "%s: out of memory", file.label());
    at += size + 1;
  }
  std::sort(texts_.begin(), texts_.end(), less);
  return HP_OK;
}

const type_text* type_catalogue::find_layout(std::uint64_t hash) const noexcept
{
  type_text wanted;
  wanted.is_layout = true;
  wanted.hash = hash;
  const type_text* found =
      std::lower_bound(texts_.begin(), texts_.end(), wanted, less);
  return found != texts_.end() && found->is_layout && found->hash == hash
             ? found
             : nullptr;
}

const type_text* type_catalogue::find_type(std::string_view name,
                                           std::size_t& count) const noexcept
{
  type_text wanted;
  wanted.name = name;
  const type_text* first =
      std::lower_bound(texts_.begin(), texts_.end(), wanted, less);
  count = 0;
  while (first + count != texts_.end() && equal(first[count].name, name))
    ++count;
  return count != 0 ? first : nullptr;
}

const type_text* type_catalogue::find_used(std::string_view line) const noexcept
{
  type_text wanted;
  if (!equal(take_word(line), "uses") ||
      !read_hash(take_word(line), wanted.hash))
    return nullptr;
  wanted.name = line;
  const type_text* found =
      std::lower_bound(texts_.begin(), texts_.end(), wanted, less);
  return found != texts_.end() && !found->is_layout &&
                 found->hash == wanted.hash && equal(found->name, wanted.name)
             ? found
             : nullptr;
}

bool type_catalogue::reach(const type_text& from,
                           array<const type_text*>& into) const noexcept
{
  array<bool> seen;
  if (!seen.resize(texts_.size()))
    return false;
  std::size_t next = into.size();
  for (const type_text* current = &from; current != nullptr;
       current = next < into.size() ? into[next++] : nullptr) {
    std::string_view rest = current->uses;
    std::string_view line;
    while (take_line(rest, line)) {
      const type_text* used = find_used(line);
      if (used == nullptr ||
          seen[static_cast<std::size_t>(used - texts_.begin())])
        continue;
      seen[static_cast<std::size_t>(used - texts_.begin())] = true;
      if (!into.append(used))
        return false;
    }
  }
  return true;
}

}  // namespace hotpatch
