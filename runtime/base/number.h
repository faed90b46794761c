// Numbers that are written as text: everything that reads one goes through
// this.
//
// No blanks, no locale and no wrap-around.  Touches no errno;
// async-signal-safe.
//
// SPDX-License-Identifier: MIT
#ifndef HOTPATCH_RUNTIME_NUMBER_H
#define HOTPATCH_RUNTIME_NUMBER_H

#include <charconv>
#include <optional>
#include <string_view>
#include <system_error>
#include <type_traits>

namespace hotpatch {

// The value of a digit, 36 for what is none.
constexpr unsigned digit_value(char c) noexcept
{
  if (c >= '0' && c <= '9')
    return static_cast<unsigned>(c - '0');
  if (c >= 'a' && c <= 'z')
    return static_cast<unsigned>(c - 'a') + 10;
  if (c >= 'A' && c <= 'Z')
    return static_cast<unsigned>(c - 'A') + 10;
  return 36;
}

// A whole number, as std::from_chars reads it.  That one has a table that would
// be a unique symbol in a shared object which the library is linked into, and
// such an object is never unloaded.
template <typename Number>
[[nodiscard]] bool take_whole_number(const char*& at, const char* end,
                                     Number& into, int base) noexcept
{
  const char* next = at;
  const bool negative = std::is_signed_v<Number> && next != end && *next == '-';
  if (negative)
    ++next;
  const char* const first = next;
  Number value = 0;
  for (; next != end && digit_value(*next) < static_cast<unsigned>(base);
       ++next) {
    const auto digit = static_cast<Number>(digit_value(*next));
    if (__builtin_mul_overflow(value, static_cast<Number>(base), &value) ||
        (negative ? __builtin_sub_overflow(value, digit, &value)
                  : __builtin_add_overflow(value, digit, &value)))
      return false;
  }
  if (next == first)
    return false;
  into = value;
  at = next;
  return true;
}

// The number at the beginning of [at, end), which `at` moves past.  False:
// there is none, or it does not fit into the type.
template <typename Number>
[[nodiscard]] bool take_number(const char*& at, const char* end, Number& into,
                               int base = 10) noexcept
{
  if constexpr (std::is_integral_v<Number>) {
    return take_whole_number(at, end, into, base);
  } else {
    const std::from_chars_result read = std::from_chars(at, end, into);
    if (read.ec != std::errc{})
      return false;
    at = read.ptr;
    return true;
  }
}

// The number that is the whole text.  False: it is none, or does not fit.
template <typename Number>
[[nodiscard]] bool parse_number(std::string_view text, Number& into,
                                int base = 10) noexcept
{
  const char* at = text.data();
  const char* const end = at + text.size();
  Number value{};
  if (!take_number(at, end, value, base) || at != end)
    return false;
  into = value;
  return true;
}

template <typename Number>
[[nodiscard]] std::optional<Number> parse_number(std::string_view text,
                                                 int base = 10) noexcept
{
  Number value{};
  return parse_number(text, value, base) ? std::optional(value) : std::nullopt;
}

}  // namespace hotpatch

#endif
