// The assembly text of records: numbers, distances and strings.
//
// SPDX-License-Identifier: GPL-3.0-or-later
#include "plugin/section_text.h"

#include "format/record.h"

namespace hotpatch {

namespace {

std::string hexadecimal(std::uint32_t value)
{
  char text[11];
  snprintf(text, sizeof text, "0x%x", value);
  return text;
}

}  // namespace

void section_text::line(const std::string& text)
{
  text_ += "\t" + text + "\n";
}

void section_text::offset(const std::string& label, const char* what)
{
  line(".long " + label + "-.\t# " + what);
}

void section_text::number(std::uint32_t value, const char* what)
{
  line(".long " + hexadecimal(value) + "\t# " + what);
}

void section_text::hash(std::uint64_t value, const char* what)
{
  number(static_cast<std::uint32_t>(value), what);
  number(static_cast<std::uint32_t>(value >> 32), what);
}

// The string itself goes to .hotpatch.str, where the linker merges equal ones.
// Its label is a numeric one: the assembly of several translation units comes
// together in one file when optimising at link time.
void section_text::string(const std::string& text, const char* what)
{
  if (text.empty()) {
    number(0, what);
    return;
  }
  offset("7071f", what);
  line(std::string(".pushsection ") + format::string_section_name +
       ",\"aMS\",@progbits,1" + (strings_.empty() ? "" : "," + strings_));
  text_ += "7071:\n";
  line(".string " + quoted(text));
  line(".popsection");
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
