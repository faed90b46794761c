// The assembly text of one record, field by field as in format/record.h.
//
// SPDX-License-Identifier: GPL-3.0-or-later
#include "plugin/record_text.h"

#include "plugin/names.h"

namespace hotpatch {

namespace {

unsigned strings_so_far = 0;

// A distance from the field itself: the linker resolves it for good, so the
// section needs no dynamic relocation.
void print_offset(const std::string& target, const char* what)
{
  fprintf(asm_out_file, "\t.long %s-.\t# %s\n", target.c_str(), what);
}

void print_number(std::uint32_t value, const char* what)
{
  fprintf(asm_out_file, "\t.long 0x%x\t# %s\n", value, what);
}

void print_hash(std::uint64_t hash, const char* what)
{
  print_number(static_cast<std::uint32_t>(hash), what);
  print_number(static_cast<std::uint32_t>(hash >> 32), what);
}

void print_quoted(const std::string& text)
{
  putc('"', asm_out_file);
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 0x20 || byte >= 0x7f || c == '"' || c == '\\')
      fprintf(asm_out_file, "\\%03o", byte);
    else
      putc(c, asm_out_file);
  }
  putc('"', asm_out_file);
}

// The string itself goes to .hotpatch.str, where the linker merges equal ones.
// Each section of records has one of its own, so that --gc-sections drops the
// strings together with the records.
void print_string(const std::string& text, const char* what, unsigned leader)
{
  if (text.empty()) {
    print_number(0, what);
    return;
  }
  const std::string label = local_label('t', strings_so_far++);
  print_offset(label, what);
  fprintf(asm_out_file,
          "\t.pushsection %s,\"aMS\",@progbits,1,unique,%u\n%s:\n\t.string ",
          format::string_section_name, leader, label.c_str());
  print_quoted(text);
  fputs("\n\t.popsection\n", asm_out_file);
}

std::uint32_t flags_of(const site& of)
{
  std::uint32_t flags = of.facts.flags;
  if (of.endbr)
    flags |= format::site_endbr;
  if (of.profiled)
    flags |= format::site_profiled;
  return flags;
}

}  // namespace

void print_record(const site& of, tree decl, std::uint32_t extra_flags,
                  unsigned leader)
{
  const char* type = of.facts.mangled_type;
  const auto line = static_cast<std::uint32_t>(DECL_SOURCE_LINE(decl));
  const unsigned pad = std::min(of.place.pad, 0xf8u);
  fprintf(asm_out_file, "\t.balign 4\n\t.short %d,%d\t# version, size\n",
          format::record_version, static_cast<int>(sizeof(format::record)));
  print_number(of.id, "id");
  print_offset(local_label('w', of.number), "word");
  print_offset(local_label('s', of.number), "symbol");
  print_offset(local_label('e', of.number), "end");
  print_string(assembler_name(decl), "name", leader);
  print_string(source_file(decl), "file", leader);
  print_number(line, "line");
  print_string(*type ? demangle(type, DMGL_PARAMS | DMGL_ANSI | DMGL_TYPES)
                     : std::string(),
               "prototype", leader);
  print_number(flags_of(of) | extra_flags, "flags");
  fprintf(asm_out_file, "\t.byte %d,%u\t# kind, pad\n\t.short 0\n",
          static_cast<int>(format::site_kind::nop8), pad);
  print_number(0, "reserved");
  print_hash(*type ? format::type_hash(type) : 0, "prototype hash");
  print_hash(of.facts.layout, "layout hash");
}

}  // namespace hotpatch
