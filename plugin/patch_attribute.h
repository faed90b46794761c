// What the source of a patch object says about the patch: attributes of its
// functions, of what it uses of the program, and of the patch as a whole.
//
// Owns their spelling and their checks.  The attributes of functions stay on
// them and so reach the link-time compiler; what is said of the whole is
// collected while the source is parsed.
//
// SPDX-License-Identifier: GPL-3.0-or-later
#ifndef HOTPATCH_PLUGIN_PATCH_ATTRIBUTE_H
#define HOTPATCH_PLUGIN_PATCH_ATTRIBUTE_H

#include "format/level.h"
#include "plugin/gcc_compat.h"

#include "format/patch_record.h"

namespace hotpatch {

// Call at PLUGIN_ATTRIBUTES.
void register_patch_attributes();

// What an attribute with the name of something in the program says.
struct program_name {
  const char* text;
  bool unchecked;   // neither prototype nor layout matters
  bool unprepared;  // it need not have a site
};

// hotpatch_replaces("target")
std::optional<program_name> replaced_by(tree decl);
// hotpatch_import("target")
std::optional<program_name> imported_as(tree decl);
// hotpatch_original("target")
std::optional<program_name> original_of(tree decl);
// hotpatch_hook("before_apply")
std::optional<format::hook_time> hook_time_of(tree decl);

// Warns of functions that were declared to be parts of a patch, and of which
// none of `defined`, by their names in the source, is the definition.
void warn_of_undefined_parts(const std::set<std::string>& defined);

// What was said of the patch as a whole.
struct patch_statement {
  struct need {
    std::string name;
    std::uint32_t version;
  };
  std::string name;  // "": not stated
  std::uint32_t version = 0;
  std::string description;
  format::level level = format::level::unstated;
  std::vector<need> needs;
  std::vector<std::string> builds;
};
const patch_statement& stated_patch();

// Whether this translation unit is part of a patch object: one of the
// attributes, or the option, has said so.
bool is_part_of_patch();

}  // namespace hotpatch

#endif
