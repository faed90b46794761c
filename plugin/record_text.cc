// The assembly text of one record, field by field as in format/record.h.
//
// SPDX-License-Identifier: GPL-3.0-or-later
#include "plugin/record_text.h"

#include "plugin/inline_copies.h"
#include "plugin/names.h"

namespace hotpatch {

namespace {

std::uint32_t flags_of(const site& of)
{
  std::uint32_t flags = of.facts.flags;
  if (of.endbr)
    flags |= format::site_endbr;
  if (of.profiled)
    flags |= format::site_profiled;
  if (may_have_copies(of.decl))
    flags |= format::site_copied;
  return flags;
}

}  // namespace

void write_record(section_text& out, const site& of, tree decl,
                  std::uint32_t extra_flags)
{
  const char* type = of.facts.mangled_type;
  const auto line = static_cast<std::uint32_t>(DECL_SOURCE_LINE(decl));
  const unsigned pad = std::min(of.place.pad, 0xf8u);
  out.number(format::record_version | sizeof(format::record) << 16,
             "version, size");
  out.number(of.id, "id");
  out.offset(local_label('w', of.number), "word");
  out.offset(local_label('b', of.number) + "+" + std::to_string(of.place.pad),
             "symbol");
  out.offset(local_label('e', of.number), "end");
  out.string(assembler_name(decl), "name");
  out.string(source_file(decl), "file");
  out.number(line, "line");
  out.string(*type ? demangle(type, DMGL_PARAMS | DMGL_ANSI | DMGL_TYPES)
                   : std::string(),
             "prototype");
  out.number(flags_of(of) | extra_flags, "flags");
  out.number(static_cast<unsigned>(format::site_kind::nop8) | pad << 8,
             "kind, pad, reserved");
  out.number(0, "reserved");
  out.hash(*type ? format::type_hash(type) : 0, "prototype hash");
  out.hash(of.facts.layout, "layout hash");
}

}  // namespace hotpatch
