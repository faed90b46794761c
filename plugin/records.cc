// From sites to records in assembly text.
//
// SPDX-License-Identifier: GPL-3.0-or-later
#include "plugin/records.h"

#include "format/record.h"
#include "plugin/inline_copies.h"
#include "plugin/names.h"
#include "plugin/site.h"

namespace hotpatch {

// --- Section text -----------------------------------------------------------
// The assembly text of records: numbers, distances and strings.

namespace {

// Whether it stands for itself between quotation marks.
bool is_plain(char c)
{
  return c >= 0x20 && c < 0x7f && c != '"' && c != '\\';
}

}  // namespace

void section_text::line(const std::string& text)
{
  text_ += "\t" + text + "\n";
  values_size_ = 0;
}

// The assembler reads all of it, with -all for every function: it is kept
// short.  In a list of values, "." is the place of each by itself.
void section_text::field(unsigned size, const std::string& value,
                         const char* what)
{
  const char* const directive = size == 8 ? ".quad " : ".long ";
  place_ += size;
  if (flag_verbose_asm) {
    line(directive + value + "\t# " + what);
  } else if (size == values_size_) {
    text_.back() = ',';
    text_ += value + "\n";
  } else {
    line(directive + value);
    values_size_ = size;
  }
}

// For "." the assembler makes a symbol each time.  It makes the same relocation
// of the distance to the section's label, less that of the field.
void section_text::offset(const std::string& label, const char* what)
{
  field(4,
        !label_.empty() ? label + "-" + label_ + "-" + std::to_string(place_)
                        : label + "-.",
        what);
}

void section_text::number(std::uint32_t value, const char* what)
{
  field(4, hexadecimal(value), what);
}

void section_text::hash(std::uint64_t value, const char* what)
{
  field(8, hexadecimal(value), what);
}

// Outside of functions the label is a numeric one: the assembly of several
// translation units comes together in one file when optimising at link time.
// The strings of sites, which are written when code is, have labels of their
// own.
void section_text::string(const std::string& text, const char* what)
{
  static unsigned so_far = 0;
  if (text.empty()) {
    number(0, what);
    return;
  }
  const auto definition = [&text](const std::string& label) {
    return label + ":\n\t.string " + quoted(text) + "\n";
  };
  if (label_.empty()) {
    offset("7071f", what);
    text_ += in_string_section(definition("7071"), "");
    values_size_ = 0;
    return;
  }
  const auto [found, is_new] = numbers_.try_emplace(text, so_far);
  const std::string label = local_label('t', found->second);
  offset(label, what);
  if (!is_new)
    return;
  strings_ += definition(label);
  ++so_far;
}

std::string in_string_section(const std::string& strings,
                              const std::string& unique)
{
  return std::string("\t.pushsection ") + format::string_section_name +
         ",\"aMS\",@progbits,1" + unique + "\n" + strings + "\t.popsection\n";
}

std::string hexadecimal(std::uint64_t value)
{
  char text[18] = "0x";
  return {text, std::to_chars(text + 2, std::end(text), value, 16).ptr};
}

std::string quoted(const std::string& text)
{
  std::string result = "\"";
  for (auto at = text.begin(); at != text.end(); ++at) {
    const auto plain = std::find_if_not(at, text.end(), is_plain);
    result.append(at, plain);
    if ((at = plain) == text.end())
      break;
    result += '\\';
    const auto byte = static_cast<unsigned char>(*at);
    for (const int digit : {byte >> 6, byte >> 3 & 7, byte & 7})
      result += static_cast<char>('0' + digit);
  }
  return result + '"';
}

void print_at_top_level(const std::string& assembly)
{
  if (flag_generate_lto)
    symtab->finalize_toplevel_asm(
        build_string(static_cast<int>(assembly.size()) + 1, assembly.c_str()));
  else
    fputs(assembly.c_str(), asm_out_file);
}

// --- Record text ------------------------------------------------------------
// The assembly text of one record, field by field as in format/record.h.

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

// --- Record sections --------------------------------------------------------
// Collects the records of a unit and writes them when it is complete.

namespace {

struct record_section {
  std::string group;
  section_text records;
};

std::map<unsigned, record_section> sections;

// Linked (SHF_LINK_ORDER) to the text that the word of the first site lies in.
std::string beginning(unsigned leader, const std::string& group)
{
  const std::string link = local_label('w', leader);
  return "\t.pushsection .hotpatch,\"ao" +
         (group.empty() ? "\",@progbits," + link
                        : "G\",@progbits," + link + "," + group + ",comdat") +
         "\n" + records_label(leader) + ":\n\t.balign 4\n";
}

// GCC's last call before the assembly is complete.
void finish_unit(void*, void*)
{
  for (const auto& [leader, section] : sections) {
    fputs(beginning(leader, section.group).c_str(), asm_out_file);
    fputs(section.records.text().c_str(), asm_out_file);
    fputs("\t.popsection\n", asm_out_file);
    if (!section.records.strings().empty())
      fputs(in_string_section(section.records.strings(),
                              ",unique," + std::to_string(leader))
                .c_str(),
            asm_out_file);
  }
  sections.clear();
}

}  // namespace

section_text& records_of(unsigned leader, const std::string& group)
{
  const auto at = sections.find(leader);
  if (at != sections.end())
    return at->second.records;
  record_section section{group, section_text(records_label(leader))};
  return sections.emplace(leader, std::move(section)).first->second.records;
}

std::string records_label(unsigned leader)
{
  return local_label('r', leader);
}

void register_record_sections(const char* plugin_name)
{
  register_callback(plugin_name, PLUGIN_FINISH_UNIT, finish_unit, NULL);
}

}  // namespace hotpatch
