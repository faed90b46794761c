// Slices of text for the name layer.
//
// std::string_view is used for its data and size only: its substr, starts_with
// and ends_with refer to functions of libstdc++ (out_of_range) when they are
// not inlined, and this library must link without it.  Pure.
//
// SPDX-License-Identifier: MIT
#ifndef HOTPATCH_RUNTIME_NAME_TEXT_H
#define HOTPATCH_RUNTIME_NAME_TEXT_H

#include <cstring>
#include <string_view>

namespace hotpatch {

inline constexpr std::size_t nowhere = static_cast<std::size_t>(-1);

inline std::string_view first_of(std::string_view text,
                                 std::size_t count) noexcept
{
  return {text.data(), count};
}

inline std::string_view rest_of(std::string_view text,
                                std::size_t from) noexcept
{
  return {text.data() + from, text.size() - from};
}

inline bool equal(std::string_view a, std::string_view b) noexcept
{
  return a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size()) == 0;
}

inline bool begins_with(std::string_view text, std::string_view head) noexcept
{
  return text.size() >= head.size() && equal(first_of(text, head.size()), head);
}

inline bool ends_with(std::string_view text, std::string_view tail) noexcept
{
  return text.size() >= tail.size() &&
         equal(rest_of(text, text.size() - tail.size()), tail);
}

// Where `c` is first, or nowhere.
inline std::size_t find(std::string_view text, char c) noexcept
{
  const void* found = std::memchr(text.data(), c, text.size());
  return found ? static_cast<std::size_t>(static_cast<const char*>(found) -
                                          text.data())
               : nowhere;
}

inline bool contains(std::string_view text, std::string_view part) noexcept
{
  return memmem(text.data(), text.size(), part.data(), part.size()) != nullptr;
}

}  // namespace hotpatch

#endif
