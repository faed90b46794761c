// The type of a function in Itanium mangling, the same for C and C++.
//
// SPDX-License-Identifier: GPL-3.0-or-later
#include "plugin/prototype.h"

#include "plugin/cxx.h"
#include "plugin/mangle_c.h"

namespace hotpatch {

std::string mangled_type_of(tree decl)
{
  const tree type = TREE_TYPE(decl);
  if (is_c())
    return mangle_c_type(type);
  // A fresh function type: METHOD_TYPE becomes a plain function with `this`
  // in front, and exception specification and attributes are gone.
  return mangle_cxx_type(
      build_function_type(TREE_TYPE(type), TYPE_ARG_TYPES(type)));
}

}  // namespace hotpatch
