// Judges what is the same, what has changed, and what that takes along.
//
// SPDX-License-Identifier: GPL-3.0-or-later
#include "plugin/unit_comparison.h"

#include "plugin/against_result.h"
#include "plugin/baseline.h"
#include "plugin/baseline_change.h"
#include "plugin/body_hash.h"
#include "plugin/cxx.h"
#include "plugin/names.h"
#include "plugin/options.h"
#include "plugin/pairing.h"
#include "plugin/patch_attribute.h"
#include "plugin/program_import.h"
#include "plugin/type_layout.h"

#include "format/baseline.h"

namespace hotpatch {

namespace {

bool is_new = false;  // all of the unit
std::string directory;
found_unit this_unit;
const unit_baseline& old = this_unit.baseline;

// --- Functions ---------------------------------------------------------------

enum class state {
  same,     // as in the program, which has code of it
  kept,     // as in the program, which has no code of it to refer to
  changed,  // and has a site, so it is replaced
  rebuilt,  // changed or uses something changed, and has no site
  added,    // not in the program, or not under this name and type
};

struct unit_function {
  cgraph_node* node;
  std::string symbol;      // in this compilation
  std::string old_symbol;  // in the program; differs where lambdas were added
  const old_function* before;
  state is;
};

class unit_comparison {
 public:
  void run();

 private:
  void judge_functions();
  void rebuild_holders_of_vanished();
  void refuse_lambdas_in_data();
  void judge_variables();
  void judge_types();
  void judge_assembly();
  void spread();
  void carry_out();

  unit_function judge(cgraph_node* node);
  unit_function judge_lambda(unit_function one);
  void judge_prototype(unit_function& one);
  void rebuild(unit_function& one, const std::string& reason);
  void take_along(std::size_t number, const std::string& reason);
  void take_holders_along(const old_function& of);
  void take_other_bodies_along(const unit_function& of);
  void spread_to_users(symtab_node* of, const std::string& reason);
  bool must_spread_to_users(const unit_function& one) const;

  void judge_variable(unit_variable& one, const old_variable* before);
  void judge_changed_variable(unit_variable& one, const old_variable& before);
  void judge_statics();
  bool can_be_renewed(const unit_variable& one,
                      const old_variable& before) const;
  void renew(const unit_variable& one, const old_variable& before);
  bool renew_holder(varpool_node* data);
  void judge_literals();
  tree guarded_variable(const unit_variable& one) const;
  const old_variable* partner_of(const unit_variable& one) const;
  void tell_of_vanished();

  void keep_code(unit_function& one);
  void replace(unit_function& one);
  void leave_out_main(unit_function& one);
  void drop_start_up_code(unit_function& one);
  void explain(const unit_function& one) const;
  void note_compiled(const unit_function& one);
  void import_names();
  void check_unused_data();
  void note_changes();
  std::string flags_for_later(const unit_function& one) const;
  bool is_renumbered(const unit_function& one) const;

  std::vector<unit_function> functions_;
  std::map<symtab_node*, std::size_t> numbers_;
  std::map<std::string, std::size_t> by_symbol_;
  std::map<std::string, std::string> reasons_;  // by symbol
  std::vector<std::size_t> open_;               // to be spread
  std::vector<unit_variable> variables_;
  std::map<std::string, const old_variable*> statics_;   // by symbol
  std::map<std::string, const old_variable*> imported_;  // by key
  std::set<const old_variable*> taken_;  // the program's, with a partner here
  std::set<varpool_node*> added_data_;
};

bool same_body(const body_hash& now, const old_function& before)
{
  return now.strict == before.strict || now.masked == before.masked;
}

// Code that was not made to be called from elsewhere, so that it cannot be
// imported: the patch has a copy.  A static function must not be one whose
// address something asks for; of an inline function each object may have one.
bool must_be_copied(const unit_function& one)
{
  if (one.before->has(format::function_site))
    return false;
  return one.before->has(format::function_comdat) ||
         (one.before->has(format::function_local) &&
          (!one.node->address_taken ||
           one.symbol.compare(0, 6, "__tcf_") == 0));
}

state state_of_same(const unit_function& one)
{
  return one.before->has(format::function_emitted) && !must_be_copied(one)
             ? state::same
             : state::kept;
}

bool is_initialisation_of_objects(tree decl)
{
  const std::string name = assembler_name(decl);
  return DECL_ARTIFICIAL(decl) && (name.compare(0, 11, "_GLOBAL__su") == 0 ||
                                   name.compare(0, 12, "_Z41__static") == 0);
}

// A closure's number is no identity: another lambda may have it now.  So such a
// function is the program's only if there was one that is equal.
unit_function unit_comparison::judge_lambda(unit_function one)
{
  const std::string stem = name_without_numbers(one.symbol);
  const body_hash& now = body_hashes().at(DECL_UID(one.node->decl));
  for (const old_function& each : old.functions())
    if (each.prototype == now.prototype && same_body(now, each) &&
        is_named_by_number(each.symbol) &&
        name_without_numbers(each.symbol) == stem) {
      one.before = &each;
      one.old_symbol = each.symbol;
      one.is = state_of_same(one);
      return one;
    }
  one.is = in_system_header_at(DECL_SOURCE_LOCATION(one.node->decl))
               ? state::kept
               : state::added;
  return one;
}

// GCC gives it the name of a function or of the file, which depends on options.
const old_function* find_initialisation(const std::string& symbol)
{
  const std::string stem = symbol.substr(0, symbol.find('_', 13) + 1);
  for (const old_function& each : old.functions())
    if (each.symbol.compare(0, stem.size(), stem) == 0)
      return &each;
  return nullptr;
}

// Read when something is new: it may have come from another file.
const defined_elsewhere& other_units()
{
  static const defined_elsewhere all = read_other_units(directory, this_unit);
  return all;
}

bool may_come_from_elsewhere(tree decl)
{
  return !is_new && current_options().with.moved && TREE_PUBLIC(decl) &&
         !DECL_COMDAT(decl) && !DECL_ONE_ONLY(decl);
}

const old_function* find_moved_function(tree decl, const std::string& symbol)
{
  if (!may_come_from_elsewhere(decl))
    return nullptr;
  const auto found = other_units().functions.find(symbol);
  if (found == other_units().functions.end())
    return nullptr;
  if (other_units().copied.count(symbol))
    refuse(decl, printed(decl) +
                     " comes from another file, where copies of it were "
                     "inlined; leave it there, or restart the program");
  return &found->second;
}

const old_variable* find_moved_variable(tree decl, const std::string& symbol)
{
  if (!may_come_from_elsewhere(decl))
    return nullptr;
  const auto found = other_units().variables.find(symbol);
  return found == other_units().variables.end() ? nullptr : &found->second;
}

unit_function unit_comparison::judge(cgraph_node* node)
{
  const tree decl = node->decl;
  unit_function one = {node, assembler_name(decl), assembler_name(decl),
                       nullptr, state::added};
  if (is_named_by_number(one.symbol))
    return judge_lambda(one);
  one.before = is_initialisation_of_objects(decl)
                   ? find_initialisation(one.symbol)
                   : old.find_function(one.symbol);
  if (!one.before)
    one.before = find_moved_function(decl, one.symbol);
  if (!one.before) {
    // Those of system headers that have no site are not listed; while the
    // headers are the same, so are they.
    if (in_system_header_at(DECL_SOURCE_LOCATION(decl)))
      one.is = state::kept;
    return one;
  }
  const body_hash& now = body_hashes().at(DECL_UID(decl));
  if (now.prototype != one.before->prototype)
    judge_prototype(one);
  else if (!same_body(now, *one.before) && one.symbol == "__tls_init")
    refuse(decl,
           "the initialisation of thread-local objects has changed, and the "
           "program's threads have done it already; restart the program");
  else if (same_body(now, *one.before))
    one.is = state_of_same(one);
  else
    rebuild(one, "changed");
  return one;
}

// Its callers pass other arguments now, so it is a new function.  What else
// calls it or has its address sees its type, too, and has another hash; a file
// that has not changed goes on with the old one.
void unit_comparison::judge_prototype(unit_function& one)
{
  const tree decl = one.node->decl;
  if (DECL_VIRTUAL_P(decl))
    refuse(decl, "the type of " + printed(decl) +
                     " has changed, and the tables of virtual functions have "
                     "the old one; give the new version another name, or "
                     "restart the program");
  else if (TREE_PUBLIC(decl) && !DECL_COMDAT(decl))
    warn(decl, "the type of " + printed(decl) +
                   " has changed: what is compiled again calls the new "
                   "version, and all else the old one");
  one.is = state::added;
  reasons_[one.symbol] = "type";
}

void unit_comparison::rebuild(unit_function& one, const std::string& reason)
{
  if (one.is == state::changed || one.is == state::rebuilt)
    return;
  if (one.is == state::added && one.before && reason != "changed")
    return;  // has another type
  if (!one.before && reason != "changed")
    return;  // new anyway
  one.is = one.before && one.before->has(format::function_site)
               ? state::changed
               : state::rebuilt;
  reasons_.emplace(one.symbol, reason);
}

// A function that this file no longer defines may be another one in the file
// that does; the copies here are of the old one.
void unit_comparison::rebuild_holders_of_vanished()
{
  for (const old_function& each : old.functions())
    if (!by_symbol_.count(each.symbol))
      take_holders_along(each);
}

// What is the program's refers to the old one.
void unit_comparison::refuse_lambdas_in_data()
{
  for (const unit_function& one : functions_) {
    if (one.is != state::added || !is_named_by_number(one.symbol))
      continue;
    ipa_ref* use = nullptr;
    for (unsigned i = 0; one.node->iterate_referring(i, use); ++i)
      if (varpool_node* const data = dyn_cast<varpool_node*>(use->referring);
          data && !added_data_.count(data))
        refuse(data->decl, printed(data->decl) +
                               " holds a lambda that has changed or was added, "
                               "and the program's variable has the old value; "
                               "set it in a hook (HP_HOOK), or restart the "
                               "program");
  }
}

void unit_comparison::judge_functions()
{
  cgraph_node* node;
  FOR_EACH_DEFINED_FUNCTION(node)
  if (is_of_the_source(node)) {
    numbers_[node] = functions_.size();
    functions_.push_back(judge(node));
    by_symbol_[functions_.back().symbol] = functions_.size() - 1;
  }
  std::vector<tree> decls;
  for (const unit_function& each : functions_)
    decls.push_back(each.node->decl);
  refuse_renumbered_classes(old, decls);
  rebuild_holders_of_vanished();
  for (std::size_t i = 0; i < functions_.size(); ++i)
    if (reasons_.count(functions_[i].symbol))
      open_.push_back(i);
}

// --- Variables ---------------------------------------------------------------

// The function's static variable that code initialises if the guard is not set.
// What initialises global ones is a function, which is compared itself.
tree unit_comparison::guarded_variable(const unit_variable& one) const
{
  for (const unit_variable& each : variables_)
    if (each.is_of_function() &&
        name_for_other(one.symbol, each.symbol, each.symbol) == one.symbol &&
        is_made_by_compiler(one.symbol))
      return each.node->decl;
  return NULL_TREE;
}

void unit_comparison::judge_changed_variable(unit_variable& one,
                                             const old_variable& before)
{
  const tree decl = one.node->decl;
  const std::string name =
      is_literal_key(one.key) ? readable_key(one.key) : printed(decl);
  if (DECL_VIRTUAL_P(decl)) {
    refuse(decl, "the virtual functions of a class have changed (" + name +
                     "), and the program's objects have the old table; "
                     "restart the program");
    return;
  }
  if (DECL_ARTIFICIAL(decl) && one.symbol.compare(0, 4, "_ZGV") == 0) {
    const tree of = guarded_variable(one);
    if (!of || !current_options().with.initialisers) {
      imported_[one.key] = &before;
      return;
    }
    refuse(decl, "the initialisation of " + printed(of) +
                     " has changed, and the program may have done it already; "
                     "set it in a hook (HP_HOOK), or restart the program");
    return;
  }
  if (can_be_renewed(one, before)) {
    renew(one, before);
    return;
  }
  if (before.type != one.type) {
    refuse(decl, "the type of " + name +
                     " has changed, and the program has it with the old one; "
                     "use a new variable, or restart the program");
    return;
  }
  const bool written =
      one.flags.find(format::variable_written) != one.flags.npos ||
      before.has(format::variable_written);
  if (TREE_PUBLIC(decl) && !DECL_COMDAT(decl)) {
    refuse(decl, "the initial value of " + name +
                     " has changed, and other files may use the program's "
                     "variable; set it in a hook (HP_HOOK), or restart the "
                     "program");
    return;
  }
  if (written) {
    refuse(decl, "the initial value of " + name +
                     " has changed, and the program's variable may have any "
                     "value by now; set it in a hook (HP_HOOK), or restart the "
                     "program");
    return;
  }
  renew(one, before);
}

// A constant of this file, or of all that include it: what refers to it is
// compared, too.
bool unit_comparison::can_be_renewed(const unit_variable& one,
                                     const old_variable& before) const
{
  return (!TREE_PUBLIC(one.node->decl) || DECL_COMDAT(one.node->decl)) &&
         TREE_READONLY(one.node->decl) &&
         before.has(format::variable_read_only);
}

// The patch gets one of its own.
void unit_comparison::renew(const unit_variable& one,
                            const old_variable& before)
{
  if (!added_data_.insert(one.node).second)
    return;
  imported_.erase(one.key);
  const std::string text = "all functions that use " + printed(one.node->decl) +
                           " are replaced: its value has changed";
  if (before.has(format::variable_written) && !is_literal_key(one.key))
    warn(one.node->decl, text +
                             "; what holds its address in the program still "
                             "has the old one");
  else
    note(one.node->decl, text);
  spread_to_users(one.node, "uses " + one.symbol);
}

// The initial value of `data` has the address of what has changed.
bool unit_comparison::renew_holder(varpool_node* data)
{
  for (const unit_variable& each : variables_)
    if (each.node == data)
      if (const old_variable* const before = partner_of(each);
          before && can_be_renewed(each, *before)) {
        renew(each, *before);
        return true;
      }
  return false;
}

// A variable that has gone, and a new one of its type: perhaps one that has
// another name now, which begins at its initial value again.
void unit_comparison::tell_of_vanished()
{
  for (const auto& [key, before] : old.variables()) {
    if (taken_.count(&before) || !before.has(format::variable_emitted) ||
        !before.has(format::variable_written) ||
        before.has(format::variable_read_only) || is_made_by_compiler(key))
      continue;
    std::string followers;
    for (const unit_variable& each : variables_)
      if (added_data_.count(each.node) && each.type == before.type &&
          !DECL_ARTIFICIAL(each.node->decl) &&
          current_options().with.renamed_data) {
        warn(each.node->decl,
             printed(each.node->decl) +
                 " is new and begins at its initial value, and " +
                 readable_key(key) +
                 ", which has the same type, is not used any more; if it is "
                 "the same variable, keep its name");
        followers = key;
      }
    if (followers.empty())
      note_unit(readable_key(key) + " is not used any more");
  }
}

bool is_small_constant(const unit_variable& one)
{
  const tree decl = one.node->decl;
  const tree size = DECL_SIZE_UNIT(decl);
  ipa_ref* reference = nullptr;  // to what may be the program's only
  return !one.node->iterate_reference(0, reference) && TREE_READONLY(decl) &&
         !TREE_PUBLIC(decl) &&
         one.flags.find(format::variable_written) == one.flags.npos && size &&
         tree_fits_uhwi_p(size) && tree_to_uhwi(size) <= 64;
}

const old_variable* unit_comparison::partner_of(const unit_variable& one) const
{
  // What GCC makes for a static variable of a function goes with it.
  for (const auto& [symbol, before] : statics_)
    if (const std::string name = name_for_other(
            one.symbol, symbol, before ? before->symbol : symbol);
        !name.empty())
      return before ? old.find_variable(name) : nullptr;
  const old_variable* before = old.find_variable(one.key);
  if (!before)
    before = find_moved_variable(one.node->decl, one.symbol);
  if (!before)
    before = find_renumbered(old, variables_, one);
  return before;
}

void unit_comparison::judge_variable(unit_variable& one,
                                     const old_variable* before)
{
  const tree decl = one.node->decl;
  // Descriptions of the types of lambdas: one is as good as another.
  if (DECL_ARTIFICIAL(decl) && is_named_by_number(one.symbol) &&
      described_class(decl))
    return;
  if (!before) {
    added_data_.insert(one.node);
    note_result("new-data", one.symbol + "\t" + std::to_string(one.line));
    return;
  }
  taken_.insert(before);
  if (added_data_.count(one.node))
    return;
  if (before->type != one.type || !same_value(one, *before))
    judge_changed_variable(one, *before);
  else if (before->has(format::variable_emitted) && !is_small_constant(one))
    imported_[one.key] = before;
}

// Of the static variables of functions, by the function.
void unit_comparison::judge_statics()
{
  std::map<std::string, std::vector<unit_variable*>> groups;
  for (unit_variable& each : variables_)
    if (each.is_of_function())
      groups[each.key.substr(0, each.key.rfind('#'))].push_back(&each);
  for (auto& [stem, group] : groups) {
    // Those of a function that has another name now.
    std::string old_stem = stem;
    const std::size_t end = stem.rfind("::");
    const auto parent = by_symbol_.find(stem.substr(0, end));
    if (parent != by_symbol_.end())
      old_stem = functions_[parent->second].old_symbol + stem.substr(end);
    const bool parent_is_new =
        parent != by_symbol_.end() &&
        is_named_by_number(functions_[parent->second].symbol) &&
        functions_[parent->second].is == state::added;
    for (const auto& [one, before] : pair_statics(old, group, old_stem)) {
      const old_variable* const partner = parent_is_new ? nullptr : before;
      statics_[one->symbol] = partner;
      judge_variable(*one, partner);
    }
  }
}

void unit_comparison::judge_variables()
{
  variables_ = variables_of_unit();
  judge_statics();
  for (unit_variable& each : variables_)
    if (!each.is_of_function() && !is_literal_key(each.key))
      judge_variable(each, partner_of(each));
  judge_literals();
  tell_of_vanished();
}

// Once it is known whether the variables that they belong to are the program's.
void unit_comparison::judge_literals()
{
  for (unit_variable& each : variables_) {
    if (!is_literal_key(each.key))
      continue;
    const old_variable* const before = old.find_variable(each.key);
    const bool is_of_new = std::any_of(
        variables_.begin(), variables_.end(), [&](const unit_variable& other) {
          return added_data_.count(other.node) &&
                 other.key == variable_of_literal(each.key);
        });
    if (before && is_of_new && !can_be_renewed(each, *before))
      refuse(each.node->decl,
             "the initial value of " + variable_of_literal(each.key) +
                 " has changed, and the program may have written to what its "
                 "compound literals hold; restart the program");
    else
      judge_variable(each, before);
  }
}

// Functions compute where members are; objects of the program have them where
// they were.
void unit_comparison::judge_types()
{
  if (!current_options().with.types)
    return;
  for (const named_layout& each : layouts_of(pointed_to_types())) {
    const auto [first, last] = old.types().equal_range(each.name);
    const bool is_same =
        first == last || std::any_of(first, last, [&](const auto& before) {
          return before.second == each.hash;
        });
    if (!is_same)
      refuse(each.place,
             demangle(("_ZTS" + each.name).c_str(), DMGL_PARAMS | DMGL_ANSI)
                     .substr(strlen("typeinfo name for ")) +
                 " has other members than before, and the program may have "
                 "objects of it; put new members into a structure of their "
                 "own, or restart the program");
  }
}

void unit_comparison::judge_assembly()
{
  if (!is_new && assembly_hash() != old.assembly()) {
    const std::string text =
        "assembly outside of functions or an alias has changed, and what it "
        "defines is in the program once; restart the program";
    refuse_unit(text);
  }
  if (!is_new)
    symtab->clear_asm_symbols();
}

// --- What a change takes along -----------------------------------------------

void unit_comparison::take_along(std::size_t number, const std::string& reason)
{
  unit_function& one = functions_[number];
  const state was = one.is;
  rebuild(one, reason);
  if (one.is != was)
    open_.push_back(number);
}

// A holder that this file no longer defines has no new callers in it.
void unit_comparison::take_holders_along(const old_function& of)
{
  if (!current_options().with.holders)
    return;
  for (const std::size_t holder : of.holders)
    if (const auto found = by_symbol_.find(old.functions()[holder].symbol);
        found != by_symbol_.end())
      take_along(found->second, "contains " + of.symbol);
}

// The bodies of one destructor hold copies of each other, which the records of
// copies do not tell apart.
void unit_comparison::take_other_bodies_along(const unit_function& of)
{
  const tree origin = DECL_ABSTRACT_ORIGIN(of.node->decl);
  if (!origin || !current_options().with.holders)
    return;
  for (std::size_t i = 0; i < functions_.size(); ++i)
    if (functions_[i].node != of.node &&
        DECL_ABSTRACT_ORIGIN(functions_[i].node->decl) == origin)
      take_along(i, "contains " + of.symbol);
}

void unit_comparison::spread_to_users(symtab_node* of,
                                      const std::string& reason)
{
  const auto take = [&](symtab_node* user) {
    if (const auto found = numbers_.find(user); found != numbers_.end())
      take_along(found->second, reason);
  };
  ipa_ref* use = nullptr;
  for (unsigned i = 0; of->iterate_referring(i, use); ++i) {
    symtab_node* const user = use->referring;
    if (use->use == IPA_REF_ALIAS)
      spread_to_users(user, reason);
    else if (varpool_node* data = dyn_cast<varpool_node*>(user);
             data && !added_data_.count(data) && !DECL_VIRTUAL_P(data->decl)) {
      if (!renew_holder(data))
        refuse(of->decl, printed(of->decl) + " has changed, and " +
                             printed(data->decl) +
                             " holds its address; restart the program");
    } else
      take(user);
  }
  if (cgraph_node* const function = dyn_cast<cgraph_node*>(of))
    for (cgraph_edge* edge = function->callers; edge; edge = edge->next_caller)
      take(edge->caller);
}

// Its old code is still called where this unit does not see to it.
bool unit_comparison::must_spread_to_users(const unit_function& one) const
{
  return one.is == state::rebuilt ||
         (one.is == state::added && reasons_.count(one.symbol));
}

void unit_comparison::spread()
{
  std::set<std::size_t> done;
  while (!open_.empty()) {
    const std::size_t number = open_.back();
    open_.pop_back();
    if (!done.insert(number).second)
      continue;
    const unit_function one = functions_[number];
    if (one.before)
      take_holders_along(*one.before);
    take_other_bodies_along(one);
    if (!must_spread_to_users(one))
      continue;
    const tree decl = one.node->decl;
    const bool others_may_call = TREE_PUBLIC(decl) && one.before &&
                                 one.before->has(format::function_emitted) &&
                                 one.is == state::rebuilt;
    if (others_may_call && !is_initialisation_of_objects(decl)) {
      refuse(decl,
             printed(decl) + " " +
                 (reasons_[one.symbol] == "changed"
                      ? "has changed"
                      : "must be replaced (it " + reasons_[one.symbol] + ")") +
                 ", and the program has no patch site of it; compile it "
                 "with a site (-fplugin-arg-hotpatch-all), or restart "
                 "the program");
      continue;
    }
    spread_to_users(one.node, "uses " + one.symbol);
  }
}

// --- Carrying it out ---------------------------------------------------------

// The lines of the statements that differ, as far as one character for each
// tells.
void unit_comparison::explain(const unit_function& one) const
{
  const body_hash& now = body_hashes().at(DECL_UID(one.node->decl));
  const std::string& before = one.before->statements;
  const std::size_t most = std::min(now.statements.size(), before.size());
  std::size_t first = 0;
  while (first < most && now.statements[first] == before[first])
    ++first;
  std::size_t last = 0;
  while (last < most - first &&
         now.statements[now.statements.size() - 1 - last] ==
             before[before.size() - 1 - last])
    ++last;
  const auto line = [&now](std::size_t at) {
    while (at > 0 && (at >= now.lines.size() || now.lines[at] == 0))
      --at;
    return at < now.lines.size() ? now.lines[at] : 0u;
  };
  const std::size_t end = now.statements.size() - last;
  note_result("explain", one.symbol + "\t" + std::to_string(line(first)) +
                             "\t" + std::to_string(line(end ? end - 1 : 0)));
}

// Code of the patch that nothing in the program leads to.
void unit_comparison::note_compiled(const unit_function& one)
{
  const std::string place =
      one.symbol + "\t" + std::to_string(DECL_SOURCE_LINE(one.node->decl));
  const auto reason = reasons_.find(one.symbol);
  if (one.is == state::added || reason == reasons_.end()) {
    note_result("new-function", place);
    return;
  }
  note_result("compiled", place + "\t" + reason->second);
  if (reason->second == "changed")
    explain(one);
}

void unit_comparison::keep_code(unit_function& one)
{
  one.node->force_output = 1;
  DECL_PRESERVE_P(one.node->decl) = 1;
}

void unit_comparison::replace(unit_function& one)
{
  const tree decl = one.node->decl;
  const std::string reason = reasons_[one.symbol];
  keep_code(one);
  set_text_attribute(decl, "hotpatch_replaces",
                     target_name(decl, one.old_symbol,
                                 one.before->has(format::function_local)));
  note_result("replaced", one.symbol + "\t" +
                              std::to_string(DECL_SOURCE_LINE(decl)) + "\t" +
                              reason);
  if (reason == "changed")
    explain(one);
}

// A program does not leave it and enter it again.
void unit_comparison::leave_out_main(unit_function& one)
{
  const std::string& reason = reasons_[one.symbol];
  if (reason == "changed")
    warn(one.node->decl,
         "main has changed, which takes effect when the program is started "
         "again; the patch does not contain it");
  else
    warn(one.node->decl, "main " + reason +
                             " and cannot be replaced while the program runs; "
                             "apply the patch with --allow-copies if it is "
                             "enough that all other functions are");
  forget_body(one.node);
}

void unit_comparison::drop_start_up_code(unit_function& one)
{
  const tree decl = one.node->decl;
  if (!DECL_STATIC_CONSTRUCTOR(decl) && !DECL_STATIC_DESTRUCTOR(decl))
    return;
  if (one.is == state::added)
    warn(decl, printed(decl) +
                   " is new and runs when a program starts or ends; the patch "
                   "does not call it: call it from a hook (HP_HOOK)");
  else if (one.is != state::same && one.is != state::kept)
    warn(decl, printed(decl) +
                   " has changed and runs when a program starts or ends; the "
                   "patch does not call it again");
  DECL_STATIC_CONSTRUCTOR(decl) = 0;
  DECL_STATIC_DESTRUCTOR(decl) = 0;
}

// What the unit refers to and does not define.
void unit_comparison::import_names()
{
  symtab_node* node;
  FOR_EACH_SYMBOL(node)
  if (DECL_EXTERNAL(node->decl) && !node->definition)
    make_visible(node->decl);
}

bool is_static_in_header(const unit_function& one)
{
  return !TREE_PUBLIC(one.node->decl) && one.before &&
         one.before->has(format::function_elsewhere);
}

void unit_comparison::carry_out()
{
  import_names();
  for (unit_function& one : functions_) {
    const tree decl = one.node->decl;
    if (is_initialisation_of_objects(decl)) {
      if (one.is != state::same && one.is != state::kept)
        refuse(decl,
               "the initialisation of global objects has changed, and the "
               "program has done it already; restart the program");
      forget_body(one.node);
      continue;
    }
    drop_start_up_code(one);
    switch (one.is) {
      case state::same:
        // Each unit has its own, which names do not tell apart.
        if (is_static_in_header(one))
          note_result("kept", one.symbol);
        else
          import_function(one.node, one.old_symbol,
                          one.before->has(format::function_local));
        break;
      case state::kept:
        break;
      case state::changed:
        if (one.symbol == "main")
          leave_out_main(one);
        else
          replace(one);
        break;
      case state::rebuilt:
      case state::added:
        note_compiled(one);
        if (is_named_by_number(one.symbol))
          symtab->change_decl_assembler_name(
              decl, get_identifier((one.symbol + ".hotpatch").c_str()));
        if (hook_time_of(decl)) {
          keep_code(one);
          note_result("hook", one.symbol);
        }
        break;
    }
  }
  cgraph_node* node;
  std::vector<cgraph_node*> names;
  FOR_EACH_FUNCTION(node)
  if (node->definition && (node->alias || node->thunk))
    names.push_back(node);
  for (cgraph_node* each : names) {
    const cgraph_node* const target = each->ultimate_alias_target();
    if (target->definition)
      continue;
    import_function(each, assembler_name(each->decl), !TREE_PUBLIC(each->decl));
  }
  for (const unit_variable& each : variables_)
    if (const auto found = imported_.find(each.key); found != imported_.end())
      import_variable(each.node, found->second->symbol,
                      found->second->has(format::variable_local));
    else if (added_data_.count(each.node) && old.find_variable(each.key))
      make_private(each.node);
}

// A new entry of a table is no use if the table is the program's.
void unit_comparison::check_unused_data()
{
  for (varpool_node* each : added_data_) {
    ipa_ref* use = nullptr;
    if (!DECL_ARTIFICIAL(each->decl) && !each->iterate_referring(0, use))
      warn(each->decl, printed(each->decl) +
                           " is new, and nothing in this file refers to it; if "
                           "other files do not either, the program does not "
                           "see it");
  }
}

// --- For later patches -------------------------------------------------------

// What the program has code of stays its own if nothing else has that name; of
// what it has another version of, each patch has its own.
std::string unit_comparison::flags_for_later(const unit_function& one) const
{
  std::string flags = function_flags(one.node->decl);
  if (one.is == state::changed) {
    flags += format::function_emitted;
    flags += format::function_site;
  } else if (one.is == state::added && !one.before &&
             TREE_PUBLIC(one.node->decl) && !DECL_COMDAT(one.node->decl)) {
    flags += format::function_emitted;
  }
  return flags;
}

bool unit_comparison::is_renumbered(const unit_function& one) const
{
  return one.old_symbol != one.symbol ||
         (is_named_by_number(one.symbol) && one.is != state::same &&
          one.is != state::kept);
}

void unit_comparison::note_changes()
{
  if (is_new)
    return;
  note_types();
  std::set<std::string> old_symbols;
  for (const auto& [key, before] : old.variables())
    old_symbols.insert(before.symbol);
  for (const unit_function& one : functions_) {
    if (is_renumbered(one))
      note_last_patch(one.node->decl, "has another number than in the program");
    if (one.is == state::added && one.before && TREE_PUBLIC(one.node->decl))
      note_last_patch(one.node->decl, "has another type than in the program");
    if (one.is != state::same && one.is != state::kept)
      note_changed_function(one.node->decl, flags_for_later(one));
  }
  for (const unit_variable& each : variables_) {
    const old_variable* const before = old.find_variable(each.key);
    const auto used = imported_.find(each.key);
    const bool is_read_only =
        TREE_READONLY(each.node->decl) &&
        each.flags.find(format::variable_written) == each.flags.npos;
    const bool is_renumbered =
        used != imported_.end()
            ? used->second != before &&
                  used->second !=
                      find_moved_variable(each.node->decl, each.symbol)
            : !before && old_symbols.count(each.symbol) != 0;
    if (is_renumbered)
      note_last_patch(each.node->decl,
                      "has another number than in the program");
    else if (added_data_.count(each.node) ||
             (before && !before->has(format::variable_emitted)))
      note_changed_variable(
          each,
          !before || (!before->has(format::variable_emitted) && !is_read_only));
  }
}

void unit_comparison::run()
{
  judge_functions();
  judge_variables();
  judge_types();
  judge_assembly();
  spread();
  refuse_lambdas_in_data();
  check_unused_data();
  note_changes();
  carry_out();
}

}  // namespace

void compare_unit(const std::optional<found_unit>& unit,
                  const std::string& of_hp_patch)
{
  directory = of_hp_patch;
  is_new = !unit;
  if (unit)
    this_unit = *unit;
  unit_comparison().run();
}

}  // namespace hotpatch
