// Collects the records of a unit and writes them when it is complete.
//
// SPDX-License-Identifier: GPL-3.0-or-later
#include "plugin/record_sections.h"

#include "plugin/site.h"

namespace hotpatch {

namespace {

struct record_section {
  std::string group;
  std::string records;
  std::string strings;
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
    fputs(section.records.c_str(), asm_out_file);
    fputs("\t.popsection\n", asm_out_file);
    if (!section.strings.empty())
      fputs(in_string_section(section.strings,
                              ",unique," + std::to_string(leader))
                .c_str(),
            asm_out_file);
  }
  sections.clear();
}

}  // namespace

void add_records(unsigned leader, const std::string& group,
                 const section_text& records)
{
  record_section& section = sections[leader];
  section.group = group;
  section.records += records.text();
  section.strings += records.strings();
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
