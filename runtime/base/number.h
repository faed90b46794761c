// Numbers that are written as text: everything that reads one goes through
// this.
//
// std::from_chars() knows no blanks, no locale and no wrap-around, and is made
// of headers alone.  Touches no errno; async-signal-safe.
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

// The number at the beginning of [at, end), which `at` moves past.  False:
// there is none, or it does not fit into the type.
template <typename Number>
[[nodiscard]] bool take_number(const char*& at, const char* end, Number& into,
                               int base = 10) noexcept
{
  std::from_chars_result read;
  if constexpr (std::is_integral_v<Number>)
    read = std::from_chars(at, end, into, base);
  else
    read = std::from_chars(at, end, into);
  if (read.ec != std::errc{})
    return false;
  at = read.ptr;
  return true;
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
