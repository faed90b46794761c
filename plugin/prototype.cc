// The type of a function in Itanium mangling, the same for C and C++.
//
// SPDX-License-Identifier: GPL-3.0-or-later
#include "plugin/prototype.h"

#include "plugin/cxx.h"
#include "plugin/mangle_c.h"

namespace hotpatch {

namespace {

// Of a definition in the old style, or with empty parentheses, the type says
// nothing; callers pass the promoted types.
tree with_prototype(tree decl)
{
  const tree type = TREE_TYPE(decl);
  if (prototype_p(type))
    return type;
  std::vector<tree> parameters;
  for (tree it = DECL_ARGUMENTS(decl); it; it = DECL_CHAIN(it))
    parameters.push_back(DECL_ARG_TYPE(it));
  return build_function_type_array(
      TREE_TYPE(type), static_cast<int>(parameters.size()), parameters.data());
}

}  // namespace

tree plain_type_of(tree decl)
{
  if (is_c())
    return with_prototype(decl);
  // A fresh function type: METHOD_TYPE becomes a plain function with `this`
  // in front, and exception specification and attributes are gone.
  const tree type = TREE_TYPE(decl);
  return build_function_type(TREE_TYPE(type), TYPE_ARG_TYPES(type));
}

std::string mangled_type_of(tree decl)
{
  const tree type = plain_type_of(decl);
  return is_c() ? mangle_c_type(type) : mangle_cxx_type(type);
}

}  // namespace hotpatch
