// Which source file each variable and function of the unit was defined in.
//
// SPDX-License-Identifier: GPL-3.0-or-later
#include "plugin/gcc_compat.h"

#include "plugin/definitions.h"

#include "plugin/against.h"
#include "plugin/cxx.h"
#include "plugin/names.h"
#include "plugin/options.h"
#include "plugin/patch_records.h"
#include "plugin/records.h"
#include "plugin/site.h"
#include "plugin/type_layout.h"

#include "format/definition.h"

namespace hotpatch {

namespace {

// Holds the layout hash of a variable's type on its way through the compiler.
constexpr char layout_attribute[] = "hotpatch layout";

// What is in COMDAT groups is there once in a program, whichever files it comes
// from.  What the compiler has made has no name that a source could use.
bool is_listed(const symtab_node* node)
{
  const tree decl = node->decl;
  return node->definition && !node->alias && !DECL_EXTERNAL(decl) &&
         !DECL_ARTIFICIAL(decl) && !DECL_COMDAT(decl) &&
         !DECL_COMDAT_GROUP(decl) && DECL_NAME(decl) &&
         (TREE_CODE(decl) == FUNCTION_DECL ||
          (VAR_P(decl) && TREE_STATIC(decl)));
}

// Link-time optimisation makes statics that other partitions use public, but
// hidden, and appends to their names.
bool is_static(tree decl)
{
  return !TREE_PUBLIC(decl) ||
         strstr(IDENTIFIER_POINTER(DECL_ASSEMBLER_NAME(decl)), ".lto_priv.");
}

std::uint64_t noted_layout_of(tree decl)
{
  const tree found = lookup_attribute(layout_attribute, DECL_ATTRIBUTES(decl));
  return found ? TREE_INT_CST_LOW(TREE_VALUE(TREE_VALUE(found))) : 0;
}

// The strings of the table, each once.
class string_list {
 public:
  std::string label_of(const std::string& text)
  {
    const auto [at, is_new] = labels_.try_emplace(text);
    if (is_new) {
      at->second = local_label('d', so_far_++);
      lines_ += at->second + ":\n\t.string " + quoted(text) + "\n";
    }
    return at->second;
  }
  const std::string& lines() const { return lines_; }

 private:
  std::map<std::string, std::string> labels_;
  unsigned so_far_ = 0;
  std::string lines_;
};

std::string record_of(tree decl, string_list& strings)
{
  const bool of_thread = VAR_P(decl) && DECL_THREAD_LOCAL_P(decl);
  std::uint32_t flags = 0;
  if (is_static(decl))
    flags |= format::definition_static;
  if (of_thread)
    flags |= format::definition_thread_local;
  if (TREE_CODE(decl) == FUNCTION_DECL)
    flags |= format::definition_function;
  const std::string symbol = targetm.strip_name_encoding(
      IDENTIFIER_POINTER(DECL_ASSEMBLER_NAME(decl)));
  return "\t.long " +
         hexadecimal(format::definition_version | sizeof(format::definition)
                                                      << 16) +
         "," + hexadecimal(flags) +
         (of_thread ? "\n\t.long " + symbol + "@dtpoff,0"
                    : "\n\t.quad " + symbol) +
         "\n\t.long " + strings.label_of(assembler_name(decl)) + "," +
         strings.label_of(source_file(decl)) + "," +
         std::to_string(DECL_SOURCE_LINE(decl)) + ",0\n\t.quad " +
         hexadecimal(noted_layout_of(decl)) + "\n";
}

void finish_unit(void*, void*)
{
  if (!asm_out_file || flag_wpa || !target_is_x86_64() ||
      (flag_generate_lto && !flag_fat_lto_objects))
    return;
  string_list strings;
  std::string records;
  symtab_node* node;
  FOR_EACH_SYMBOL(node)
  if (is_listed(node) && TREE_ASM_WRITTEN(node->decl))
    records += record_of(node->decl, strings);
  if (records.empty())
    return;
  fprintf(asm_out_file,
          "\t.pushsection %s,\"\",@progbits\n\t.balign 8\n%s\t.popsection\n"
          "\t.pushsection %s,\"MS\",@progbits,1\n%s\t.popsection\n",
          format::definition_section_name, records.c_str(),
          format::definition_string_section_name, strings.lines().c_str());
}

}  // namespace

// Types with names are compared by these; what the type of a variable looks
// like that has none only the variable itself can tell.
void note_definitions()
{
  if (!is_c() && !is_cxx())
    return;
  const std::set<symtab_node*> used =
      is_against() ? reached_from_code() : std::set<symtab_node*>();
  varpool_node* node;
  FOR_EACH_VARIABLE(node)
  {
    const tree decl = node->decl;
    if (is_against() && !used.count(node))
      continue;
    // A later patch is compared with the types of all variables.
    if (current_options().baseline && is_listed(node))
      layout_hash_of(TREE_TYPE(decl));
    if (!is_listed(node) || !is_of_unnamed_type(TREE_TYPE(decl)))
      continue;
    const std::uint64_t layout = layout_hash_of(TREE_TYPE(decl));
    const tree value = build_int_cstu(long_unsigned_type_node, layout);
    DECL_ATTRIBUTES(decl) =
        tree_cons(get_identifier(layout_attribute),
                  build_tree_list(NULL_TREE, value), DECL_ATTRIBUTES(decl));
  }
}

void register_definitions(const char* plugin_name)
{
  register_callback(plugin_name, PLUGIN_FINISH_UNIT, finish_unit, NULL);
}

}  // namespace hotpatch
