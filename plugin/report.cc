// The report for people: what became of each function of a translation unit.
//
// GCC makes a node of the call graph for each copy that it inlines, and removes
// the node when the copy is part of its caller's body.  In the early passes a
// body is copied with what was inlined into it before, of which the call graph
// then knows nothing; so early copies are counted transitively.
//
// SPDX-License-Identifier: GPL-3.0-or-later
#include "plugin/report.h"

#include "plugin/choose.h"
#include "plugin/names.h"
#include "plugin/options.h"
#include "plugin/refuse.h"

namespace hotpatch {

namespace {

using function_id = unsigned;  // DECL_UID: declarations may be collected

struct function_facts {
  std::string place;    // "a.c:12"
  std::string name;     // "serve"
  std::string file;     // "a.c"
  std::string verdict;  // "" when the front end did not say
  bool has_code = false;
};

using copies = std::map<function_id, unsigned>;

std::map<function_id, function_facts> functions;
std::map<function_id, copies> early;  // what each function contains
std::map<function_id, copies> late;
bool early_is_over = false;

bool wanted()
{
  return !current_options().report.empty();
}

// Clones and parts stand for the function they come from.
tree source_of(tree decl)
{
  while (DECL_ABSTRACT_ORIGIN(decl) && DECL_ABSTRACT_ORIGIN(decl) != decl &&
         TREE_CODE(DECL_ABSTRACT_ORIGIN(decl)) == FUNCTION_DECL &&
         !functions.count(DECL_UID(decl)))
    decl = DECL_ABSTRACT_ORIGIN(decl);
  return decl;
}

function_facts& facts_of(tree decl)
{
  decl = source_of(decl);
  function_facts& facts = functions[DECL_UID(decl)];
  if (facts.name.empty()) {
    facts.file = source_file(decl);
    facts.place = facts.file + ":" + std::to_string(DECL_SOURCE_LINE(decl));
    facts.name = lang_hooks.decl_printable_name(decl, 2);
  }
  return facts;
}

function_id id_of(tree decl)
{
  facts_of(decl);
  return DECL_UID(source_of(decl));
}

void node_removed(cgraph_node* node, void*)
{
  if (!node->inlined_to)
    return;
  auto& into = early_is_over ? late : early;
  ++into[id_of(node->inlined_to->decl)][id_of(node->decl)];
}

// Copies of functions that one copy of `of` brings along.  GCC inlines no
// function into itself early, directly or not, so this ends.
void add_early(function_id of, unsigned times, copies& sum, int depth = 0)
{
  const auto found = early.find(of);
  if (found == early.end() || depth > 100)
    return;
  for (const auto& [copied, count] : found->second) {
    sum[copied] += times * count;
    add_early(copied, times * count, sum, depth + 1);
  }
}

copies contained_in(function_id of)
{
  copies sum;
  add_early(of, 1, sum);
  const auto found = late.find(of);
  if (found != late.end())
    for (const auto& [copied, count] : found->second) {
      sum[copied] += count;
      add_early(copied, count, sum);
    }
  return sum;
}

// By function that was copied: the callers with code, and how many places.
std::map<function_id, copies> copies_by_function()
{
  const bool code_comes_later = flag_generate_lto && !flag_fat_lto_objects;
  std::map<function_id, copies> result;
  for (const auto& [id, facts] : functions)
    if (facts.has_code || code_comes_later)
      for (const auto& [copied, count] : contained_in(id))
        if (copied != id)
          result[copied][id] = count;
  return result;
}

std::string line_about(const function_facts& of, const copies& callers)
{
  std::string line = of.place + ": " + of.name + ": " +
                     (of.verdict.empty() ? "when linking" : of.verdict);
  for (const auto& [caller, count] : callers) {
    const function_facts& in = functions[caller];
    line += "; inlined into " + in.file + ":" + in.name + ", " +
            std::to_string(count) + (count == 1 ? " place" : " places") +
            ", cannot be patched there";
  }
  const bool code_comes_later = flag_generate_lto && !flag_fat_lto_objects;
  if (!of.has_code && !code_comes_later)
    line += "; no code of its own";
  return line + "\n";
}

void append(const std::string& text)
{
  const char* path = current_options().report.c_str();
  const int file = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
  const bool written = file >= 0 && write(file, text.data(), text.size()) ==
                                        static_cast<ssize_t>(text.size());
  if (!written)
    error("hotpatch: cannot write the report %qs: %m", path);
  if (file >= 0)
    close(file);
}

void finish_unit(void*, void*)
{
  std::string text;
  const auto copied = copies_by_function();
  const copies nowhere;
  for (const auto& [id, facts] : functions) {
    const auto found = copied.find(id);
    // The link-time compiler has only copies to add.
    if (facts.verdict.empty() && found == copied.end())
      continue;
    text += line_about(facts, found == copied.end() ? nowhere : found->second);
  }
  if (!text.empty())
    append(text);
}

// The early passes are over when the first pass over the whole unit begins.
void end_early(void*, void*)
{
  early_is_over =
      early_is_over || (current_pass && current_pass->type == IPA_PASS &&
                        !strcmp(current_pass->name, "whole-program"));
}

void start_unit(void*, void*)
{
  early_is_over = in_lto_p;
  symtab->add_cgraph_removal_hook(node_removed, nullptr);
}

}  // namespace

void register_report(const char* plugin_name)
{
  if (!wanted())
    return;
  register_callback(plugin_name, PLUGIN_START_UNIT, start_unit, NULL);
  register_callback(plugin_name, PLUGIN_OVERRIDE_GATE, end_early, NULL);
  register_callback(plugin_name, PLUGIN_FINISH_UNIT, finish_unit, NULL);
}

void report_function(tree decl)
{
  if (!wanted())
    return;
  function_facts& facts = facts_of(decl);
  facts.verdict = explain_choice(decl);
  const char* const reason = reason_against(decl);
  if (reason && choose(decl) != choice::none)
    facts.verdict += ", but can have no site: " + std::string(reason);
}

void report_code(tree decl)
{
  if (wanted())
    facts_of(decl).has_code = true;
}

}  // namespace hotpatch
