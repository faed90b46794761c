// Keeps the calls that a chosen function makes to itself calls.
//
// Two of GCC's passes make loops of them.  "tailr" does nothing else, and is
// skipped.  "tailc" also marks tail calls, which is wanted: while it runs, the
// address in such a call is hidden in a register, and it sees a call of an
// unknown function.
//
// SPDX-License-Identifier: GPL-3.0-or-later
#include "plugin/gcc_compat.h"

#include "plugin/attribute.h"
#include "plugin/options.h"
#include "plugin/recursion.h"
#include "plugin/skipped_passes.h"

namespace hotpatch {

namespace {

// Calls of the current function to itself, while "tailc" runs.
//
// What an unknown function does to memory is not what this one is known to do,
// if it is const or pure or does not return: the passes below let GCC bring its
// notes on memory up to date.
std::vector<gcall*> hidden;

// An alias of the function is another way to call it.
bool calls(const gcall* call, tree decl)
{
  const tree callee = gimple_call_fndecl(call);
  if (!callee)
    return false;
  cgraph_node* const node = cgraph_node::get(callee);
  return callee == decl ||
         (node && node->ultimate_alias_target()->decl == decl);
}

void hide(gimple_stmt_iterator* at, gcall* call)
{
  const tree address = gimple_call_fn(call);
  const tree name = make_ssa_name(TREE_TYPE(address));
  gsi_insert_before(at, gimple_build_assign(name, address), GSI_SAME_STMT);
  gimple_call_set_fn(call, name);
  update_stmt(call);
  hidden.push_back(call);
}

void hide_calls(::function* fn)
{
  basic_block block;
  FOR_EACH_BB_FN(block, fn)
  for (gimple_stmt_iterator at = gsi_start_bb(block); !gsi_end_p(at);
       gsi_next(&at))
    if (gcall* const call = dyn_cast<gcall*>(gsi_stmt(at)))
      if (calls(call, fn->decl))
        hide(&at, call);
}

void show_calls()
{
  for (gcall* const call : hidden) {
    const tree name = gimple_call_fn(call);
    gimple* const assignment = SSA_NAME_DEF_STMT(name);
    gimple_call_set_fn(call, gimple_assign_rhs1(assignment));
    update_stmt(call);
    gimple_stmt_iterator at = gsi_for_stmt(assignment);
    gsi_remove(&at, true);
    release_ssa_name(name);
  }
  hidden.clear();
}

pass_data pass_named(const char* name)
{
  return {GIMPLE_PASS, name, OPTGROUP_NONE, TV_NONE, PROP_cfg | PROP_ssa, 0, 0,
          0,           0};
}

class hiding_pass final : public gimple_opt_pass {
 public:
  explicit hiding_pass(gcc::context* context)
      : gimple_opt_pass(pass_named("hotpatch_hide_recursion"), context)
  {
  }
  bool gate(::function* fn) override
  {
    return find_facts(fn->decl).has_value();
  }
  unsigned int execute(::function* fn) override
  {
    hide_calls(fn);
    return hidden.empty() ? 0 : TODO_update_ssa_only_virtuals;
  }
};

class showing_pass final : public gimple_opt_pass {
 public:
  explicit showing_pass(gcc::context* context)
      : gimple_opt_pass(pass_named("hotpatch_show_recursion"), context)
  {
  }
  bool gate(::function*) override { return !hidden.empty(); }
  unsigned int execute(::function*) override
  {
    show_calls();
    return TODO_update_ssa_only_virtuals;
  }
};

void place(const char* plugin_name, opt_pass* pass, pass_positioning_ops where)
{
  register_pass_info info = {};
  info.pass = pass;
  info.reference_pass_name = "tailc";
  info.ref_pass_instance_number = 1;
  info.pos_op = where;
  register_callback(plugin_name, PLUGIN_PASS_MANAGER_SETUP, NULL, &info);
}

}  // namespace

void keep_recursion(const char* plugin_name)
{
  if (!current_options().with.recursion)
    return;
  skip_for_chosen("tailr");
  place(plugin_name, new hiding_pass(g), PASS_POS_INSERT_BEFORE);
  place(plugin_name, new showing_pass(g), PASS_POS_INSERT_AFTER);
}

}  // namespace hotpatch
