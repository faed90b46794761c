// Counts copies, and writes which function contains which.
//
// SPDX-License-Identifier: GPL-3.0-or-later
#include "plugin/inline_copies.h"

#include "plugin/names.h"
#include "plugin/options.h"
#include "plugin/records.h"

#include "format/record.h"

namespace hotpatch {

namespace {

std::map<function_id, known_function> functions;
std::map<function_id, copy_counts> early;  // what each function contains
std::map<function_id, copy_counts> late;
std::set<function_id> copied;
bool early_is_over = false;

bool wanted()
{
  return current_options().inlining || current_options().baseline ||
         !current_options().report.empty();
}

tree source_of(tree decl)
{
  while (DECL_ABSTRACT_ORIGIN(decl) && DECL_ABSTRACT_ORIGIN(decl) != decl &&
         TREE_CODE(DECL_ABSTRACT_ORIGIN(decl)) == FUNCTION_DECL &&
         !functions.count(DECL_UID(decl)))
    decl = DECL_ABSTRACT_ORIGIN(decl);
  return decl;
}

known_function& remember(tree decl)
{
  decl = source_of(decl);
  known_function& known = functions[DECL_UID(decl)];
  if (known.name.empty()) {
    known.file = source_file(decl);
    known.line = DECL_SOURCE_LINE(decl);
    known.name = lang_hooks.decl_printable_name(decl, 2);
    known.symbol = assembler_name(decl);
  }
  return known;
}

void node_removed(cgraph_node* node, void*)
{
  if (!node->inlined_to)
    return;
  auto& into = early_is_over ? late : early;
  const function_id copy = id_of_function(node->decl);
  ++into[id_of_function(node->inlined_to->decl)][copy];
  copied.insert(copy);
}

// Copies of functions that one copy of `of` brings along.  GCC inlines no
// function into itself early, directly or not, so this ends.
void add_early(function_id of, unsigned times, copy_counts& sum, int depth = 0)
{
  const auto found = early.find(of);
  if (found == early.end() || depth > 100)
    return;
  for (const auto& [copy, count] : found->second) {
    sum[copy] += times * count;
    add_early(copy, times * count, sum, depth + 1);
  }
}

copy_counts contained_in(function_id of)
{
  copy_counts sum;
  add_early(of, 1, sum);
  const auto found = late.find(of);
  if (found != late.end())
    for (const auto& [copy, count] : found->second) {
      sum[copy] += count;
      add_early(copy, count, sum);
    }
  return sum;
}

// The early passes are over when the first pass over the whole unit begins.
void end_early(void*, void*)
{
  early_is_over =
      early_is_over || (current_pass && current_pass->type == IPA_PASS &&
                        !strcmp(current_pass->name, "whole-program"));
}

// GCC decides on all copies before it makes code of the first function.
void note_decided(void*, void*)
{
  cgraph_node* node;
  FOR_EACH_FUNCTION(node)
  if (node->inlined_to)
    copied.insert(id_of_function(node->decl));
}

void start_unit(void*, void*)
{
  early_is_over = in_lto_p;
  symtab->add_cgraph_removal_hook(node_removed, nullptr);
}

std::string function_text(const known_function& of)
{
  return of.symbol + " " + of.place();
}

// format/README.md, "Copies".
void print_copies(void*, void*)
{
  if (!asm_out_file)
    return;
  // Shows that nothing was lost if a function is not listed.
  std::string assembly =
      "\t.string " + quoted(std::string("unit ") + main_input_filename + "\n") +
      "\n";
  for (const auto& [copy, containers] : copies_by_function()) {
    std::string text = "copied " + function_text(functions[copy]) + "\n";
    for (const auto& [container, count] : containers)
      text += "in " + function_text(functions[container]) + " " +
              std::to_string(count) +
              (functions[container].has_site ? "\n" : " no-site\n");
    assembly += "\t.string " + quoted(text) + "\n";
  }
  fprintf(asm_out_file, "\t.pushsection %s,\"MS\",@progbits,1\n%s%s",
          format::copies_section_name, assembly.c_str(), "\t.popsection\n");
}

}  // namespace

void register_inline_copies(const char* plugin_name)
{
  if (!wanted())
    return;
  register_callback(plugin_name, PLUGIN_START_UNIT, start_unit, NULL);
  register_callback(plugin_name, PLUGIN_OVERRIDE_GATE, end_early, NULL);
  if (!current_options().inlining)
    return;
  register_callback(plugin_name, PLUGIN_ALL_IPA_PASSES_END, note_decided, NULL);
  register_callback(plugin_name, PLUGIN_FINISH_UNIT, print_copies, NULL);
}

function_id id_of_function(tree decl)
{
  remember(decl);
  return DECL_UID(source_of(decl));
}

const std::map<function_id, known_function>& known_functions()
{
  return functions;
}

void note_code(tree decl)
{
  if (wanted())
    remember(decl).has_code = true;
}

void note_site(tree decl)
{
  if (wanted())
    remember(decl).has_site = true;
}

// Of an inline function the linker keeps the code and the record of any one
// unit, and copies may be in all of them.
bool may_have_copies(tree decl)
{
  const bool is_shared =
      TREE_PUBLIC(decl) && (DECL_COMDAT(decl) || DECL_ONE_ONLY(decl) ||
                            DECL_DECLARED_INLINE_P(decl));
  return current_options().inlining &&
         (is_shared || copied.count(DECL_UID(source_of(decl))) != 0);
}

std::map<function_id, copy_counts> copies_by_function()
{
  const bool code_comes_later = flag_generate_lto && !flag_fat_lto_objects;
  std::map<function_id, copy_counts> result;
  for (const auto& [id, known] : functions)
    if (known.has_code || code_comes_later)
      for (const auto& [copy, count] : contained_in(id))
        if (copy != id)
          result[copy][id] = count;
  return result;
}

}  // namespace hotpatch
