// Prints the dead bytes before a symbol and the records of a function.
//
// SPDX-License-Identifier: GPL-3.0-or-later
#include "plugin/emit.h"

#include "plugin/names.h"
#include "plugin/options.h"
#include "plugin/patch_part.h"
#include "plugin/record_text.h"
#include "plugin/site.h"

#include "format/patch_word.h"

namespace hotpatch {

namespace {

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
            local_label('r', of.number).c_str());
}

// Dead bytes between the function's alignment and its symbol: int3, then the
// classic five bytes of NOP.
void print_pre_pad(const site& of)
{
  FILE* const out = asm_out_file;
  note_entry_section(of);
  print_reference_to_records(of);
  if (current_options().with.align)
    fprintf(out, "\t.p2align %d\n", exact_log2(of.place.base_alignment));
  fprintf(out, "%s:\n", local_label('b', of.number).c_str());
  fprintf(out, "\t.skip %u,0x%02x\n",
          of.place.pad - static_cast<unsigned>(format::pre_pad_size),
          format::filler);
  fprintf(out, "\t.skip %u,0x%02x\n",
          static_cast<unsigned>(format::pre_pad_size), format::pad_nop);
  fprintf(out, "%s:\n", local_label('s', of.number).c_str());
}

void pre_pad_hook(FILE* file, unsigned HOST_WIDE_INT size, bool record_it)
{
  if (const site* const of = current_site())
    print_pre_pad(*of);
  else
    target_pre_pad(file, size, record_it);
}

// The assembler itself refuses a word that is not where the layout says.  The
// word behind a -mfentry call needs no check: its label stands directly behind
// an alignment directive.
void print_alignment_check(const site& of)
{
  if (of.profiled)
    return;
  const std::string word = local_label('w', of.number);
  const std::string base = local_label('b', of.number);
  fprintf(asm_out_file, "\t.if (%s-%s)&7\n", word.c_str(), base.c_str());
  fprintf(asm_out_file,
          "\t.error \"hotpatch: the patch word of %s is not aligned; please "
          "report this as a bug\"\n\t.endif\n",
          assembler_name(of.decl).c_str());
}

void print_record_section(const site& of)
{
  const tree group = DECL_COMDAT_GROUP(of.decl);
  const std::string link = local_label('w', section_leader);
  if (group)
    fprintf(asm_out_file,
            "\t.pushsection .hotpatch,\"aoG\",@progbits,%s,%s,comdat\n",
            link.c_str(), IDENTIFIER_POINTER(group));
  else
    fprintf(asm_out_file, "\t.pushsection .hotpatch,\"ao\",@progbits,%s\n",
            link.c_str());
  if (leads_section(of))
    fprintf(asm_out_file, "%s:\n", local_label('r', of.number).c_str());
}

// For the function itself and each name that was made an alias of it, or of an
// alias.  Neither a versioned name (symver) nor a label that GCC makes for its
// thunks (.LTHUNK0) is a name by which anybody knows the function.
bool print_record_of(symtab_node* node, void*)
{
  const site& of = *current_site();
  if (node->decl == of.decl)
    print_record(of, node->decl, 0, section_leader);
  else if (!node->symver && assembler_name(node->decl)[0] != '.')
    print_record(of, node->decl, format::site_alias, section_leader);
  return false;
}

void print_records(const site& of)
{
  print_alignment_check(of);
  print_record_section(of);
  symtab_node::get(of.decl)->call_for_symbol_and_aliases(print_record_of,
                                                         nullptr, true);
  fputs("\t.popsection\n", asm_out_file);
}

void epilogue_hook(FILE* file)
{
  if (target_epilogue)
    target_epilogue(file);
  if (const site* const of = current_site())
    print_records(*of);
  print_patch_records(current_function_decl);
}

}  // namespace

void install_emit_hooks()
{
  target_pre_pad = targetm.asm_out.print_patchable_function_entry;
  targetm.asm_out.print_patchable_function_entry = pre_pad_hook;
  target_epilogue = targetm.asm_out.function_epilogue;
  targetm.asm_out.function_epilogue = epilogue_hook;
}

}  // namespace hotpatch
