// Keeps the code of a chosen function in one piece.
//
// SPDX-License-Identifier: GPL-3.0-or-later
#include "plugin/one_piece.h"

#include "plugin/attribute.h"
#include "plugin/options.h"

namespace hotpatch {

namespace {

// "bbpart" is the pass that partitions a function into hot and cold blocks.
void override_gate(void* event, void*)
{
  bool& runs = *static_cast<bool*>(event);
  if (runs && current_pass && !strcmp(current_pass->name, "bbpart") &&
      current_function_decl && find_facts(current_function_decl))
    runs = false;
}

}  // namespace

void keep_in_one_piece(const char* plugin_name)
{
  if (current_options().with.one_piece)
    register_callback(plugin_name, PLUGIN_OVERRIDE_GATE, override_gate, NULL);
}

}  // namespace hotpatch
