// The names of a function: in the assembly, demangled, without parameters.
//
// SPDX-License-Identifier: GPL-3.0-or-later
#include "plugin/names.h"

namespace hotpatch {

namespace {

struct free_text {
  void operator()(char* text) const { free(text); }
};

}  // namespace

std::string demangle(const char* text, int demangler_options)
{
  const std::unique_ptr<char, free_text> plain(
      cplus_demangle_v3(text, demangler_options));
  return plain ? plain.get() : text;
}

std::string assembler_name(tree decl)
{
  std::string name = targetm.strip_name_encoding(
      IDENTIFIER_POINTER(DECL_ASSEMBLER_NAME(decl)));
  const auto suffix = name.find(".lto_priv.");
  if (suffix != name.npos)
    name.resize(suffix);
  return name;
}

namespace {

std::map<unsigned, std::string> renamed;  // by DECL_UID

}  // namespace

void rename_import(symtab_node* node, const std::string& name)
{
  renamed[DECL_UID(node->decl)] = assembler_name(node->decl);
  symtab->change_decl_assembler_name(node->decl, get_identifier(name.c_str()));
}

std::string name_in_program(tree decl)
{
  const auto found = renamed.find(DECL_UID(decl));
  return found != renamed.end() ? found->second : assembler_name(decl);
}

std::string source_file(tree decl)
{
  const char* file = DECL_SOURCE_FILE(decl);
  return file ? remap_debug_filename(file) : "";
}

std::vector<std::string> names_of(tree decl)
{
  std::vector<std::string> names{assembler_name(decl)};
  const char* name = names.front().c_str();
  const std::string full = demangle(name, DMGL_PARAMS | DMGL_ANSI);
  if (full != names.front()) {
    const std::string bare = demangle(name, DMGL_ANSI);
    names.push_back(full);
    names.push_back(bare);
  }
  return names;
}

// The front end prints unfinished names with these words in them.
bool name_is_settled(tree decl)
{
  if (DECL_ASSEMBLER_NAME_SET_P(decl))
    return true;
  const char* printed = lang_hooks.decl_printable_name(decl, 2);
  return !decl_function_context(decl) && !strstr(printed, "<lambda") &&
         !strstr(printed, "<unnamed") && !strstr(printed, "<anonymous");
}

bool is_operator(tree decl)
{
  return DECL_NAME(decl) &&
         !strncmp(IDENTIFIER_POINTER(DECL_NAME(decl)), "operator", 8);
}

}  // namespace hotpatch
