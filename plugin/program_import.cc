// From definitions to declarations.
//
// SPDX-License-Identifier: GPL-3.0-or-later
#include "plugin/program_import.h"

#include "plugin/names.h"

namespace hotpatch {

void set_text_attribute(tree decl, const char* name, const std::string& value)
{
  const tree text =
      build_string(static_cast<int>(value.size()) + 1, value.c_str());
  TREE_TYPE(text) =
      build_array_type(build_qualified_type(char_type_node, TYPE_QUAL_CONST),
                       build_index_type(size_int(value.size())));
  DECL_ATTRIBUTES(decl) =
      tree_cons(get_identifier(name), tree_cons(NULL_TREE, text, NULL_TREE),
                DECL_ATTRIBUTES(decl));
}

std::string target_name(tree decl, const std::string& symbol, bool local)
{
  const char* const unit = remap_debug_filename(main_input_filename);
  return local
             ? (DECL_ARTIFICIAL(decl) ? std::string(unit) : source_file(decl)) +
                   ":" + symbol
             : symbol;
}

namespace {

// The object refers to a static of the program by a name of its own.
std::string name_in_patch(const std::string& target)
{
  std::string name = "hotpatch.import.";
  for (const char c : target)
    name += ISALNUM(c) || c == '_' || c == '.' ? c : '_';
  return name;
}

}  // namespace

void make_visible(tree decl)
{
  DECL_VISIBILITY(decl) = VISIBILITY_DEFAULT;
  DECL_VISIBILITY_SPECIFIED(decl) = 0;
}

void make_private(varpool_node* node)
{
  const tree decl = node->decl;
  node->externally_visible = false;
  node->forced_by_abi = false;
  node->remove_from_same_comdat_group();
  node->set_comdat_group(NULL_TREE);
  DECL_COMDAT(decl) = 0;
  DECL_WEAK(decl) = 0;
  TREE_PUBLIC(decl) = 0;
  make_visible(decl);
}

namespace {

// From a definition to a declaration.
void forget_definition(symtab_node* node)
{
  const tree decl = node->decl;
  node->remove_all_references();
  node->definition = false;
  node->analyzed = false;
  node->body_removed = true;
  node->force_output = false;
  node->alias = false;
  node->cpp_implicit_alias = false;
  node->forced_by_abi = false;
  node->unique_name = false;
  node->resolution = LDPR_UNKNOWN;
  node->externally_visible = true;
  node->remove_from_same_comdat_group();
  node->set_comdat_group(NULL_TREE);
  node->set_section(static_cast<const char*>(nullptr));
  DECL_EXTERNAL(decl) = 1;
  TREE_STATIC(decl) = 0;
  TREE_PUBLIC(decl) = 1;
  DECL_PRESERVE_P(decl) = 0;
  DECL_COMDAT(decl) = 0;
  DECL_WEAK(decl) = 0;
  make_visible(decl);
}

}  // namespace

void forget_body(cgraph_node* node)
{
  const tree decl = node->decl;
  if (!node->alias && !node->thunk)
    node->release_body();
  node->remove_callees();
  forget_definition(node);
  node->lowered = false;
  node->local = false;
  node->thunk = false;
  DECL_STATIC_CONSTRUCTOR(decl) = 0;
  DECL_STATIC_DESTRUCTOR(decl) = 0;
  DECL_INITIAL(decl) = error_mark_node;
  DECL_STRUCT_FUNCTION(decl) = NULL;
}

namespace {

void name_import(symtab_node* node, const std::string& symbol, bool was_local)
{
  const tree decl = node->decl;
  const std::string target = target_name(decl, symbol, was_local);
  if (was_local || symbol != assembler_name(decl))
    rename_import(node, name_in_patch(target));
  if (was_local || symbol != assembler_name(decl) || DECL_ARTIFICIAL(decl) ||
      in_system_header_at(DECL_SOURCE_LOCATION(decl)))
    set_text_attribute(decl, "hotpatch_import", target);
}

}  // namespace

void import_function(cgraph_node* node, const std::string& symbol, bool local)
{
  forget_body(node);
  name_import(node, symbol, local);
}

void import_variable(varpool_node* node, const std::string& symbol, bool local)
{
  const tree decl = node->decl;
  forget_definition(node);
  DECL_INITIAL(decl) = NULL_TREE;
  DECL_COMMON(decl) = 0;
  name_import(node, symbol, local);
  if (DECL_THREAD_LOCAL_P(decl))
    set_decl_tls_model(decl, decl_default_tls_model(decl));
}

}  // namespace hotpatch
