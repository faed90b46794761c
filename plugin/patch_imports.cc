// What a patch object uses of the program and the dynamic linker need not know.
//
// SPDX-License-Identifier: GPL-3.0-or-later
#include "plugin/gcc_compat.h"

#include "plugin/patch_imports.h"

#include "plugin/attribute.h"
#include "plugin/cxx.h"
#include "plugin/link_guard.h"
#include "plugin/mangle_c.h"
#include "plugin/names.h"
#include "plugin/patch_attribute.h"
#include "plugin/patch_part.h"
#include "plugin/prototype.h"
#include "plugin/type_layout.h"

namespace hotpatch {

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

void print_import(section_text& out, tree decl, const named_import& import)
{
  const known_type type = type_of(decl);
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
  FOR_EACH_SYMBOL(node)
  {
    const tree decl = node->decl;
    if (is_import(decl) && DECL_EXTERNAL(decl) &&
        TREE_SYMBOL_REFERENCED(DECL_ASSEMBLER_NAME(decl)))
      fprintf(asm_out_file, "\t.weak %s\n", assembler_name(decl).c_str());
  }
}

}  // namespace

void declare_imports()
{
  // glibc never unloads an object that has defined a unique symbol; those of a
  // patch stand for the program's anyway.
  if (is_part_of_patch())
    flag_gnu_unique = 0;
  section_text out;
  symtab_node* node;
  FOR_EACH_SYMBOL(node)
  {
    const tree decl = node->decl;
    const bool named = original_of(decl) || imported_as(decl);
    if (named && node->definition && !DECL_EXTERNAL(decl))
      refuse_definition(decl);
    else if (DECL_EXTERNAL(decl))  // also where GCC knows the contents
      if (const std::optional<named_import> import = import_of(decl);
          import && can_be_imported(decl)) {
        mark_as_import(decl);
        print_import(out, decl, *import);
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

}  // namespace hotpatch
