// A copy of a source tree with a diff applied to it, for one build.
//
// Owns the copy, which is removed at the end of its life.  One thread at a
// time.
//
// SPDX-License-Identifier: MIT
#ifndef HOTPATCH_PATCHING_SCRATCH_TREE_H
#define HOTPATCH_PATCHING_SCRATCH_TREE_H

#include <string>
#include <vector>

namespace hotpatch::patching {

class scratch_tree {
 public:
  // Copies the directory `source` with its times, so that a build makes only
  // what the diff changes, and applies the diff.  The source stays as it is.
  // Throws tool_error if one of the two fails.
  scratch_tree(const std::string& source, const std::string& diff);
  scratch_tree(const scratch_tree&) = delete;
  scratch_tree& operator=(const scratch_tree&) = delete;
  ~scratch_tree();

  const std::string& path() const { return path_; }
  // The same place in the copy, or the copy itself for places outside.
  std::string place_of(const std::string& path) const;

 private:
  void copy() const;
  void apply(const std::string& diff) const;
  bool applies(const std::string& diff, int levels, bool tries) const;

  std::string source_;
  std::string parent_;
  std::string path_;
};

}  // namespace hotpatch::patching

#endif
