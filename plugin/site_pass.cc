// The pass that puts the patch word into a chosen function.
//
// It runs before "shorten", the pass that computes the lengths of
// instructions: nothing after it moves instructions, and the x86 pass that
// inserts endbr64 has just run.  The word is text for the assembler
// (ASM_INPUT), made of data directives only, so that -masm does not matter.
//
// SPDX-License-Identifier: GPL-3.0-or-later
#include "plugin/site.h"

#include "plugin/debug_lines.h"
#include "plugin/inline_copies.h"
#include "plugin/names.h"
#include "plugin/options.h"
#include "plugin/records.h"

#include "format/patch_word.h"
#include "format/record.h"

namespace hotpatch {

namespace {

site the_site;
unsigned sites_so_far = 0;

// The function whose end has a label, and that label's number.
struct {
  tree decl;
  unsigned number;
} the_end;

// The id says which function of which source this is.  Distinct ids also keep
// a linker from folding two sites with the same body into one (--icf).
std::uint32_t compute_id(tree decl)
{
  if (!current_options().with.id)
    return 0;
  const std::string text = assembler_name(decl) + '\n' + source_file(decl) +
                           '\n' + std::to_string(DECL_SOURCE_LINE(decl));
  const std::uint64_t hash = format::type_hash(text.c_str());
  return static_cast<std::uint32_t>(hash ^ hash >> 32);
}

// The endbr64 that the x86 pass has put in front of everything, or null.
rtx_insn* leading_endbr()
{
  rtx_insn* insn = get_insns();
  while (insn && NOTE_P(insn))
    insn = NEXT_INSN(insn);
  if (!insn || !NONJUMP_INSN_P(insn))
    return nullptr;
  const_rtx pattern = PATTERN(insn);
  const bool found = GET_CODE(pattern) == UNSPEC_VOLATILE &&
                     XINT(pattern, 1) == UNSPECV_NOP_ENDBR;
  return found ? insn : nullptr;
}

// With -mfentry GCC prints endbr64 itself, in front of the call; in a nested
// function it then comes second, after the push that saves the static chain.
bool begins_with_queued_endbr(const ::function* fn)
{
  return endbr_precedes_profiler(fn) && !DECL_STATIC_CHAIN(fn->decl);
}

// GCC wants a location with a file name; this one has no line to be printed.
rtx assembly(const std::string& text)
{
  return gen_rtx_ASM_INPUT_loc(VOIDmode, ggc_strdup(text.c_str()),
                               BUILTINS_LOCATION);
}

// The NOP before the word, if there is one, the label, and the word.
std::string word_text(const site& of)
{
  std::string text;
  if (of.profiled) {
    text = "\t.p2align 3\n";
  } else {
    if (!of.endbr)
      text = line_at_symbol(local_label('s', of.number));
    if (of.place.gap == 4)  // 0f 1f 40 00: nopl 0(%rax)
      text += "\t.long 0x00401f0f\n";
    else if (of.place.gap == 8)  // 0f 1f 84 00 00000000: nopl 0(%rax,%rax,1)
      text += "\t.quad 0x00841f0f\n";
  }
  return text + local_label('w', of.number) + ":\n\t.quad " +
         hexadecimal(format::pristine_word(of.id));
}

// In front of every label, too: a loop may begin with the body.  The deleted
// note at the very start stays first: there GCC notes the frame of an interrupt
// handler with an error code, and insists on it (scan_trace in dwarf2cfi.cc).
rtx_insn* insert_word(const site& of, rtx_insn* endbr)
{
  const rtx text = assembly(word_text(of));
  rtx_insn* const first = get_insns();
  if (endbr)
    return emit_insn_after_noloc(text, endbr, NULL);
  if (NOTE_P(first) && NOTE_KIND(first) == NOTE_INSN_DELETED)
    return emit_insn_after_noloc(text, first, NULL);
  return emit_insn_before_noloc(text, first, NULL);
}

// Notes that can stand before the first instruction and stand for none.
bool is_leading_note(const rtx_insn* insn)
{
  if (!insn || !NOTE_P(insn))
    return false;
  switch (NOTE_KIND(insn)) {
    case NOTE_INSN_DELETED:
    case NOTE_INSN_FUNCTION_BEG:
    case NOTE_INSN_PROLOGUE_END:
    case NOTE_INSN_BASIC_BLOCK:
    case NOTE_INSN_VAR_LOCATION:
      return true;
    default:
      return false;
  }
}

// A debugger stops at the symbol.  The notes that say where parameters are come
// first, so that they are valid there: a site leaves parameters where they are.
void move_locations_before(rtx_insn* site_begin, rtx_insn* word)
{
  if (!PREV_INSN(site_begin) || !current_options().with.lines)
    return;
  for (rtx_insn* next = NEXT_INSN(word); is_leading_note(next);) {
    rtx_insn* const note = next;
    next = NEXT_INSN(note);
    if (NOTE_KIND(note) == NOTE_INSN_VAR_LOCATION)
      reorder_insns_nobb(note, note, PREV_INSN(site_begin));
  }
}

// A function split into a hot and a cold part ends, for us, with the part that
// holds its entry.
void insert_end_label(tree decl, unsigned number)
{
  the_end = {decl, number};
  const rtx text = assembly(local_label('e', number) + ":");
  for (rtx_insn* insn = get_insns(); insn; insn = NEXT_INSN(insn))
    if (NOTE_P(insn) && NOTE_KIND(insn) == NOTE_INSN_SWITCH_TEXT_SECTIONS) {
      emit_insn_before_noloc(text, insn, NULL);
      return;
    }
  emit_insn_after_noloc(text, get_last_insn(), NULL);
}

lead first_instruction(bool endbr)
{
  if (endbr)
    return lead::endbr;
  return current_options().with.lead ? lead::nop : lead::none;
}

// What the symbol must be aligned to: the default of functions (1, or 2 for
// member functions, whose pointers use the lowest bit) or the user's wish.
unsigned symbol_alignment(tree decl)
{
  return symtab_node::get(decl)->definition_alignment() / BITS_PER_UNIT;
}

const pass_data site_pass_data = {
    RTL_PASS, "hotpatch", OPTGROUP_NONE, TV_NONE, 0, 0, 0, 0, 0};

class site_pass final : public rtl_opt_pass {
 public:
  explicit site_pass(gcc::context* context)
      : rtl_opt_pass(site_pass_data, context)
  {
  }

  unsigned int execute(::function* fn) override
  {
    the_site.decl = NULL_TREE;
    note_code(fn->decl);
    const std::optional<site_facts> facts = find_facts(fn->decl);
    if (!facts || assembler_name(fn->decl) != facts->name) {
      if (find_replacement_facts(fn->decl))
        insert_end_label(fn->decl, sites_so_far++);
      return 0;
    }
    rtx_insn* const leading = leading_endbr();
    const bool profiled = crtl->profile && flag_fentry;
    const bool endbr = leading || (profiled && begins_with_queued_endbr(fn));
    the_site = {
        fn->decl,
        sites_so_far++,
        compute_id(fn->decl),
        endbr,
        profiled,
        compute_layout(symbol_alignment(fn->decl), first_instruction(endbr),
                       opt_for_fn(fn->decl, optimize_size)),
        *facts};
    note_site(fn->decl);
    rtx_insn* const word = insert_word(the_site, leading);
    move_locations_before(leading ? leading : word, word);
    insert_end_label(fn->decl, the_site.number);
    // With these set, GCC calls the target's hook for dead bytes in front of
    // the symbol (see emit.cc) and never for bytes after it.
    crtl->patch_area_size = crtl->patch_area_entry = 1;
    return 0;
  }
};

}  // namespace

const site* current_site()
{
  const bool ours = the_site.decl && the_site.decl == current_function_decl;
  return ours ? &the_site : nullptr;
}

std::string end_label()
{
  const bool ours = the_end.decl && the_end.decl == current_function_decl;
  return ours ? local_label('e', the_end.number) : std::string();
}

std::string local_label(char kind, unsigned number)
{
  return std::string(".LHP") + kind + std::to_string(number);
}

void register_site_pass(const char* plugin_name)
{
  register_pass_info info = {};
  info.pass = new site_pass(g);
  info.reference_pass_name = "shorten";
  info.ref_pass_instance_number = 1;
  info.pos_op = PASS_POS_INSERT_BEFORE;
  register_callback(plugin_name, PLUGIN_PASS_MANAGER_SETUP, NULL, &info);
}

}  // namespace hotpatch
