// Makes a link-time compilation without the plugin fail instead of silently
// leaving the sites out.
//
// SPDX-License-Identifier: GPL-3.0-or-later
#include "plugin/link_guard.h"

#include "plugin/gcc_compat.h"

namespace hotpatch {

namespace {

// GCC streams assembly outside of functions together with the code.
constexpr char check[] =
    "\t.ifndef .LHPplugin\n"
    "\t.error \"hotpatch: this was compiled with the hotpatch plugin; give "
    "-fplugin=.../hotpatch.so when linking too\"\n"
    "\t.endif";

void start_unit(void*, void*)
{
  if (asm_out_file && !flag_wpa)
    fputs("\t.set .LHPplugin,1\n", asm_out_file);
}

}  // namespace

void guard_link()
{
  static bool guarded = false;
  if (flag_generate_lto && !guarded)
    symtab->finalize_toplevel_asm(build_string(sizeof check, check));
  guarded = true;
}

void register_link_guard(const char* plugin_name)
{
  register_callback(plugin_name, PLUGIN_START_UNIT, start_unit, NULL);
}

}  // namespace hotpatch
