// The units of all files that a patch is made against, numbered: an object that
// was linked into several images is one unit of all of them, and a unit of an
// earlier patch takes the place of the one that it was made from.
//
// Owns the rule that a patch object changes exactly the text that it was made
// from, so patches are named in the order in which they are applied.  Refers to
// the images, which must stay.  One thread at a time.
//
// SPDX-License-Identifier: MIT
#ifndef HOTPATCH_PATCHING_UNIT_TABLE_H
#define HOTPATCH_PATCHING_UNIT_TABLE_H

#include <cstddef>
#include <deque>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "patching/baseline_file.h"

namespace hotpatch::patching {

struct numbered_unit {
  const baseline_unit* unit = nullptr;
  std::vector<std::size_t> images;  // numbers of programs and shared objects
  std::vector<std::string_view> changes;  // texts that were merged
};

class unit_table {
 public:
  // Throws tool_error if an earlier patch was made from another text than the
  // programs and the patches before it have.
  explicit unit_table(std::span<const baseline_image> images);

  const std::vector<numbered_unit>& all() const { return units_; }
  const numbered_unit& operator[](std::size_t number) const
  {
    return units_[number];
  }
  std::size_t size() const { return units_.size(); }

  // The earlier patches, by number, that a patch for this image needs.
  const std::set<std::size_t>& needs(std::size_t image) const
  {
    return needs_[image];
  }

 private:
  void add(const baseline_unit& unit, std::size_t image);
  void change_by(std::span<const baseline_image> images, std::size_t patch);
  numbered_unit& unit_of(const baseline_image& patch,
                         const unit_change& change);

  std::vector<numbered_unit> units_;
  std::deque<baseline_unit> merged_;  // which units_ refers to
  std::vector<std::set<std::size_t>> needs_;
};

}  // namespace hotpatch::patching

#endif
