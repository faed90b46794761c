// Whether the plugin may work in the compiler that has loaded it.
//
// SPDX-License-Identifier: GPL-3.0-or-later
#include "plugin/gcc_compat.h"

#include "plugin/admission.h"
#include "plugin/site.h"

namespace hotpatch {

namespace {

// Within a major release GCC keeps what plugins use; between them it does not.
bool same_major(const char* version)
{
  return strtol(version, nullptr, 10) == GCCPLUGIN_VERSION_MAJOR;
}

}  // namespace

bool admitted_to(const plugin_gcc_version& compiler)
{
  if (!same_major(compiler.basever)) {
    error(
        "hotpatch: this plugin was built for GCC %d and cannot work in GCC "
        "%s; name the %<hotpatch.so%> one directory higher, or configure "
        "hotpatch with %<--with-gcc%> and build it again",
        GCCPLUGIN_VERSION_MAJOR, compiler.basever);
    return false;
  }
  if (g->get_passes()->get_pass_by_name(site_pass_full_name)) {
    error(
        "hotpatch: the plugin is loaded twice; give %<-fplugin%> for it only "
        "once");
    return false;
  }
  return true;
}

}  // namespace hotpatch
