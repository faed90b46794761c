// Colours for terminals that want them.
//
// SPDX-License-Identifier: MIT
#include "tools/colours.h"

#include <cstdlib>
#include <cstring>

#include <unistd.h>

namespace hotpatch::tools {

namespace {

constexpr colours plain;
constexpr colours ansi = {"\x1b[1m", "\x1b[2m", "\x1b[32m", "\x1b[31m",
                          "\x1b[0m"};

bool terminal_wants_colour(int descriptor)
{
  const char* refused = std::getenv("NO_COLOR");
  if (refused && *refused != '\0')
    return false;
  const char* kind = std::getenv("TERM");
  return isatty(descriptor) && kind && std::strcmp(kind, "dumb") != 0;
}

}  // namespace

const colours& choose_colours(colour_mode mode, int descriptor)
{
  if (mode == colour_mode::automatic)
    return terminal_wants_colour(descriptor) ? ansi : plain;
  return mode == colour_mode::always ? ansi : plain;
}

}  // namespace hotpatch::tools
