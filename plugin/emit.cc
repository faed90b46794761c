// What GCC prints around a chosen function, and the check of where its word
// lies.
//
// SPDX-License-Identifier: GPL-3.0-or-later
#include "plugin/emit.h"

#include "format/patch_word.h"
#include "plugin/debug_lines.h"
#include "plugin/layout.h"
#include "plugin/names.h"
#include "plugin/options.h"
#include "plugin/patch_records.h"
#include "plugin/records.h"
#include "plugin/site.h"

namespace hotpatch {

namespace {

// --- Where the word lies
// ------------------------------------------------------ The assembler refuses
// a patch word that is not where the layout says.  The whole unit is checked in
// one condition: a condition for each function would be a large part of what
// records cost the assembler.

// The distances of all words from the aligned bytes before them, or'ed.
std::string distances;

void print_alignment_check(void*, void*)
{
  if (distances.empty())
    return;
  fprintf(asm_out_file,
          "\t.if (%s)&7\n"
          "\t.error \"hotpatch: a patch word is not aligned; please report "
          "this as a bug\"\n\t.endif\n",
          distances.c_str());
  distances.clear();
}

// The word after a -mfentry call needs no check: its label stands directly
// after an alignment directive.
void check_alignment(const site& of)
{
  if (of.profiled)
    return;
  distances += (distances.empty() ? "(" : "|(") + local_label('w', of.number) +
               "-" + local_label('b', of.number) + ")";
}

// --- The bytes before a symbol, and its records
// -------------------------------

decltype(targetm.asm_out.print_patchable_function_entry) target_pre_pad;
decltype(targetm.asm_out.function_epilogue) target_epilogue;

// The number of the first site in the text section that the current site's
// entry lies in.
//
// The records of all functions in one text section share one record section,
// linked to (SHF_LINK_ORDER) that first site: the linker then keeps or drops
// both together and sorts the records by address.  The assembler tells record
// sections apart by the symbol they are linked to, so it has to be the same one
// each time.
unsigned section_leader;

void note_entry_section(const site& of)
{
  static std::map<const section*, unsigned> leaders;
  section_leader = leaders.try_emplace(in_section, of.number).first->second;
}

bool leads_section(const site& of)
{
  return section_leader == of.number;
}

// gold does not know SHF_LINK_ORDER and would drop all records under
// --gc-sections: a relocation that does nothing makes the text refer to them.
void print_reference_to_records(const site& of)
{
  if (leads_section(of) && current_options().with.reference)
    fprintf(asm_out_file, "\t.reloc ., R_X86_64_NONE, %s\n",
            records_label(section_leader).c_str());
}

// Dead bytes between the function's alignment and its symbol, with a label at
// their beginning: int3, then the classic five bytes of NOP.
void print_pre_pad(const site& of)
{
  FILE* const out = asm_out_file;
  note_entry_section(of);
  print_reference_to_records(of);
  if (current_options().with.align)
    fprintf(out, "\t.p2align %d\n", exact_log2(of.place.base_alignment));
  const std::string beginning = local_label('b', of.number);
  if (line_begins_before_symbol())
    print_first_line();
  fprintf(out, "%s\t.skip %u,0x%02x\n\t.skip %u,0x%02x\n",
          line_begins_before_symbol() ? line_at(beginning).c_str()
                                      : (beginning + ":\n").c_str(),
          of.place.pad - static_cast<unsigned>(format::pre_pad_size),
          format::filler, static_cast<unsigned>(format::pre_pad_size),
          format::pad_nop);
}

void pre_pad_hook(FILE* file, unsigned HOST_WIDE_INT size, bool record_it)
{
  if (const site* const of = current_site())
    print_pre_pad(*of);
  else
    target_pre_pad(file, size, record_it);
}

// For the function itself and each name that was made an alias of it, or of an
// alias, versioned ones (symver) included.  A label that GCC makes for its
// thunks
// (.LTHUNK0) is no name by which anybody knows the function.
bool add_record_of(symtab_node* node, void* out)
{
  const site& of = *current_site();
  section_text& text = *static_cast<section_text*>(out);
  if (node->decl == of.decl)
    write_record(text, of, node->decl, 0);
  else if (assembler_name(node->decl)[0] != '.')
    write_record(text, of, node->decl, format::site_alias);
  return false;
}

void keep_records(const site& of)
{
  const tree group = DECL_COMDAT_GROUP(of.decl);
  section_text& records =
      records_of(section_leader, group ? IDENTIFIER_POINTER(group) : "");
  symtab_node::get(of.decl)->call_for_symbol_and_aliases(add_record_of,
                                                         &records, true);
}

void epilogue_hook(FILE* file)
{
  if (target_epilogue)
    target_epilogue(file);
  if (const site* const of = current_site()) {
    check_alignment(*of);
    keep_records(*of);
  }
  print_patch_records(current_function_decl);
}

}  // namespace

void install_emit_hooks(const char* plugin_name)
{
  register_callback(plugin_name, PLUGIN_FINISH_UNIT, print_alignment_check,
                    NULL);
  target_pre_pad = targetm.asm_out.print_patchable_function_entry;
  targetm.asm_out.print_patchable_function_entry = pre_pad_hook;
  target_epilogue = targetm.asm_out.function_epilogue;
  targetm.asm_out.function_epilogue = epilogue_hook;
}

}  // namespace hotpatch
