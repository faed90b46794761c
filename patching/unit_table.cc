// Joining the units of several files.
//
// SPDX-License-Identifier: MIT
#include "patching/unit_table.h"

#include <algorithm>
#include <unordered_map>

#include "processes/errors.h"

namespace hotpatch::patching {

namespace {

bool same_source(const baseline_unit& a, const baseline_unit& b)
{
  return a.file == b.file && a.directory == b.directory &&
         a.options == b.options;
}

}  // namespace

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
      override_by(images, image);
}

void unit_table::add(const baseline_unit& unit, std::size_t image)
{
  units_.push_back({&unit, {image}});
}

void unit_table::override_by(std::span<const baseline_image> images,
                             std::size_t patch)
{
  std::set<std::size_t> of;
  std::vector<const baseline_unit*> new_units;
  for (const baseline_unit& unit : images[patch].units) {
    bool found = false;
    for (numbered_unit& each : units_)
      if (same_source(*each.unit, unit)) {
        each.unit = &unit;
        of.insert(each.images.begin(), each.images.end());
        found = true;
      }
    if (!found)
      new_units.push_back(&unit);
  }
  if (of.empty())
    throw tool_error(images[patch].path +
                     ": was made from none of the sources of the programs that "
                     "are named with it; name the program that it is for");
  for (const baseline_unit* unit : new_units)
    units_.push_back({unit, {of.begin(), of.end()}});
  for (const std::size_t image : of)
    needs_[image].insert(patch);
}

}  // namespace hotpatch::patching
