// Collects and writes the baseline of a unit.
//
// SPDX-License-Identifier: GPL-3.0-or-later
#include "plugin/baseline.h"

#include "plugin/against.h"
#include "plugin/body_hash.h"
#include "plugin/cxx.h"
#include "plugin/inline_copies.h"
#include "plugin/names.h"
#include "plugin/options.h"
#include "plugin/records.h"
#include "plugin/type_layout.h"
#include "plugin/unit_baseline.h"

#include "format/baseline.h"

namespace hotpatch {

namespace {

// --- Options -----------------------------------------------------------------

bool begins_with(const std::string& text, const char* with)
{
  return text.compare(0, strlen(with), with) == 0;
}

// What concerns messages, debug information and files does not decide.
bool decides(const std::string& option)
{
  for (const char* without : {"-fdiagnostics",
                              "-fplugin",
                              "-fmessage-length",
                              "-fdump",
                              "-ffile-prefix-map",
                              "-fdebug",
                              "-fmacro-prefix-map",
                              "-fverbose-asm",
                              "-fpch",
                              "-fshow",
                              "-fcolor",
                              "-fno-diagnostics",
                              "-ftime-report",
                              "-fmem-report",
                              "-fpreprocessed",
                              "-fdirectives-only",
                              "-fworking-directory",
                              "-ftrack-macro",
                              "-fprofile-prefix-path",
                              "-fstack-usage",
                              "-fcanon-prefix-map",
                              "-frandom-seed",
                              "-fident"})
    if (begins_with(option, without))
      return false;
  for (const char* with : {"-O", "-f", "-m", "-std", "-ansi", "-D", "-U"})
    if (begins_with(option, with))
      return true;
  return false;
}

// --- Files -------------------------------------------------------------------

struct dependency {
  std::string path;
  bool of_system;
};

// All files that were entered, the unit's own first.
std::vector<dependency> dependencies()
{
  std::vector<dependency> found;
  std::set<std::string> seen;
  for (unsigned i = 0; i < LINEMAPS_ORDINARY_USED(line_table); ++i) {
    const line_map_ordinary* const map =
        LINEMAPS_ORDINARY_MAP_AT(line_table, i);
    const char* path = ORDINARY_MAP_FILE_NAME(map);
    if (map->reason == LC_ENTER && path && *path != '<' &&
        seen.insert(path).second)
      found.push_back({path, ORDINARY_MAP_IN_SYSTEM_HEADER_P(map) != 0});
  }
  return found;
}

// Paths mostly begin as the one before does.
class path_list {
 public:
  std::string shortened(const std::string& path)
  {
    std::size_t same = 0;
    while (same < path.size() && same < last_.size() &&
           path[same] == last_[same])
      ++same;
    last_ = path;
    return std::to_string(same) + " " + path.substr(same);
  }

 private:
  std::string last_;
};

// --- Functions and variables -------------------------------------------------

struct unit_function {
  unsigned id;        // DECL_UID
  function_id known;  // all bodies of a constructor or destructor are one
  bool of_system;     // in a system header
  std::string symbol;
  std::string flags;
  int line;
};

std::vector<unit_function> functions;
std::vector<unit_variable> variables;
std::uint64_t assembly;
std::string types;

void start_ipa_passes(void*, void*)
{
  complete_body_hashes();
  cgraph_node* node;
  FOR_EACH_DEFINED_FUNCTION(node)
  if (is_of_the_source(node))
    functions.push_back(
        {DECL_UID(node->decl), id_of_function(node->decl),
         in_system_header_at(DECL_SOURCE_LOCATION(node->decl)) != 0,
         assembler_name(node->decl), function_flags(node->decl),
         static_cast<int>(DECL_SOURCE_LINE(node->decl))});
  variables = variables_of_unit();
  assembly = assembly_hash();
  types = type_lines();
}

bool has_site(function_id id)
{
  const auto known = known_functions().find(id);
  return known != known_functions().end() && known->second.has_site;
}

using numbers = std::map<function_id, std::vector<std::size_t>>;

// Those of system headers that have no site are so many in C++ that they are
// left out: while the headers are the same, only what holds copies of listed
// ones can differ.
std::set<function_id> listed_functions(
    const std::map<function_id, copy_counts>& copies)
{
  std::set<function_id> listed;
  std::set<function_id> of_system;
  for (const unit_function& each : functions)
    if (!each.of_system || has_site(each.known))
      listed.insert(each.known);
    else
      of_system.insert(each.known);
  for (const auto& [copy, holders] : copies)
    if (!of_system.count(copy))
      for (const auto& [holder, count] : holders)
        if (of_system.count(holder))
          listed.insert(holder);
  return listed;
}

std::string edges_text(const std::map<function_id, copy_counts>& copies,
                       const numbers& listed)
{
  std::map<std::size_t, std::string> lists;  // by holder
  for (const auto& [copy, holders] : copies) {
    const auto copied_numbers = listed.find(copy);
    if (copied_numbers == listed.end())
      continue;
    std::string text;
    for (const std::size_t number : copied_numbers->second)
      text += " " + std::to_string(number);
    for (const auto& [holder, count] : holders)
      if (const auto holding = listed.find(holder); holding != listed.end())
        for (const std::size_t number : holding->second)
          lists[number] += text;
  }
  std::string text;
  for (const auto& [holder, list] : lists)
    text += "i " + std::to_string(holder) + list + "\n";
  return text;
}

std::string heading()
{
  std::string text = "baseline " + std::to_string(format::baseline_version) +
                     "\n" + baseline_place() + "compiler " + compiler_name() +
                     "\n";
  for (const std::string& each : deciding_options())
    text += "option " + each + "\n";
  return text;
}

std::string unit_text()
{
  const std::set<unsigned> emitted = emitted_symbols();
  std::string text = heading() + baseline_dependencies();
  const auto copies = copies_by_function();
  const std::set<function_id> listed = listed_functions(copies);
  numbers by_id;
  std::size_t number = 0;
  for (const unit_function& each : functions)
    if (listed.count(each.known)) {
      std::string flags = each.flags;
      if (emitted.count(each.id)) {
        flags += format::function_emitted;
        if (has_site(each.known))
          flags += format::function_site;
      }
      text += function_lines(each.id, each.symbol, flags, each.line);
      by_id[each.known].push_back(number++);
    }
  for (const unit_variable& each : variables) {
    std::string flags = each.flags;
    if (emitted.count(each.id))
      flags += format::variable_emitted;
    text += variable_lines(each, flags);
  }
  text += types + edges_text(copies, by_id);
  if (assembly != 0)
    text += "a " + hash_text(assembly) + "\n";
  return text + "end\n";
}

void finish_unit(void*, void*)
{
  if (asm_out_file && !errorcount && !sorrycount)
    print_baseline(unit_text());
}

bool is_in_another_file(tree decl)
{
  return strcmp(DECL_SOURCE_FILE(decl), main_input_filename) != 0;
}

}  // namespace

bool read_file(const std::string& path, std::string& into)
{
  into.clear();
  const int file = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (file < 0)
    return false;
  char part[65536];
  ssize_t size;
  while ((size = read(file, part, sizeof part)) > 0)
    into.append(part, static_cast<std::size_t>(size));
  close(file);
  return size == 0;
}

std::string hash_text(std::uint64_t hash)
{
  return format::hash_text(hash).digits;
}

std::string baseline_place()
{
  return "unit " + in_old_tree(main_input_filename) + "\ndirectory " +
         in_old_tree(get_src_pwd()) + "\n";
}

std::string baseline_dependencies()
{
  std::string system;
  std::string own;
  format::running_hash system_hash;
  path_list system_paths;
  path_list own_paths;
  for (const dependency& each : dependencies()) {
    std::string contents;
    read_file(each.path, contents);
    const std::uint64_t hash =
        format::content_hash(contents.data(), contents.size());
    if (each.of_system) {
      system_hash.add(hash);
      system += "h " + system_paths.shortened(in_old_tree(each.path)) + "\n";
    } else {
      own += "d " + hash_text(hash) + " " +
             own_paths.shortened(in_old_tree(each.path)) + "\n";
    }
  }
  return "system " + hash_text(system_hash.value()) + "\n" + system + own;
}

std::string function_lines(unsigned id, const std::string& symbol,
                           const std::string& flags, int line)
{
  const body_hash& body = body_hashes().at(id);
  return "f " + (flags.empty() ? "-" : flags) + " " + hash_text(body.strict) +
         " " + (body.masked == body.strict ? "-" : hash_text(body.masked)) +
         " " + hash_text(body.prototype) + " " + std::to_string(line) + " " +
         symbol + "\n" +
         (body.statements.empty() ? "" : "t " + body.statements + "\n");
}

std::string variable_lines(const unit_variable& of, const std::string& flags)
{
  return "v " + (flags.empty() ? "-" : flags) + " " + hash_text(of.type) + " " +
         hash_text(of.initial_value.strict) + " " +
         (of.initial_value.masked == of.initial_value.strict
              ? "-"
              : hash_text(of.initial_value.masked)) +
         " " + std::to_string(of.line) + " " + of.symbol +
         (of.key == of.symbol ? "" : " " + of.key) + "\n" +
         (of.is_of_function() ? "u " + hash_text(of.use.scope) + " " +
                                    hash_text(of.use.uses) + "\n"
                              : "");
}

std::string type_lines()
{
  std::set<std::string> lines;
  for (const named_layout& each : layouts_of(pointed_to_types()))
    lines.insert("y " + hash_text(each.hash) + " " + each.name + "\n");
  std::string text;
  for (const std::string& line : lines)
    text += line;
  return text;
}

std::set<unsigned> emitted_symbols()
{
  std::set<unsigned> result;
  symtab_node* node;
  FOR_EACH_SYMBOL(node)
  if (TREE_ASM_WRITTEN(node->decl))
    result.insert(DECL_UID(node->decl));
  return result;
}

void print_baseline(const std::string& text)
{
  std::string lines;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t next = text.find('\n', at) + 1;
    lines += "\t.ascii " + quoted(text.substr(at, next - at)) + "\n";
    at = next;
  }
  fprintf(asm_out_file,
          "\t.pushsection %s,\"\",@progbits\n%s\t.byte 0\n\t.popsection\n",
          format::baseline_section_name, lines.c_str());
}

std::vector<std::string> deciding_options()
{
  std::vector<std::string> found;
  for (unsigned i = 1; i < save_decoded_options_count; ++i) {
    const cl_decoded_option& each = save_decoded_options[i];
    const char* text = each.orig_option_with_args_text;
    if (text && decides(text))
      found.push_back(text);
  }
  return found;
}

std::string compiler_name()
{
  return std::string(is_cxx() ? "C++ " : "C ") + version_string;
}

std::vector<unit_variable> variables_of_unit()
{
  std::vector<varpool_node*> nodes;
  varpool_node* node;
  FOR_EACH_VARIABLE(node)
  if (node->definition && !node->alias && !DECL_EXTERNAL(node->decl) &&
      !is_plain_content(node->decl) && !DECL_IN_CONSTANT_POOL(node->decl))
    nodes.push_back(node);
  std::sort(nodes.begin(), nodes.end(), [](varpool_node* a, varpool_node* b) {
    return DECL_UID(a->decl) < DECL_UID(b->decl);
  });
  std::map<std::string, unsigned> of_the_same_name;
  std::vector<unit_variable> result;
  for (varpool_node* each : nodes) {
    const tree decl = each->decl;
    const tree context = DECL_CONTEXT(decl);
    const std::string symbol = assembler_name(decl);
    std::string key = literal_name(decl);
    if (key.empty())
      key = symbol;
    if (context && TREE_CODE(context) == FUNCTION_DECL &&
        !DECL_ARTIFICIAL(decl) && DECL_NAME(decl)) {
      key =
          assembler_name(context) + "::" + IDENTIFIER_POINTER(DECL_NAME(decl));
      key += "#" + std::to_string(of_the_same_name[key]++);
    }
    std::string flags;
    if (!TREE_PUBLIC(decl))
      flags += format::variable_local;
    if (DECL_COMDAT(decl) || DECL_ONE_ONLY(decl))
      flags += format::variable_comdat;
    if (DECL_THREAD_LOCAL_P(decl))
      flags += format::variable_thread_local;
    if (TREE_READONLY(decl))
      flags += format::variable_read_only;
    ipa_ref* use = nullptr;
    for (unsigned i = 0; each->iterate_referring(i, use); ++i)
      if (use->use != IPA_REF_LOAD) {
        flags += format::variable_written;
        break;
      }
    result.push_back({each, DECL_UID(decl), key, symbol, flags,
                      type_hash_of_variable(decl), initial_value_hash(decl),
                      static_cast<int>(DECL_SOURCE_LINE(decl)),
                      use_of_static(decl)});
  }
  return result;
}

std::string function_flags(tree decl)
{
  std::string flags;
  if (!TREE_PUBLIC(decl))
    flags += format::function_local;
  if (DECL_COMDAT(decl) || DECL_ONE_ONLY(decl))
    flags += format::function_comdat;
  if (DECL_DECLARED_INLINE_P(decl))
    flags += format::function_inline;
  if (is_in_another_file(decl))
    flags += format::function_elsewhere;
  return flags;
}

bool is_of_the_source(cgraph_node* node)
{
  return !node->alias && !node->thunk && !node->clone_of &&
         body_hashes().count(DECL_UID(node->decl)) != 0;
}

std::uint64_t assembly_hash()
{
  format::running_hash hash;
  bool any = false;
  for (asm_node* each = symtab->first_asm_symbol(); each; each = each->next) {
    hash.add(TREE_STRING_POINTER(each->asm_str),
             static_cast<std::size_t>(TREE_STRING_LENGTH(each->asm_str)));
    any = true;
  }
  // Other names of functions and variables; those of constructors and
  // destructors come and go with inlining.
  std::uint64_t names = 0;
  symtab_node* node;
  FOR_EACH_SYMBOL(node)
  {
    ipa_ref* target = nullptr;
    if (!node->alias || !node->definition || node->cpp_implicit_alias ||
        !node->iterate_reference(0, target) || target->use != IPA_REF_ALIAS)
      continue;
    format::running_hash one;
    const std::string text = assembler_name(node->decl) + " " +
                             assembler_name(target->referred->decl);
    one.add(text.data(), text.size());
    names += one.value();  // in any order
    any = true;
  }
  hash.add(names);
  return any ? hash.value() : 0;
}

void register_baseline(const char* plugin_name)
{
  // Of a unit that is compared with its baseline, what it changes is written.
  if (!current_options().baseline || (is_against() && !is_all_new()))
    return;
  if (flag_lto || !strcmp(lang_hooks.name, "GNU GIMPLE"))
    error(
        "hotpatch: option %<baseline%> describes the code of each unit, and "
        "%<-flto%> makes one of all units: leave out one of the two");
  register_body_hashes(plugin_name);
  register_callback(plugin_name, PLUGIN_ALL_IPA_PASSES_START, start_ipa_passes,
                    NULL);
  register_callback(plugin_name, PLUGIN_FINISH_UNIT, finish_unit, NULL);
}

}  // namespace hotpatch
