// Statements, imports and definitions of a patch object.
//
// SPDX-License-Identifier: GPL-3.0-or-later
#include "plugin/patch_records.h"

#include "plugin/against.h"
#include "plugin/against_result.h"
#include "plugin/attribute.h"
#include "plugin/cxx.h"
#include "plugin/facts.h"
#include "plugin/gcc_compat.h"
#include "plugin/link_guard.h"
#include "plugin/names.h"
#include "plugin/optimisation.h"
#include "plugin/options.h"
#include "plugin/patch_attribute.h"
#include "plugin/prototype.h"
#include "plugin/refuse.h"
#include "plugin/site.h"
#include "plugin/type_layout.h"

namespace hotpatch {

// --- Patch part -------------------------------------------------------------
// The functions of a patch object that the runtime calls or jumps to.

namespace {

// By their names in the source.
std::set<std::string> taken;

void note_defined(tree decl)
{
  if (DECL_NAME(decl))
    taken.insert(IDENTIFIER_POINTER(DECL_NAME(decl)));
}

bool is_patch_part(tree decl)
{
  return replaced_by(decl) || hook_time_of(decl);
}

// In every patch object once.  Without the first line it would be there twice
// where the assembly of several units comes together.
std::string state_text()
{
  return std::string("\t.ifndef .LHPstate\n\t.set .LHPstate,1\n") +
         "\t.pushsection " + format::state_section_name + ",\"awG" +
         retain_flag() + "\",@progbits,hotpatch.state,comdat\n" +
         "\t.balign 8\n\t.long " + std::to_string(format::state_version) + "," +
         std::to_string(sizeof(format::patch_state)) + "\n\t.zero " +
         std::to_string(sizeof(format::patch_state) - 8) +
         "\n\t.popsection\n\t.endif\n";
}

// Code refers to a function that others may define, too, by a name of its own
// that stands for this one.
std::string own_label(section_text& out, tree decl)
{
  static unsigned so_far = 0;
  const std::string label = local_label('p', so_far++);
  out.line(".set " + label + "," +
           targetm.strip_name_encoding(
               IDENTIFIER_POINTER(DECL_ASSEMBLER_NAME(decl))));
  return label;
}

void print_place(section_text& out, tree decl)
{
  out.string(source_file(decl), "file");
  out.number(static_cast<std::uint32_t>(DECL_SOURCE_LINE(decl)), "line");
}

std::uint32_t flags_of(const program_name& target)
{
  if (target.unchecked)
    return format::patch_any_prototype | format::patch_any_layout;
  return target.unprepared ? std::uint32_t{format::patch_unprepared} : 0;
}

void print_replacement(section_text& out, tree decl, const program_name& target,
                       const site_facts& facts)
{
  const char* type = facts.mangled_type;
  // Of an inline function several units may have one; the linker keeps one, and
  // the record with it.
  const tree group = DECL_COMDAT_GROUP(decl);
  begin_patch_record(out, format::patch_kind::replacement,
                     sizeof(format::replacement_record),
                     group ? IDENTIFIER_POINTER(group) : "");
  out.offset(own_label(out, decl), "code");
  out.offset(end_label(), "end");
  out.string(target.text, "target");
  out.string(facts.name, "name");
  print_place(out, decl);
  out.string(*type ? demangle(type, DMGL_PARAMS | DMGL_ANSI | DMGL_TYPES) : "",
             "prototype");
  out.number(flags_of(target), "flags");
  out.hash(*type ? format::type_hash(type) : 0, "prototype hash");
  out.hash(facts.layout, "layout hash");
  out.line(".popsection");
}

void print_hook(section_text& out, tree decl, format::hook_time when)
{
  begin_patch_record(out, format::patch_kind::hook,
                     sizeof(format::hook_record));
  out.offset(own_label(out, decl), "code");
  out.number(static_cast<std::uint32_t>(when), "when");
  out.string(assembler_name(decl), "name");
  out.number(0, "reserved");
  out.line(".popsection");
}

void print_header(section_text& out, const patch_statement& said)
{
  begin_patch_record(out, format::patch_kind::patch,
                     sizeof(format::patch_header));
  out.string(said.name, "name");
  out.number(said.version, "version");
  out.string(said.description, "description");
  out.number(static_cast<std::uint32_t>(said.level), "level");
  out.number(0, "reserved");
  out.number(0, "reserved");
  out.line(".popsection");
}

void print_need(section_text& out, const patch_statement::need& need)
{
  begin_patch_record(out, format::patch_kind::need,
                     sizeof(format::need_record));
  out.string(need.name, "name");
  out.number(need.version, "version");
  out.line(".popsection");
}

void print_build(section_text& out, const std::string& id)
{
  begin_patch_record(out, format::patch_kind::build,
                     sizeof(format::build_record));
  out.string(id, "build-id");
  out.number(0, "reserved");
  out.line(".popsection");
}

}  // namespace

void begin_patch_record(section_text& out, format::patch_kind kind,
                        std::size_t size, const std::string& group)
{
  out.line(std::string(".pushsection ") + format::patch_section_name + ",\"a" +
           (group.empty() ? "" : "G") + retain_flag() + "\",@progbits" +
           (group.empty() ? "" : "," + group + ",comdat"));
  out.line(".balign 4");
  out.line(".short " + std::to_string(format::patch_record_version) + "," +
           std::to_string(size) + "," +
           std::to_string(static_cast<unsigned>(kind)) +
           ",0\t# version, size, kind");
}

void keep_patch_part(tree decl)
{
  if (is_patch_part(decl))
    add_attribute(decl, "used");
}

void take_patch_part(tree decl)
{
  if (!is_patch_part(decl) || refuse_target())
    return;
  note_defined(decl);
  // The bodies of a constructor or destructor are clones, with other names.
  if (const tree origin = DECL_ABSTRACT_ORIGIN(decl);
      origin && TREE_CODE(origin) == FUNCTION_DECL)
    note_defined(origin);
  if (DECL_EXTERNAL(decl)) {
    error_at(DECL_SOURCE_LOCATION(decl),
             "no code is made of this definition of %qD, so it can be no part "
             "of a patch; remove %<gnu_inline%>",
             decl);
    return;
  }
  hide_body(decl);
  guard_link();
  if (replaced_by(decl) && !find_replacement_facts(decl))
    attach_replacement_facts(decl, gather_facts(decl));
}

void print_patch_records(tree decl)
{
  section_text out;
  if (const std::optional<site_facts> facts = find_replacement_facts(decl))
    print_replacement(out, decl, *replaced_by(decl), *facts);
  if (const std::optional<format::hook_time> when = hook_time_of(decl))
    print_hook(out, decl, *when);
  fputs(out.text().c_str(), asm_out_file);
}

void print_patch_statement()
{
  if (!is_part_of_patch())
    return;
  warn_of_undefined_parts(taken);
  // hp-patch says it for all units.
  const patch_statement said =
      is_against() ? patch_statement() : stated_patch();
  section_text out;
  if (!said.name.empty() || said.level != format::level::unstated)
    print_header(out, said);
  for (const patch_statement::need& need : said.needs)
    print_need(out, need);
  for (const std::string& id : said.builds)
    print_build(out, id);
  print_at_top_level(out.text() + state_text());
}

// --- Patch imports ----------------------------------------------------------
// What a patch object uses of the program and the dynamic linker need not know.

namespace {

// What the program's own sources declare.  A library's functions are left to
// the linkers: a weak symbol would not make them look for its library.
bool is_of_the_program(tree decl)
{
  const tree type = described_class(decl);
  const tree named = type ? TYPE_NAME(type) : decl;
  const location_t place =
      named && DECL_P(named) ? DECL_SOURCE_LOCATION(named) : UNKNOWN_LOCATION;
  return place > BUILTINS_LOCATION && !in_system_header_at(place);
}

// -fvisibility says nothing of what is defined elsewhere; a pragma and an
// attribute do.
bool is_hidden(tree decl)
{
  return DECL_VISIBILITY_SPECIFIED(decl) &&
         DECL_VISIBILITY(decl) != VISIBILITY_DEFAULT;
}

// What the user made weak may be absent.
bool is_plain_import(tree decl)
{
  return is_part_of_patch() && TREE_PUBLIC(decl) && !DECL_WEAK(decl) &&
         !is_hidden(decl) && is_of_the_program(decl);
}

struct named_import {
  std::string target;  // "": the same name
  std::uint32_t flags;
};

std::optional<named_import> import_of(tree decl)
{
  constexpr std::uint32_t unchecked = format::patch_any_prototype |
                                      format::patch_any_layout |
                                      format::patch_any_copy;
  if (const std::optional<program_name> name = original_of(decl))
    return named_import{
        name->text, format::patch_original | (name->unchecked ? unchecked : 0)};
  if (const std::optional<program_name> name = imported_as(decl))
    return named_import{name->text, name->unchecked ? unchecked : 0};
  if (is_plain_import(decl))
    return named_import{"", 0};
  return std::nullopt;
}

bool can_be_imported(tree decl)
{
  if (!is_hidden(decl))
    return true;
  error_at(DECL_SOURCE_LOCATION(decl),
           "%qD is declared with a visibility other than default, so the patch "
           "object itself must define it; declare it outside of %<#pragma GCC "
           "visibility%> to import it",
           decl);
  return false;
}

// A type, as a record tells it; nothing of what the compiler has made.
struct known_type {
  std::string mangled;
  std::uint64_t layout = 0;
};

known_type type_of(tree decl)
{
  if (DECL_ARTIFICIAL(decl) || !(is_c() || is_cxx()))
    return {};
  if (TREE_CODE(decl) == FUNCTION_DECL)
    return prototype_p(TREE_TYPE(decl))
               ? known_type{mangled_type_of(decl),
                            layout_hash_of(plain_type_of(decl))}
               : known_type{};
  const tree type = TREE_TYPE(decl);
  return {is_c() ? mangle_c_type(type) : mangle_cxx_type(type),
          layout_hash_of(type)};
}

std::uint32_t size_of(tree decl)
{
  const tree size = VAR_P(decl) ? DECL_SIZE_UNIT(decl) : NULL_TREE;
  return size && TREE_CODE(size) == INTEGER_CST && !DECL_ARTIFICIAL(decl)
             ? static_cast<std::uint32_t>(TREE_INT_CST_LOW(size))
             : 0;
}

void print_import(section_text& out, tree decl, const named_import& import,
                  const known_type& type)
{
  std::uint32_t flags = import.flags;
  if (TREE_CODE(decl) == FUNCTION_DECL)
    flags |= format::patch_function;
  else if (DECL_THREAD_LOCAL_P(decl))
    flags |= format::patch_thread_local;
  begin_patch_record(out, format::patch_kind::import,
                     sizeof(format::import_record));
  out.string(assembler_name(decl), "symbol");
  out.string(import.target, "target");
  out.string(source_file(decl), "file");
  out.number(static_cast<std::uint32_t>(DECL_SOURCE_LINE(decl)), "line");
  out.string(type.mangled.empty()
                 ? ""
                 : demangle(type.mangled.c_str(),
                            DMGL_PARAMS | DMGL_ANSI | DMGL_TYPES),
             "type");
  out.number(flags, "flags");
  out.hash(type.mangled.empty() ? 0 : format::type_hash(type.mangled.c_str()),
           "type hash");
  out.hash(type.layout, "layout hash");
  out.number(size_of(decl), "size");
  out.number(0, "reserved");
  out.line(".popsection");
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

void refuse_definition(tree decl)
{
  error_at(DECL_SOURCE_LOCATION(decl),
           "%qD is defined here, so it cannot be what the program has; declare "
           "it %<extern%>, without a value or body",
           decl);
}

void finish_unit(void*, void*)
{
  if (!asm_out_file || flag_wpa)
    return;
  symtab_node* node;
  section_text late;
  FOR_EACH_SYMBOL(node)
  {
    const tree decl = node->decl;
    if (!DECL_EXTERNAL(decl) ||
        !TREE_SYMBOL_REFERENCED(DECL_ASSEMBLER_NAME(decl)))
      continue;
    // What is referred to only because GCC found out which virtual function a
    // call means.
    if (is_against() && !is_import(decl))
      if (const std::optional<named_import> import = import_of(decl)) {
        mark_as_import(decl);
        print_import(late, decl, *import, known_type());
      }
    if (is_import(decl)) {
      fprintf(asm_out_file, "\t.weak %s\n", assembler_name(decl).c_str());
      note_result(
          "imported",
          assembler_name(decl) +
              (TREE_CODE(decl) == FUNCTION_DECL ? "\tfunction" : "\tvariable"));
    }
  }
  fputs(late.text().c_str(), asm_out_file);
}

}  // namespace

std::set<symtab_node*> reached_from_code()
{
  nodes used;
  symtab_node* node;
  FOR_EACH_SYMBOL(node)
  if (node->definition && !DECL_EXTERNAL(node->decl) &&
      (node->force_output ||
       (TREE_PUBLIC(node->decl) && !DECL_COMDAT(node->decl))))
    reach(node, used);
  return used;
}

void declare_imports()
{
  // glibc never unloads an object that has defined a unique symbol; those of a
  // patch stand for the program's anyway.
  if (is_part_of_patch())
    flag_gnu_unique = 0;
  section_text out;
  const nodes used = is_against() ? reached_from_code() : nodes();
  symtab_node* node;
  FOR_EACH_SYMBOL(node)
  {
    const tree decl = node->decl;
    if (is_against() && !used.count(node))
      continue;
    const bool named = original_of(decl) || imported_as(decl);
    if (named && node->definition && !DECL_EXTERNAL(decl))
      refuse_definition(decl);
    else if (DECL_EXTERNAL(decl))  // also where GCC knows the contents
      if (const std::optional<named_import> import = import_of(decl);
          import && can_be_imported(decl)) {
        mark_as_import(decl);
        print_import(out, decl, *import, type_of(decl));
      }
  }
  if (out.text().empty())
    return;
  guard_link();
  print_at_top_level(out.text());
}

void register_patch_imports(const char* plugin_name)
{
  register_callback(plugin_name, PLUGIN_FINISH_UNIT, finish_unit, NULL);
}

// --- Patch definitions ------------------------------------------------------
// What a patch object defines itself.

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
  if (!is_part_of_patch() || !current_options().warn_copies || is_against())
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
