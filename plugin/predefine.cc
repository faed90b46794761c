// The macro by which a source file learns that the plugin is loaded.
//
// SPDX-License-Identifier: GPL-3.0-or-later
#include "plugin/predefine.h"

#include "plugin/cxx.h"

// Of cc1 and cc1plus; the link-time compiler has no preprocessor in use.
extern cpp_reader* parse_in __attribute__((weak));

namespace hotpatch {

void predefine_macro()
{
  if (!is_c() && !is_cxx())
    return;
  // A file that was preprocessed before (-save-temps, ccache) has the macro
  // expanded, and a definition here would be taken for its first line.
  if (!cpp_get_options(parse_in)->preprocessed)
    cpp_define(parse_in, "__HOTPATCH__=1");
}

}  // namespace hotpatch
