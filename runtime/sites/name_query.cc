// Taking a query apart and holding a site against it.
// SPDX-License-Identifier: MIT
#include "runtime/sites/name_query.h"

#include <algorithm>
#include <cstring>

#include "runtime/base/countermeasure.h"
#include "runtime/sites/name_demangle.h"
#include "runtime/sites/name_text.h"

namespace hotpatch {

namespace {

constexpr std::string_view operator_word = "operator";

bool in_identifier(char c) noexcept
{
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
         (c >= '0' && c <= '9') || c == '_' || c == '$' ||
         static_cast<unsigned char>(c) >= 0x80;
}

// "a/conn.c" is meant by "conn.c" and "a/conn.c": whole components, from the
// end.
bool ends_with_path(std::string_view path, std::string_view tail) noexcept
{
  return ends_with(path, tail) &&
         (path.size() == tail.size() ||
          path.data()[path.size() - tail.size() - 1] == '/');
}

// The place of the '!' after an image's name, or nowhere.  The '!' of
// operator! and operator!= is none.
std::size_t image_mark(std::string_view text) noexcept
{
  const std::size_t mark = find(text, '!');
  if (mark == nowhere || mark == 0 ||
      ends_with(first_of(text, mark), operator_word))
    return nowhere;
  return mark;
}

// The place of the ':' after a file's name, or nowhere: a single one, before
// any bracket.
std::size_t file_mark(std::string_view text) noexcept
{
  const char* at = text.data();
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (std::memchr("(<{[", at[i], 4))
      break;
    if (at[i] != ':')
      continue;
    if (i + 1 < text.size() && at[i + 1] == ':') {
      ++i;
      continue;
    }
    return i == 0 ? nowhere : i;
  }
  return nowhere;
}

// Names that the mangling replaces by two letters (Itanium C++ ABI, 5.1.10
// "Compression"), so they need not occur in it.
bool is_abbreviated(std::string_view identifier) noexcept
{
  for (const std::string_view name :
       {"std", "allocator", "basic_string", "string", "basic_istream",
        "istream", "basic_ostream", "ostream", "basic_iostream", "iostream"}) {
    if (equal(identifier, name))
      return true;
  }
  return false;
}

// Where the bracket that opens at `at` has been closed.
std::size_t skip_brackets(std::string_view text, std::size_t at) noexcept
{
  std::size_t depth = 0;
  for (; at < text.size(); ++at) {
    const char c = text.data()[at];
    if (std::memchr("(<{[", c, 4))
      ++depth;
    else if (std::memchr(")>}]", c, 4) && --depth == 0)
      return at + 1;
  }
  return at;
}

// After "@shop.net" or "@shop:part".
std::size_t skip_module(std::string_view text, std::size_t at) noexcept
{
  for (++at; at < text.size(); ++at) {
    const char c = text.data()[at];
    const bool is_part =
        c == ':' && at + 1 < text.size() && text.data()[at + 1] != ':';
    if (!in_identifier(c) && c != '.' && !is_part)
      break;
  }
  return at;
}

}  // namespace

name_query::name_query(std::string_view text) noexcept : name_(text)
{
  if (const std::size_t mark = image_mark(name_); mark != nowhere) {
    image_ = first_of(name_, mark);
    name_ = rest_of(name_, mark + 1);
  }
  if (const std::size_t mark = file_mark(name_); mark != nowhere) {
    file_ = first_of(name_, mark);
    name_ = rest_of(name_, mark + 1);
    if (begins_with(file_, "./"))
      file_ = rest_of(file_, 2);
  }
  take_number();
  find_identifier();
}

// "#2" or "#all" at the end.  That of "{lambda()#1}" is inside braces.
void name_query::take_number() noexcept
{
  constexpr std::string_view all = "#all";
  if (name_.size() > all.size() && ends_with(name_, all)) {
    wants_all_ = HP_COUNTERMEASURE(all_of_a_name);
    name_ = first_of(name_, name_.size() - all.size());
    return;
  }
  constexpr std::size_t most_digits = 9;
  std::size_t digits = 0;
  std::uint32_t value = 0;
  for (std::uint32_t unit = 1; digits < name_.size() && digits < most_digits;
       ++digits, unit *= 10) {
    const char c = name_.data()[name_.size() - 1 - digits];
    if (c < '0' || c > '9')
      break;
    value += static_cast<std::uint32_t>(c - '0') * unit;
  }
  if (value == 0 || name_.size() < digits + 2 ||
      name_.data()[name_.size() - digits - 1] != '#')
    return;
  number_ = value;
  name_ = first_of(name_, name_.size() - digits - 1);
}

// The last identifier outside all brackets and before the parameters: that of
// the function, or of its class if the function is an operator.
void name_query::find_identifier() noexcept
{
  std::size_t at = 0;
  while (at < name_.size()) {
    const std::string_view rest = rest_of(name_, at);
    std::size_t length = 0;
    while (length < rest.size() && in_identifier(rest.data()[length]))
      ++length;
    if (length == 0) {
      const bool bracket = std::memchr("(<{[", rest.data()[0], 4) != nullptr;
      // "(anonymous namespace)", "{lambda(int)#1}": no identifier is certain
      // until the next one.
      if (bracket)
        identifier_ = {};
      at = bracket ? skip_brackets(name_, at) : at + 1;
      continue;
    }
    if (equal(first_of(rest, length), operator_word))
      break;
    identifier_ = first_of(rest, length);
    at += length;
    // Parameters follow an identifier, its tags or its template arguments
    // directly.
    for (;;) {
      if (at < name_.size() && name_.data()[at] == '@')
        at = skip_module(name_, at);
      else if (begins_with(rest_of(name_, at), "[abi:") ||
               (at < name_.size() && name_.data()[at] == '<'))
        at = skip_brackets(name_, at);
      else
        break;
    }
    if (at < name_.size() && name_.data()[at] == '(')
      break;
  }
  if (identifier_.size() == 0 || is_abbreviated(identifier_))
    return;
  // Not by snprintf, which takes longer than all the rest of a lookup.
  char digits[20];
  std::size_t count = 0;
  for (std::size_t left = identifier_.size(); left != 0; left /= 10)
    digits[count++] = static_cast<char>('0' + left % 10);
  if (count + identifier_.size() > sizeof needle_)
    return;
  char* const text = std::reverse_copy(digits, digits + count, needle_);
  std::memcpy(text, identifier_.data(), identifier_.size());
  needle_size_ = count + identifier_.size();
}

bool name_query::accepts_image(const char* path) const noexcept
{
  return image_.size() == 0 || ends_with_path(path, image_);
}

bool name_query::accepts_file(const char* path) const noexcept
{
  return file_.size() == 0 || ends_with_path(path, file_);
}

bool name_query::accepts_file_name(const char* name) const noexcept
{
  return accepts_file(name) || (*name != '\0' && ends_with_path(file_, name));
}

bool name_query::means(const site& candidate) const noexcept
{
  const std::string_view assembler = candidate.name;
  if (begins_with(assembler, "_Z"))
    return contains(assembler, needle()) &&
           demangles_to(candidate.name, name_.data(), name_.size());
  if (assembler.size() < name_.size() + 2 || !begins_with(assembler, name_))
    return false;
  if (begins_with(rest_of(assembler, name_.size()), "@@"))
    return true;
  if (assembler.data()[name_.size()] != '.')
    return false;
  const char* number = candidate.name + name_.size() + 1;
  return std::strspn(number, "0123456789") == std::strlen(number);
}

bool share_name(const site& a, const site& b) noexcept
{
  return std::strcmp(a.name, b.name) == 0 && std::strcmp(a.file, b.file) == 0;
}

}  // namespace hotpatch
