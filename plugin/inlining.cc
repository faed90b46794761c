// Closes what lies between the source and GCC's decisions on inlining.
//
// SPDX-License-Identifier: GPL-3.0-or-later
#include "plugin/inlining.h"

#include "plugin/attribute.h"
#include "plugin/optimisation.h"
#include "plugin/options.h"

namespace hotpatch {

namespace {

// Functions that get hidden when inlining is decided on.  GCC's garbage
// collector does not know of them: they are looked up by their number.
std::set<unsigned> open_functions;

void close_analysis()
{
  HP_SWITCH_OFF(flag_ipa_cp);            // arguments that all callers pass
  HP_SWITCH_OFF(flag_ipa_cp_clone);      // f.constprop
  HP_SWITCH_OFF(flag_ipa_bit_cp);        // bits of arguments that are known
  HP_SWITCH_OFF(flag_ipa_vrp);           // ranges of arguments and results
  HP_SWITCH_OFF(flag_ipa_sra);           // f.isra
  HP_SWITCH_OFF(flag_partial_inlining);  // f.part
  HP_SWITCH_OFF(flag_ipa_pure_const);    // also nothrow, noreturn, malloc
  HP_SWITCH_OFF(flag_ipa_reference);     // statics that a body leaves alone
  HP_SWITCH_OFF(flag_ipa_reference_addressable);
  HP_SWITCH_OFF(flag_ipa_icf);  // equal functions are one
  HP_SWITCH_OFF(flag_ipa_icf_functions);
  HP_SWITCH_OFF(flag_ipa_ra);  // registers that a body leaves alone
  HP_SWITCH_OFF(flag_ipa_stack_alignment);  // alignment that it does not need
  HP_SWITCH_OFF(flag_ipa_pta);
  HP_SWITCH_OFF(flag_devirtualize_speculatively);
  HP_SWITCH_OFF(flag_ipa_modref);  // memory that a body reads and writes
}

// GCC places a pass only beside one of the same type.
const pass_data hiding_data = {
    IPA_PASS, "hotpatch_close", OPTGROUP_NONE, TV_NONE, 0, 0, 0, 0, 0};

// Every decision on inlining has been made: from here on the functions are as
// closed as those that were never open.
class hiding_pass final : public ipa_opt_pass_d {
 public:
  explicit hiding_pass(gcc::context* context)
      : ipa_opt_pass_d(hiding_data, context, NULL, NULL, NULL, NULL, NULL, NULL,
                       0, NULL, NULL)
  {
  }
  bool gate(::function*) override { return !open_functions.empty(); }
  unsigned int execute(::function*) override
  {
    cgraph_node* node;
    FOR_EACH_FUNCTION(node)
    if (open_functions.count(DECL_UID(node->decl)))
      hide_body(node->decl);
    return 0;
  }
};

}  // namespace

void allow_inlining(tree decl)
{
  if (!current_options().with.closed)
    return;
  // Cloning and merging are decided on before inlining.
  add_attribute(decl, "noclone");
  add_attribute(decl, "no_icf");
  open_functions.insert(DECL_UID(decl));
}

void keep_thunk(cgraph_node* thunk)
{
  if (!current_options().with.thunks)
    return;
  for (cgraph_edge* edge = thunk->callees; edge; edge = edge->next_callee)
    if (open_functions.count(
            DECL_UID(edge->callee->ultimate_alias_target()->decl)))
      edge->inline_failed = CIF_FUNCTION_NOT_INLINABLE;
}

void register_inlining(const char* plugin_name)
{
  if (!current_options().inlining)
    return;
  // The link-time compiler decides on inlining for all units together, and none
  // of what is switched off here is off there.  It may be this one.
  if (flag_lto || !strcmp(lang_hooks.name, "GNU GIMPLE"))
    error(
        "hotpatch: option %<inline%> allows inlining within a unit, and "
        "%<-flto%> makes one of all units: leave out one of the two");
  if (!current_options().with.closed)
    return;
  close_analysis();
  // These notes are made of a body alone, early, and there is no option for
  // the first of them.
  skip_for_chosen("nothrow");
  skip_for_chosen("local-pure-const");
  skip_for_chosen("modref");
  register_pass_info info = {};
  info.pass = new hiding_pass(g);
  info.reference_pass_name = "inline";
  info.ref_pass_instance_number = 1;
  info.pos_op = PASS_POS_INSERT_AFTER;
  register_callback(plugin_name, PLUGIN_PASS_MANAGER_SETUP, NULL, &info);
}

}  // namespace hotpatch
