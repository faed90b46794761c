// The plugin's entry: checks that it may run here and registers its parts.
//
// SPDX-License-Identifier: GPL-3.0-or-later
#include "plugin/gcc_compat.h"

#include "plugin/against.h"
#include "plugin/attribute.h"
#include "plugin/baseline.h"
#include "plugin/cxx.h"
#include "plugin/debug_lines.h"
#include "plugin/definitions.h"
#include "plugin/dependencies.h"
#include "plugin/emit.h"
#include "plugin/front_end.h"
#include "plugin/inline_copies.h"
#include "plugin/inlining.h"
#include "plugin/link_guard.h"
#include "plugin/optimisation.h"
#include "plugin/options.h"
#include "plugin/patch_attribute.h"
#include "plugin/patch_records.h"
#include "plugin/records.h"
#include "plugin/report.h"
#include "plugin/site.h"

#define HP_EXPORT __attribute__((visibility("default")))

// GCC refuses plugins without this symbol.
HP_EXPORT int plugin_is_GPL_compatible;

// Of cc1 and cc1plus; the link-time compiler has no preprocessor in use.
extern cpp_reader* parse_in __attribute__((weak));

namespace {

using hotpatch::is_c;
using hotpatch::is_cxx;

// Within a major release GCC keeps what plugins use; between them it does not.
bool same_major(const char* version)
{
  return strtol(version, nullptr, 10) == GCCPLUGIN_VERSION_MAJOR;
}

// Whether the plugin may work in the compiler that has loaded it.  On false an
// error has been printed: another GCC, or a second hotpatch.
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
  if (g->get_passes()->get_pass_by_name(hotpatch::site_pass_full_name)) {
    error(
        "hotpatch: the plugin is loaded twice; give %<-fplugin%> for it only "
        "once");
    return false;
  }
  return true;
}

// With -g3 GCC writes down each definition with its place in a file, and fails
// because it has not opened one yet.
class unnoticed_definition {
 public:
  unnoticed_definition() : define_(cpp_get_callbacks(parse_in)->define)
  {
    cpp_get_callbacks(parse_in)->define = nullptr;
  }
  ~unnoticed_definition() { cpp_get_callbacks(parse_in)->define = define_; }
  unnoticed_definition(const unnoticed_definition&) = delete;
  unnoticed_definition& operator=(const unnoticed_definition&) = delete;

 private:
  decltype(cpp_callbacks::define) define_;
};

// Defines __HOTPATCH__ as 1: the preprocessor is set up at PLUGIN_ATTRIBUTES,
// and has read nothing.
void predefine_macro()
{
  if (!is_c() && !is_cxx())
    return;
  // A file that was preprocessed before (-save-temps, ccache) has the macro
  // expanded, and a definition here would be taken for its first line.
  if (cpp_get_options(parse_in)->preprocessed)
    return;
  const unnoticed_definition guard;
  cpp_define(parse_in, "__HOTPATCH__=1");
}

void attributes_event(void*, void*)
{
  hotpatch::register_attributes();
  hotpatch::register_patch_attributes();
  predefine_macro();
}

}  // namespace

HP_EXPORT int plugin_init(plugin_name_args* arguments,
                          plugin_gcc_version* compiler)
{
  if (!admitted_to(*compiler))
    return 1;
  if (!hotpatch::parse_options(*arguments))
    return 0;
  const char* name = arguments->base_name;
  hotpatch::start_against();
  hotpatch::register_dependencies();
  register_callback(name, PLUGIN_ATTRIBUTES, attributes_event, NULL);
  hotpatch::register_front_end(name);
  hotpatch::register_against(name);
  hotpatch::register_baseline(name);
  hotpatch::register_link_guard(name);
  hotpatch::register_patch_imports(name);
  hotpatch::register_record_sections(name);
  hotpatch::register_definitions(name);
  hotpatch::register_inline_copies(name);
  hotpatch::register_inlining(name);
  hotpatch::register_debug_lines(name);
  hotpatch::register_report(name);
  hotpatch::keep_recursion(name);
  hotpatch::keep_in_one_piece();
  hotpatch::register_skipped_passes(name);
  hotpatch::register_site_pass(name);
  hotpatch::install_emit_hooks(name);
  return 0;
}
