// What only the C++ front end can tell.
//
// SPDX-License-Identifier: GPL-3.0-or-later
#include "plugin/cxx.h"

extern bool nothrow_spec_p(const_tree) __attribute__((weak));
extern saved_scope* scope_chain __attribute__((weak));
extern const char* mangle_type_string(const tree) __attribute__((weak));

namespace hotpatch {

bool is_cxx()
{
  return !strncmp(lang_hooks.name, "GNU C++", 7);
}

bool is_c()
{
  return !is_cxx() && !strncmp(lang_hooks.name, "GNU C", 5);
}

bool has_noexcept(tree function_type)
{
  if (!is_cxx())
    return false;
  const tree specification = TYPE_RAISES_EXCEPTIONS(function_type);
  return specification && !DEFERRED_NOEXCEPT_SPEC_P(specification) &&
         !UNEVALUATED_NOEXCEPT_SPEC_P(specification) &&
         nothrow_spec_p(specification);
}

bool is_constexpr(tree decl)
{
  return is_cxx() && DECL_DECLARED_CONSTEXPR_P(decl);
}

bool is_implicit(tree decl)
{
  return is_cxx() && DECL_LANG_SPECIFIC(decl) &&
         (DECL_DEFAULTED_FN(decl) || DECL_LAMBDA_FUNCTION_P(decl));
}

bool is_consteval(tree decl)
{
  return is_cxx() && DECL_LANG_SPECIFIC(decl) &&
         DECL_IMMEDIATE_FUNCTION_P(decl);
}

bool parsing_a_template()
{
  return is_cxx() && scope_chain && processing_template_decl;
}

std::string mangle_cxx_type(tree type)
{
  return is_cxx() ? mangle_type_string(type) : "";
}

}  // namespace hotpatch
