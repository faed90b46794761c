// A dry run's report.
//
// SPDX-License-Identifier: MIT
#include "outside/rehearsal.h"

#include "processes/text.h"
#include "runtime/sites/name_demangle.h"

namespace hotpatch::outside {

namespace {

std::string place(const char* file, std::uint32_t line)
{
  std::string text;
  append_printable(text, file);
  return text + ':' + std::to_string(line);
}

void add_target(const patch_target& target, std::vector<std::string>& lines)
{
  const patch_replacement& by = *target.replacement;
  std::string text = "replaces ";
  append_printable(text, by.target);
  text += ": ";
  append_printable(text, target.where.prototype);
  lines.push_back(text);
  lines.push_back("  at " + place(target.where.file, target.where.line) +
                  " in " + target.image->path);
  text = "  by ";
  append_printable(text, by.name);
  lines.push_back(text + ", " + place(by.file, by.line));
}

std::string describe_import(const import_value& import)
{
  std::string text = "uses ";
  append_printable(text, import.symbol);
  return text + " of " + import.image->path;
}

std::string describe_own(const own_definition& own)
{
  char plain[300];
  std::string text = own.is_function ? "has its own function "
                                     : "warning: has its own variable ";
  append_printable(text,
                   demangle(own.name, name_form::full, plain, sizeof plain));
  text += ", as has ";
  append_printable(text, own.image->path);
  if (*own.file != '\0') {
    text += " (";
    append_printable(text, own.file);
    text += ')';
  }
  return text + (own.is_function
                     ? ": the patch calls its own, all others the program's"
                     : ": the patch begins with a new one; use HP_IMPORT to "
                       "share the program's");
}

}  // namespace

std::vector<std::string> describe(const checked_patch& checked)
{
  std::vector<std::string> lines;
  for (const patch_target& each : checked.targets)
    add_target(each, lines);
  // Not the data of inline functions, of which both have a copy.
  for (const import_value& each : checked.imports)
    if (each.image != nullptr && each.own == 0)
      lines.push_back(describe_import(each));
  for (const own_definition& each : checked.own)
    lines.push_back(describe_own(each));
  return lines;
}

}  // namespace hotpatch::outside
