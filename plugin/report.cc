// The report for people: what became of each function of a translation unit.
//
// SPDX-License-Identifier: GPL-3.0-or-later
#include "plugin/report.h"

#include "plugin/choose.h"
#include "plugin/inline_copies.h"
#include "plugin/options.h"
#include "plugin/refuse.h"

namespace hotpatch {

namespace {

// What the front end said of each function; "" when it did not.
std::map<function_id, std::string> verdicts;

bool wanted()
{
  return !current_options().report.empty();
}

std::string line_about(const known_function& of, const std::string& verdict,
                       const copy_counts& callers)
{
  std::string line = of.place() + ": " + of.name + ": " +
                     (verdict.empty() ? "when linking" : verdict);
  for (const auto& [caller, count] : callers) {
    const known_function& in = known_functions().at(caller);
    line += "; inlined into " + in.file + ":" + in.name + ", " +
            std::to_string(count) + (count == 1 ? " place" : " places") +
            ", cannot be patched there";
  }
  const bool code_comes_later = flag_generate_lto && !flag_fat_lto_objects;
  if (!of.has_code && !code_comes_later)
    line += "; no code of its own";
  return line + "\n";
}

void append(const std::string& text)
{
  const char* path = current_options().report.c_str();
  const int file = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
  const bool written = file >= 0 && write(file, text.data(), text.size()) ==
                                        static_cast<ssize_t>(text.size());
  if (!written)
    error("hotpatch: cannot write the report %qs: %m", path);
  if (file >= 0)
    close(file);
}

void finish_unit(void*, void*)
{
  std::string text;
  const auto copied = copies_by_function();
  const copy_counts nowhere;
  for (const auto& [id, known] : known_functions()) {
    const auto verdict = verdicts.find(id);
    const auto found = copied.find(id);
    // The link-time compiler has only copies to add.
    if (verdict == verdicts.end() && found == copied.end())
      continue;
    text += line_about(known, verdict == verdicts.end() ? "" : verdict->second,
                       found == copied.end() ? nowhere : found->second);
  }
  if (!text.empty())
    append(text);
}

}  // namespace

void register_report(const char* plugin_name)
{
  if (!wanted())
    return;
  register_callback(plugin_name, PLUGIN_FINISH_UNIT, finish_unit, NULL);
}

void report_function(tree decl)
{
  if (!wanted())
    return;
  std::string& verdict = verdicts[id_of_function(decl)];
  verdict = explain_choice(decl);
  const char* const reason = reason_against(decl);
  if (reason && choose(decl) != choice::none)
    verdict += ", but can have no site: " + std::string(reason);
}

}  // namespace hotpatch
