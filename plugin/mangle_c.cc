// The Itanium C++ ABI mangling of C types, for the compiler that has none.
//
// SPDX-License-Identifier: GPL-3.0-or-later
#include "plugin/mangle_c.h"

namespace hotpatch {

std::string mangle_c_type(tree)
{
  return {};
}

}  // namespace hotpatch
