// The sources as they are now, compared with what the baseline says of them.
//
// Owns the rule where a file of the baseline is now: the tree may have moved,
// or be a scratch copy.  A file is read once.  One thread at a time.
//
// SPDX-License-Identifier: MIT
#ifndef HOTPATCH_PATCHING_SOURCE_TREE_H
#define HOTPATCH_PATCHING_SOURCE_TREE_H

#include <cstdint>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "patching/baseline_text.h"

namespace hotpatch::patching {

// What directories that differ begin with, less the tail that they share: the
// tree was at `then` and is at `now`.
struct moved_tree {
  std::string now;
  std::string then;
};

// Of two names of one directory; nothing if they are the same.
std::optional<moved_tree> move_between(const std::string& now,
                                       const std::string& then);

// Of what may be two names of one directory: nothing if they are the same, or
// share not even their last directory.
std::optional<moved_tree> find_move(const std::string& now,
                                    const std::string& then);

// Where the unit is not where it was compiled, but below the directory `here`:
// as when a cache of objects has it from another tree.
std::optional<moved_tree> find_moved_unit(const std::string& here,
                                          const baseline_unit& unit);

class source_tree {
 public:
  source_tree() = default;
  explicit source_tree(std::optional<moved_tree> moved)
      : moved_(std::move(moved))
  {
  }

  // Where a path of the unit leads to now, absolute.
  std::string path_of(const baseline_unit& unit, const std::string& path) const;

  // The files of the unit that do not have the contents that its baseline says,
  // or are gone; "system headers" stands for all of these.
  std::vector<std::string> changes(const baseline_unit& unit);

 private:
  std::optional<std::uint64_t> contents(const std::string& path);

  std::optional<moved_tree> moved_;
  std::unordered_map<std::string, std::optional<std::uint64_t>> known_;
};

// The whole file, or nothing if it cannot be read.
std::optional<std::string> read_whole_file(const std::string& path);

}  // namespace hotpatch::patching

#endif
