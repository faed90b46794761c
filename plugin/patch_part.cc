// The functions of a patch object that the runtime calls or jumps to.
//
// SPDX-License-Identifier: GPL-3.0-or-later
#include "plugin/patch_part.h"

#include "plugin/attribute.h"
#include "plugin/facts.h"
#include "plugin/link_guard.h"
#include "plugin/names.h"
#include "plugin/patch_attribute.h"
#include "plugin/refuse.h"
#include "plugin/safety.h"
#include "plugin/site.h"

namespace hotpatch {

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

void print_replacement(section_text& out, tree decl, const program_name& target,
                       const site_facts& facts)
{
  const char* type = facts.mangled_type;
  begin_patch_record(out, format::patch_kind::replacement,
                     sizeof(format::replacement_record));
  out.offset(own_label(out, decl), "code");
  out.offset(end_label(), "end");
  out.string(target.text, "target");
  out.string(facts.name, "name");
  print_place(out, decl);
  out.string(*type ? demangle(type, DMGL_PARAMS | DMGL_ANSI | DMGL_TYPES) : "",
             "prototype");
  out.number(target.unchecked
                 ? format::patch_any_prototype | format::patch_any_layout
                 : 0,
             "flags");
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
                        std::size_t size)
{
  out.line(std::string(".pushsection ") + format::patch_section_name + ",\"a" +
           retain_flag() + "\",@progbits");
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
  const patch_statement& said = stated_patch();
  section_text out;
  if (!said.name.empty() || said.level != format::level::unstated)
    print_header(out, said);
  for (const patch_statement::need& need : said.needs)
    print_need(out, need);
  for (const std::string& id : said.builds)
    print_build(out, id);
  print_at_top_level(out.text() + state_text());
}

}  // namespace hotpatch
