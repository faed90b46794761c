// The level at which a change is made: its number in a patch object, and its
// name in sources, on command lines and on the control socket.
//
// A value, for the plugin, the runtime and the tools.
//
// SPDX-License-Identifier: MIT
#ifndef HOTPATCH_FORMAT_LEVEL_H
#define HOTPATCH_FORMAT_LEVEL_H

#include <cstddef>
#include <cstdint>
#include <cstring>

namespace hotpatch::format {

// As patch_header has it.  The others are one more than their hp_level, which
// has no number for "unstated".
enum class level : std::uint32_t {
  unstated,
  immediate,
  strict,
  quiescent,
  safepoint,
};

// By its number.
inline constexpr const char* level_names[] = {
    "", "immediate", "strict", "quiescent", "safepoint",
};
// For messages about a text that is no level.
inline constexpr char level_choices[] =
    "quiescent, immediate, strict or safepoint";

constexpr const char* name_of(level which) noexcept
{
  return level_names[static_cast<std::size_t>(which)];
}

constexpr bool is_level(std::uint32_t number) noexcept
{
  return number <= static_cast<std::uint32_t>(level::safepoint);
}

// False: `name` is none of a level that can be stated.
inline bool parse_level(const char* name, level& into) noexcept
{
  for (std::uint32_t number = 1; is_level(number); ++number)
    if (std::strcmp(name, level_names[number]) == 0) {
      into = static_cast<level>(number);
      return true;
    }
  return false;
}

}  // namespace hotpatch::format

#endif
