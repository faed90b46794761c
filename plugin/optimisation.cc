// What chosen functions and their callers are spared.
//
// SPDX-License-Identifier: GPL-3.0-or-later
#include "plugin/optimisation.h"

#include "plugin/attribute.h"
#include "plugin/cxx.h"
#include "plugin/gcc_compat.h"
#include "plugin/options.h"

namespace hotpatch {

// --- Safety -----------------------------------------------------------------
// Keeps GCC from optimising callers by what it sees in a body that will be
// replaced.

bool promised_nothrow(tree decl)
{
  return has_noexcept(TREE_TYPE(decl)) || has_attribute(decl, "nothrow");
}

// The C++ front end sets TREE_NOTHROW when a body contains nothing that
// throws, long before any pass that noipa could switch off, and callers'
// handlers are then deleted.  A replacement's exception would fly past them.
void assume_it_throws(tree decl)
{
  if (current_options().with.nothrow && !promised_nothrow(decl))
    TREE_NOTHROW(decl) = 0;
}

// noipa stops inlining, cloning, merging of identical bodies, pure/const and
// noreturn discovery, knowledge of clobbered registers and of stack alignment
// (GCC manual, Common Function Attributes).  noinline and noclone are what a
// cautious programmer would use by hand, and are not enough.
void hide_body(tree decl)
{
  const countermeasures& with = current_options().with;
  if (with.noipa) {
    add_attribute(decl, "noipa");
    return;
  }
  if (with.noinline)
    add_attribute(decl, "noinline");
  if (with.noclone)
    add_attribute(decl, "noclone");
}

// --- One piece --------------------------------------------------------------
// Keeps the code of a chosen function in one piece.

// "bbpart" is the pass that partitions a function into hot and cold blocks.
void keep_in_one_piece()
{
  if (current_options().with.one_piece)
    skip_for_chosen("bbpart");
}

// --- Recursion --------------------------------------------------------------
// Keeps the calls that a chosen function makes to itself calls.
//
// Two of GCC's passes make loops of them.  "tailr" does nothing else, and is
// skipped.  "tailc" also marks tail calls, which is wanted: while it runs, the
// address in such a call is hidden in a register, and it sees a call of an
// unknown function.

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

// --- Skipped passes ---------------------------------------------------------
// Passes of GCC that chosen functions are spared.

namespace {

std::vector<const char*> skipped;
std::string plugin;
bool listening = false;

bool is_skipped(const char* pass)
{
  return std::any_of(skipped.begin(), skipped.end(),
                     [pass](const char* name) { return !strcmp(name, pass); });
}

void override_gate(void* event, void*)
{
  bool& runs = *static_cast<bool*>(event);
  if (runs && current_pass && current_function_decl &&
      is_skipped(current_pass->name) && find_facts(current_function_decl))
    runs = false;
}

void listen()
{
  if (!listening && !skipped.empty())
    register_callback(plugin.c_str(), PLUGIN_OVERRIDE_GATE, override_gate,
                      NULL);
  listening = true;
}

}  // namespace

void skip_for_chosen(const char* pass)
{
  skipped.push_back(pass);
}

// The link-time compiler reads functions that were chosen elsewhere.
void register_skipped_passes(const char* plugin_name)
{
  plugin = plugin_name;
  if (!is_c() && !is_cxx())
    listen();
}

void skip_passes_of(tree decl)
{
  if (opt_for_fn(decl, optimize))
    listen();
}

}  // namespace hotpatch
