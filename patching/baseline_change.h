// What an earlier patch has changed of a unit, read from the patch object, and
// the unit as it is with that patch: what a patch on top of it is compared
// with.
//
// The text (format/README.md, "The baseline") has whole lines of what has
// changed, and names functions where the unit's own text has numbers.  Files
// are taken for hostile: the merged text is read like any other.  Any thread.
//
// SPDX-License-Identifier: MIT
#ifndef HOTPATCH_PATCHING_BASELINE_CHANGE_H
#define HOTPATCH_PATCHING_BASELINE_CHANGE_H

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "patching/baseline_text.h"

namespace hotpatch::patching {

struct unit_change {
  std::string text;        // the whole
  std::string file;        // as the compiler was told
  std::string directory;   // where it ran
  std::uint64_t over = 0;  // hash of the text that the unit was compared with
  std::string last;        // why no patch can be made on top, "" if one can

  std::string dependencies;  // lines, of all files
  std::string types;         // lines
  // Symbol or key, and lines.
  std::vector<std::pair<std::string, std::string>> functions, variables;
  // A function, and those of which it now holds copies.
  std::vector<std::vector<std::string>> copies;
};

// Whether the text is one of a change, by how it begins.
bool is_change(std::string_view text);

// `label` is the patch object, for messages.  Throws tool_error.
unit_change parse_change(const std::string& label, std::string_view text);

// Throws tool_error if the result is no sound text.
baseline_unit merge_change(const std::string& label, const baseline_unit& unit,
                           const unit_change& change);

}  // namespace hotpatch::patching

#endif
