// Passes of GCC that chosen functions are spared.
//
// SPDX-License-Identifier: GPL-3.0-or-later
#include "plugin/skipped_passes.h"

#include "plugin/attribute.h"
#include "plugin/cxx.h"

namespace hotpatch {

namespace {

std::vector<const char*> skipped;
std::string plugin;
bool listening = false;

bool is_skipped(const char* pass)
{
  return std::any_of(skipped.begin(), skipped.end(),
                     [pass](const char* name) { return !strcmp(name, pass); });
}

void override_gate(void* event, void*)
{
  bool& runs = *static_cast<bool*>(event);
  if (runs && current_pass && current_function_decl &&
      is_skipped(current_pass->name) && find_facts(current_function_decl))
    runs = false;
}

void listen()
{
  if (!listening && !skipped.empty())
    register_callback(plugin.c_str(), PLUGIN_OVERRIDE_GATE, override_gate,
                      NULL);
  listening = true;
}

}  // namespace

void skip_for_chosen(const char* pass)
{
  skipped.push_back(pass);
}

// The link-time compiler reads functions that were chosen elsewhere.
void register_skipped_passes(const char* plugin_name)
{
  plugin = plugin_name;
  if (!is_c() && !is_cxx())
    listen();
}

void skip_passes_of(tree decl)
{
  if (opt_for_fn(decl, optimize))
    listen();
}

}  // namespace hotpatch
