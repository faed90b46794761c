// Gathers what a record says about a function and only the front end knows.
//
// SPDX-License-Identifier: GPL-3.0-or-later
#include "plugin/facts.h"

#include "plugin/cxx.h"
#include "plugin/names.h"
#include "plugin/optimisation.h"
#include "plugin/prototype.h"
#include "plugin/type_layout.h"

#include "format/record.h"

namespace hotpatch {

namespace {

std::uint32_t flags_of(tree decl)
{
  const struct {
    bool holds;
    format::site_flag flag;
  } facts[] = {
      {!TREE_PUBLIC(decl), format::site_static},
      {DECL_COMDAT(decl) || DECL_ONE_ONLY(decl), format::site_comdat},
      {DECL_VIRTUAL_P(decl) != 0, format::site_virtual},
      {TREE_CODE(TREE_TYPE(decl)) == METHOD_TYPE, format::site_method},
      {DECL_CXX_CONSTRUCTOR_P(decl) != 0, format::site_constructor},
      {DECL_CXX_DESTRUCTOR_P(decl) != 0, format::site_destructor},
      {DECL_LAMBDA_FUNCTION_P(decl) != 0, format::site_lambda},
      {DECL_STATIC_CHAIN(decl) != 0, format::site_nested},
      {stdarg_p(TREE_TYPE(decl)), format::site_variadic},
      {is_cxx(), format::site_cxx},
      {promised_nothrow(decl), format::site_nothrow},
      {TREE_THIS_VOLATILE(decl) != 0, format::site_noreturn},
  };
  std::uint32_t flags = 0;
  for (const auto& fact : facts)
    if (fact.holds)
      flags |= fact.flag;
  return flags;
}

struct type_facts {
  std::string mangled;
  std::uint64_t layout;
};

// Functions of one type mostly share its node.  GCC's garbage collector does
// not run while facts are gathered, so a node stays what it is.
const type_facts& facts_of_type(tree decl)
{
  static std::map<tree, type_facts> known;
  const tree type = plain_type_of(decl);
  const auto [at, is_new] = known.try_emplace(type);
  if (is_new)
    at->second = {mangled_type_of(decl),
                  is_c() || is_cxx() ? layout_hash_of(type) : 0};
  return at->second;
}

}  // namespace

site_facts gather_facts(tree decl)
{
  const type_facts& type = facts_of_type(decl);
  return {flags_of(decl), ggc_strdup(assembler_name(decl).c_str()),
          type.mangled.c_str(), type.layout};
}

}  // namespace hotpatch
