// What only the C++ front end can tell.
//
// SPDX-License-Identifier: GPL-3.0-or-later
#include "plugin/cxx.h"

extern bool nothrow_spec_p(const_tree) __attribute__((weak));
extern saved_scope* scope_chain __attribute__((weak));
extern const char* mangle_type_string(const tree) __attribute__((weak));
extern bool trivial_fn_p(tree) __attribute__((weak));
extern tree cp_global_trees[CPTI_MAX] __attribute__((weak));

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

// A pure virtual destructor has a definition all the same, since those of
// derived classes call it.
bodiless why_bodiless(tree decl)
{
  if (!is_cxx() || !DECL_LANG_SPECIFIC(decl))
    return bodiless::no;
  if (DECL_DELETED_FN(decl))
    return bodiless::deleted;
  if (DECL_PURE_VIRTUAL_P(decl) && !DECL_DESTRUCTOR_P(decl))
    return bodiless::pure_virtual;
  if (!DECL_DEFAULTED_IN_CLASS_P(decl))
    return bodiless::no;
  if (parsing_a_template())
    return bodiless::trivial_in_some;
  return trivial_fn_p(decl) ? bodiless::trivial : bodiless::no;
}

std::vector<tree> declared_members(tree type)
{
  std::vector<tree> members;
  if (!is_cxx() || !CLASS_TYPE_P(type))
    return members;
  for (tree it = TYPE_FIELDS(type); it; it = DECL_CHAIN(it)) {
    const tree decl = STRIP_TEMPLATE(it);
    if (TREE_CODE(decl) == FUNCTION_DECL && !DECL_CLONED_FUNCTION_P(decl) &&
        !DECL_ARTIFICIAL(decl))
      members.push_back(decl);
  }
  return members;
}

bool parsing_a_template()
{
  return is_cxx() && scope_chain && processing_template_decl;
}

tree described_class(tree decl)
{
  if (!is_cxx() || !VAR_P(decl))
    return NULL_TREE;
  if (DECL_LANG_SPECIFIC(decl) && DECL_VTABLE_OR_VTT_P(decl))
    return DECL_CONTEXT(decl);
  if (!DECL_TINFO_P(decl))
    return NULL_TREE;
  const tree type = TREE_TYPE(DECL_NAME(decl));
  return type && CLASS_TYPE_P(type) ? type : NULL_TREE;
}

namespace {

void add_enumerators(tree space, const std::string& prefix,
                     std::vector<namespace_enumerator>& into)
{
  for (tree it = NAMESPACE_LEVEL(space)->names; it; it = DECL_CHAIN(it)) {
    const std::string name =
        prefix + (DECL_NAME(it) ? IDENTIFIER_POINTER(DECL_NAME(it))
                                : "(anonymous namespace)");
    if (TREE_CODE(it) == NAMESPACE_DECL && !DECL_NAMESPACE_ALIAS(it))
      add_enumerators(it, name + "::", into);
    else if (TREE_CODE(it) == CONST_DECL &&
             TREE_CODE(TREE_TYPE(it)) == ENUMERAL_TYPE)
      into.push_back({it, name});
  }
}

}  // namespace

std::vector<namespace_enumerator> namespace_enumerators()
{
  std::vector<namespace_enumerator> found;
  if (is_cxx() && global_namespace)
    add_enumerators(global_namespace, "", found);
  return found;
}

std::string mangle_cxx_type(tree type)
{
  return is_cxx() ? mangle_type_string(type) : "";
}

}  // namespace hotpatch
