// What happens to chosen functions while a translation unit is compiled from
// source: they are made safe, checked, and marked for code generation.
//
// In two steps.  When a body has been parsed, what later functions of the unit
// must not learn from it is hidden.  When the unit is complete and every name
// and type is final, the choice is definite and the facts are attached.
//
// SPDX-License-Identifier: GPL-3.0-or-later
#include "plugin/front_end.h"

#include "plugin/against.h"
#include "plugin/attribute.h"
#include "plugin/choose.h"
#include "plugin/cxx.h"
#include "plugin/definitions.h"
#include "plugin/facts.h"
#include "plugin/inlining.h"
#include "plugin/link_guard.h"
#include "plugin/names.h"
#include "plugin/optimisation.h"
#include "plugin/options.h"
#include "plugin/patch_records.h"
#include "plugin/refuse.h"
#include "plugin/report.h"
#include "plugin/type_layout.h"

namespace hotpatch {

namespace {

void finish_parse_function(void* event, void*)
{
  const tree decl = static_cast<tree>(event);
  if (!decl || TREE_CODE(decl) != FUNCTION_DECL || parsing_a_template())
    return;
  keep_patch_part(decl);
  const choice reason = choose_early(decl);
  if (reason == choice::none || refuse_target())
    return;
  if (name_is_settled(decl)) {
    if (!can_have_site(decl, reason))
      return;
    warn_of_limits(decl, reason);
  }
  assume_it_throws(decl);
  // A user who marks one function wants to find it in the program, even if
  // nothing calls it there.
  if (reason == choice::attribute)
    add_attribute(decl, "used");
}

// Of a member more is known when its class is complete.
void finish_declaration(void* event, void*)
{
  const tree decl = static_cast<tree>(event);
  if (decl && TREE_CODE(decl) == FUNCTION_DECL && !DECL_CLASS_SCOPE_P(decl))
    refuse_bodiless(decl);
}

void finish_type(void* event, void*)
{
  const tree type = static_cast<tree>(event);
  if (type && TYPE_P(type))
    note_enumeration(type);
  if (type && TYPE_P(type))
    for (const tree member : declared_members(type))
      refuse_bodiless(member);
}

// A function that the source itself names is never inlined.
bool may_be_inlined(choice reason)
{
  return current_options().inlining && reason != choice::attribute;
}

void give_site(tree decl)
{
  const choice reason = choose(decl);
  if (reason == choice::none || refuse_target() || !can_have_site(decl, reason))
    return;
  if (may_be_inlined(reason))
    allow_inlining(decl);
  else
    hide_body(decl);
  // Another translation unit has its code, and there it gets its site.
  if (DECL_EXTERNAL(decl))
    return;
  warn_of_limits(decl, reason);
  if (current_options().verbose)
    inform(DECL_SOURCE_LOCATION(decl), "%qD gets a patch site", decl);
  attach_facts(decl, gather_facts(decl));
  skip_passes_of(decl);
  guard_link();
}

// An alias has no code of its own: it is replaced together with its target,
// which has to be chosen.
void check_alias(cgraph_node* node)
{
  const tree target = node->ultimate_alias_target()->decl;
  const choice reason = choose(node->decl);
  if (reason != choice::none && choose(target) == choice::none)
    refuse_alias(node->decl, reason);
}

void choose_and_give_site(cgraph_node* node)
{
  const bool has_body = node->definition && !node->alias && !node->thunk;
  if (has_body)
    report_function(node->decl);
  if (node->ifunc_resolver) {
    const choice reason = choose(node->decl);
    if (reason != choice::none)
      refuse_ifunc(node->decl, reason);
  } else if (node->definition && node->alias && !node->weakref) {
    check_alias(node);
  } else if (has_body && !find_facts(node->decl)) {
    give_site(node->decl);
  }
}

void start_ipa_passes(void*, void*)
{
  if (in_lto_p)
    return;
  cgraph_node* node;
  FOR_EACH_FUNCTION(node)
  {
    if (!is_against())
      choose_and_give_site(node);
    if (node->definition && !node->alias && !node->thunk)
      take_patch_part(node->decl);
  }
  FOR_EACH_FUNCTION(node)
  if (node->thunk)
    keep_thunk(node);
  bind_own_functions();
  warn_of_copies();
  declare_imports();
  print_patch_statement();
  note_definitions();
  print_type_layouts();
  warn_of_unmatched_patterns();
}

}  // namespace

void register_front_end(const char* plugin_name)
{
  register_callback(plugin_name, PLUGIN_FINISH_DECL, finish_declaration, NULL);
  register_callback(plugin_name, PLUGIN_FINISH_TYPE, finish_type, NULL);
  register_callback(plugin_name, PLUGIN_FINISH_PARSE_FUNCTION,
                    finish_parse_function, NULL);
  register_callback(plugin_name, PLUGIN_ALL_IPA_PASSES_START, start_ipa_passes,
                    NULL);
}

}  // namespace hotpatch
