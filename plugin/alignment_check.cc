// Lets the assembler refuse a patch word that is not where the layout says.
//
// SPDX-License-Identifier: GPL-3.0-or-later
#include "plugin/alignment_check.h"

namespace hotpatch {

namespace {

// The distances of all words from the aligned bytes before them, or'ed.
std::string distances;

void finish_unit(void*, void*)
{
  if (distances.empty())
    return;
  fprintf(asm_out_file,
          "\t.if (%s)&7\n"
          "\t.error \"hotpatch: a patch word is not aligned; please report "
          "this as a bug\"\n\t.endif\n",
          distances.c_str());
  distances.clear();
}

}  // namespace

// The word after a -mfentry call needs no check: its label stands directly
// after an alignment directive.
void check_alignment(const site& of)
{
  if (of.profiled)
    return;
  distances += (distances.empty() ? "(" : "|(") + local_label('w', of.number) +
               "-" + local_label('b', of.number) + ")";
}

void register_alignment_check(const char* plugin_name)
{
  register_callback(plugin_name, PLUGIN_FINISH_UNIT, finish_unit, NULL);
}

}  // namespace hotpatch
