// The escape sequences of hp-list's table, empty when it is not coloured.
//
// SPDX-License-Identifier: MIT
#ifndef HOTPATCH_TOOLS_COLOURS_H
#define HOTPATCH_TOOLS_COLOURS_H

#include <string_view>

#include "tools/options.h"

namespace hotpatch::tools {

struct colours {
  std::string_view title;    // column and image headings
  std::string_view faint;    // what is seldom looked at
  std::string_view patched;  // a site that leads to a replacement
  std::string_view foreign;  // somebody else's bytes
  std::string_view reset;
};

// Decides by `mode`, the terminal and NO_COLOR (https://no-color.org).
const colours& choose_colours(colour_mode mode, int descriptor);

}  // namespace hotpatch::tools

#endif
