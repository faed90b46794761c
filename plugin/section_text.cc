// The assembly text of records: numbers, distances and strings.
//
// SPDX-License-Identifier: GPL-3.0-or-later
#include "plugin/section_text.h"

#include "plugin/site.h"

#include "format/record.h"

namespace hotpatch {

namespace {

std::string hexadecimal(std::uint64_t value)
{
  char text[19];
  snprintf(text, sizeof text, "0x%lx", static_cast<unsigned long>(value));
  return text;
}

}  // namespace

void section_text::line(const std::string& text)
{
  text_ += "\t" + text + "\n";
}

// The assembler reads all of it, with -all for every function: it is kept
// short.
void section_text::field(const std::string& text, const char* what)
{
  line(flag_verbose_asm ? text + "\t# " + what : text);
}

void section_text::offset(const std::string& label, const char* what)
{
  field(".long " + label + "-.", what);
}

void section_text::number(std::uint32_t value, const char* what)
{
  field(".long " + hexadecimal(value), what);
}

void section_text::hash(std::uint64_t value, const char* what)
{
  field(".quad " + hexadecimal(value), what);
}

// The string itself goes to .hotpatch.str, where the linker merges equal ones.
std::string section_text::defined(const std::string& strings) const
{
  return std::string("\t.pushsection ") + format::string_section_name +
         ",\"aMS\",@progbits,1" + (unique_.empty() ? "" : "," + unique_) +
         "\n" + strings + "\t.popsection\n";
}

// Outside of functions the label is a numeric one: the assembly of several
// translation units comes together in one file when optimising at link time.
// The strings of sites, which are written when code is, have labels of their
// own, and are there once for each section.
void section_text::string(const std::string& text, const char* what)
{
  static std::map<std::string, unsigned> known;
  if (text.empty()) {
    number(0, what);
    return;
  }
  const std::string definition = ":\n\t.string " + quoted(text) + "\n";
  if (unique_.empty()) {
    offset("7071f", what);
    text_ += defined("7071" + definition);
    return;
  }
  const auto next = static_cast<unsigned>(known.size());
  const auto [found, is_new] = known.try_emplace(unique_ + '"' + text, next);
  const std::string label = local_label('t', found->second);
  offset(label, what);
  if (is_new)
    strings_ += label + definition;
}

std::string section_text::text() const
{
  return strings_.empty() ? text_ : text_ + defined(strings_);
}

std::string quoted(const std::string& text)
{
  std::string result = "\"";
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte >= 0x20 && byte < 0x7f && c != '"' && c != '\\') {
      result += c;
      continue;
    }
    char octal[5];
    snprintf(octal, sizeof octal, "\\%03o", byte);
    result += octal;
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

}  // namespace hotpatch
