// Collects the records of a unit and writes them when it is complete.
//
// SPDX-License-Identifier: GPL-3.0-or-later
#include "plugin/record_sections.h"

#include "plugin/site.h"

namespace hotpatch {

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
