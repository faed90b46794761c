// Joining the units of several files.
//
// SPDX-License-Identifier: MIT
#include "patching/unit_table.h"

#include <algorithm>
#include <unordered_map>

#include "format/baseline.h"
#include "processes/errors.h"

namespace hotpatch::patching {

unit_table::unit_table(std::span<const baseline_image> images)
    : needs_(images.size())
{
  std::unordered_map<std::string_view, std::size_t> by_text;
  for (std::size_t image = 0; image < images.size(); ++image) {
    if (images[image].is_patch)
      continue;
    for (const baseline_unit& unit : images[image].units) {
      const auto [known, is_new] = by_text.try_emplace(unit.text, size());
      if (is_new)
        add(unit, image);
      else
        units_[known->second].images.push_back(image);
    }
  }
  if (units_.empty())
    throw tool_error(
        "every file of --against is a patch; name the program that they are "
        "for as well");
  for (std::size_t image = 0; image < images.size(); ++image)
    if (images[image].is_patch)
      change_by(images, image);
}

void unit_table::add(const baseline_unit& unit, std::size_t image)
{
  units_.push_back({&unit, {image}, {}});
}

numbered_unit& unit_table::unit_of(const baseline_image& patch,
                                   const unit_change& change)
{
  for (numbered_unit& each : units_) {
    if (each.unit->file != change.file ||
        each.unit->directory != change.directory)
      continue;
    const std::string& text = each.unit->text;
    const bool is_merged = std::find(each.changes.begin(), each.changes.end(),
                                     change.text) != each.changes.end();
    if (is_merged ||
        format::content_hash(text.data(), text.size()) == change.over)
      return each;
  }
  throw tool_error(
      patch.path + ": was made from another " + change.file +
      " than the one of the files that are named before it; name the "
      "program and all patches that are applied to it, in that order, "
      "or make one patch of all changes against the program alone");
}

void unit_table::change_by(std::span<const baseline_image> images,
                           std::size_t patch)
{
  const baseline_image& what = images[patch];
  std::set<std::size_t> of;
  for (const unit_change& change : what.changes) {
    numbered_unit& unit = unit_of(what, change);
    if (!change.last.empty())
      throw tool_error(what.path +
                       ": no patch can be made on top of it: " + change.last +
                       "; make one patch of all changes against the program "
                       "alone");
    // Of an object that is in several programs each has a patch.
    for (const std::size_t image : unit.images)
      if (what.patch_build.empty() || images[image].build == what.patch_build)
        of.insert(image);
    if (std::find(unit.changes.begin(), unit.changes.end(), change.text) !=
        unit.changes.end())
      continue;
    unit.unit =
        &merged_.emplace_back(merge_change(what.path, *unit.unit, change));
    unit.changes.push_back(change.text);
  }
  if (of.empty())
    for (std::size_t image = 0; image < images.size(); ++image)
      if (!images[image].is_patch && images[image].build == what.patch_build)
        of.insert(image);
  if (of.empty())
    throw tool_error(what.path +
                     ": is for another build than the programs that are named "
                     "with it; name the program that it is for");
  for (const baseline_unit& unit : what.units)
    units_.push_back({&unit, {of.begin(), of.end()}, {}});
  for (const std::size_t image : of)
    needs_[image].insert(patch);
}

}  // namespace hotpatch::patching
