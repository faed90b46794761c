// The plugin's entry: checks that it may run here and registers its parts.
//
// SPDX-License-Identifier: GPL-3.0-or-later
#include "plugin/gcc_compat.h"

#include "plugin/admission.h"
#include "plugin/alignment_check.h"
#include "plugin/attribute.h"
#include "plugin/debug_lines.h"
#include "plugin/definitions.h"
#include "plugin/dependencies.h"
#include "plugin/emit.h"
#include "plugin/front_end.h"
#include "plugin/inline_copies.h"
#include "plugin/inlining.h"
#include "plugin/link_guard.h"
#include "plugin/one_piece.h"
#include "plugin/options.h"
#include "plugin/patch_attribute.h"
#include "plugin/patch_imports.h"
#include "plugin/predefine.h"
#include "plugin/record_sections.h"
#include "plugin/recursion.h"
#include "plugin/report.h"
#include "plugin/site.h"
#include "plugin/skipped_passes.h"

#define HP_EXPORT __attribute__((visibility("default")))

// GCC refuses plugins without this symbol.
HP_EXPORT int plugin_is_GPL_compatible;

namespace {

void attributes_event(void*, void*)
{
  hotpatch::register_attributes();
  hotpatch::register_patch_attributes();
  hotpatch::predefine_macro();
}

}  // namespace

HP_EXPORT int plugin_init(plugin_name_args* arguments,
                          plugin_gcc_version* compiler)
{
  if (!hotpatch::admitted_to(*compiler))
    return 1;
  if (!hotpatch::parse_options(*arguments))
    return 0;
  const char* name = arguments->base_name;
  hotpatch::register_dependencies();
  register_callback(name, PLUGIN_ATTRIBUTES, attributes_event, NULL);
  hotpatch::register_front_end(name);
  hotpatch::register_link_guard(name);
  hotpatch::register_patch_imports(name);
  hotpatch::register_record_sections(name);
  hotpatch::register_definitions(name);
  hotpatch::register_alignment_check(name);
  hotpatch::register_inline_copies(name);
  hotpatch::register_inlining(name);
  hotpatch::register_debug_lines(name);
  hotpatch::register_report(name);
  hotpatch::keep_recursion(name);
  hotpatch::keep_in_one_piece();
  hotpatch::register_skipped_passes(name);
  hotpatch::register_site_pass(name);
  hotpatch::install_emit_hooks();
  return 0;
}
