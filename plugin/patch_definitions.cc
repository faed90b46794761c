// What a patch object defines itself.
//
// SPDX-License-Identifier: GPL-3.0-or-later
#include "plugin/gcc_compat.h"

#include "plugin/patch_definitions.h"

#include "plugin/names.h"
#include "plugin/options.h"
#include "plugin/patch_attribute.h"

namespace hotpatch {

namespace {

bool is_own_function(const cgraph_node* node)
{
  return node->definition && !DECL_EXTERNAL(node->decl) &&
         TREE_PUBLIC(node->decl);
}

// Has state that the program's variable of that name may have, too.
bool is_own_variable(const varpool_node* node)
{
  const tree decl = node->decl;
  return node->definition && !DECL_EXTERNAL(decl) && TREE_STATIC(decl) &&
         !TREE_READONLY(decl) && !DECL_ARTIFICIAL(decl) && DECL_NAME(decl) &&
         !DECL_COMDAT(decl) && !DECL_COMDAT_GROUP(decl) &&
         !in_system_header_at(DECL_SOURCE_LOCATION(decl));
}

bool is_source(const std::string& file)
{
  for (const std::string ending : {".c", ".C", ".cc", ".cpp", ".cxx", ".c++"})
    if (file.size() > ending.size() &&
        file.compare(file.size() - ending.size(), ending.size(), ending) == 0)
      return true;
  return false;
}

bool is_included_source(const char* file)
{
  return strcmp(file, main_input_filename) != 0 && is_source(file);
}

bool is_part(tree decl)
{
  return TREE_CODE(decl) == FUNCTION_DECL &&
         (replaced_by(decl) || hook_time_of(decl));
}

using nodes = std::set<symtab_node*>;

// Adds what the node calls and refers to, and so on.
void reach(symtab_node* from, nodes& into)
{
  std::vector<symtab_node*> open{from};
  while (!open.empty()) {
    symtab_node* const node = open.back();
    open.pop_back();
    if (!into.insert(node).second)
      continue;
    ipa_ref* reference = nullptr;
    for (unsigned i = 0; node->iterate_reference(i, reference); ++i)
      open.push_back(reference->referred);
    if (cgraph_node* const function = dyn_cast<cgraph_node*>(node))
      for (cgraph_edge* edge = function->callees; edge;
           edge = edge->next_callee)
        open.push_back(edge->callee);
  }
}

// The sources of functions that nothing of the patch uses, but which use
// something of it: such a function is there because the whole source is.
std::set<std::string> whole_sources()
{
  nodes used;
  bool replaces = false;
  cgraph_node* node;
  FOR_EACH_DEFINED_FUNCTION(node)
  {
    const tree decl = node->decl;
    replaces = replaces || replaced_by(decl);
    if (is_part(decl) || DECL_STATIC_CONSTRUCTOR(decl) ||
        DECL_STATIC_DESTRUCTOR(decl))
      reach(node, used);
  }
  std::set<std::string> sources;
  if (!replaces)  // a source of helpers, perhaps
    return sources;
  FOR_EACH_DEFINED_FUNCTION(node)
  {
    const tree decl = node->decl;
    if (used.count(node) || !is_own_function(node) || DECL_COMDAT(decl) ||
        DECL_COMDAT_GROUP(decl) || !is_source(DECL_SOURCE_FILE(decl)))
      continue;
    nodes reached;
    reach(node, reached);
    if (std::any_of(reached.begin(), reached.end(), [&](symtab_node* each) {
          return used.count(each) && each->definition;
        }))
      sources.insert(DECL_SOURCE_FILE(decl));
  }
  return sources;
}

}  // namespace

// Protected, not hidden: other patches may use a patch's functions.  No other
// definition is called then, and GCC and the linker refer to the function
// directly.  What is left to the dynamic linker (tables of addresses) the
// runtime corrects where its rules for protected symbols are others.
void bind_own_functions()
{
  if (!is_part_of_patch() || !current_options().with.own_functions)
    return;
  cgraph_node* node;
  FOR_EACH_FUNCTION(node)
  {
    const tree decl = node->decl;
    if (!is_own_function(node) || DECL_VISIBILITY(decl) != VISIBILITY_DEFAULT)
      continue;
    DECL_VISIBILITY(decl) = VISIBILITY_PROTECTED;
    DECL_VISIBILITY_SPECIFIED(decl) = 1;
    if (DECL_RTL_SET_P(decl))
      make_decl_rtl(decl);  // notes in it whether other objects count
  }
}

// A user who includes the whole fixed source, or marks a function in a copy
// of it, gets new variables where the program's were meant.  Whether the
// program has them only --dry-run can say; this goes by what such a unit looks
// like.
void warn_of_copies()
{
  if (!is_part_of_patch() || !current_options().warn_copies)
    return;
  const std::set<std::string> whole = whole_sources();
  varpool_node* node;
  FOR_EACH_VARIABLE(node)
  {
    const tree decl = node->decl;
    const char* file = DECL_SOURCE_FILE(decl);
    if (!is_own_variable(node) ||
        !(whole.count(file) || is_included_source(file)))
      continue;
    const std::string import = std::string("HP_IMPORT(\"FILE:") +
                               IDENTIFIER_POINTER(DECL_NAME(decl)) + "\")";
    warning_at(DECL_SOURCE_LOCATION(decl), 0,
               "%qD is a new variable of the patch, not one that the program "
               "has; to share the one in the program, declare it %<extern%> "
               "and %qs instead of defining it [%s]",
               decl, import.c_str(), "-fplugin-arg-hotpatch-warn-copies");
  }
}

}  // namespace hotpatch
