// The private directory through which hp-patch, the compiler plugin and the
// programs in its place of `as` and `collect2` speak with each other during a
// build.  Its files:
//
//     units        what each unit is: number, image, file and directory
//     unit-N       the baseline of unit N
//     images       the programs that the patch is for, never written over
//     map          where the tree is now and where it was
//     kept         objects that were not written, because the tree has them
//     stubs        empty files in place of what a build would have made
//     failed       objects whose new code cannot be assembled
//     assembled    objects that were made as always
//     added        those of them that were not there before
//     links        what was linked, or would have been, one JSON line for each
//     new          sources that no baseline knows, one JSON line for each
//     result-*     what became of each unit that was compiled, and its object
//
// Owns the directory and all stubs: both are removed at the end of its life,
// whatever has happened.  One thread at a time.
//
// SPDX-License-Identifier: MIT
#ifndef HOTPATCH_PATCHING_AGAINST_DIRECTORY_H
#define HOTPATCH_PATCHING_AGAINST_DIRECTORY_H

#include <span>
#include <string>
#include <vector>

#include "patching/source_tree.h"
#include "patching/unit_table.h"

namespace hotpatch::patching {

class against_directory {
 public:
  // In TMPDIR or /tmp.  Throws tool_error.
  against_directory();
  against_directory(const against_directory&) = delete;
  against_directory& operator=(const against_directory&) = delete;
  ~against_directory();

  const std::string& path() const { return path_; }
  std::string file(const std::string& name) const { return path_ + "/" + name; }

  // Throws tool_error if they cannot be written.
  void write(const unit_table& units) const;
  void write(std::span<const baseline_image> images) const;
  void write(const moved_tree& moved) const;

  // The lines of one of its files; none if it does not exist.
  std::vector<std::string> lines(const std::string& name) const;

  // Removes all stubs, objects that were not there before, and what says to
  // libtool that they are objects, so that the next build compiles these units:
  // a new source would else be known to the first run of hp-patch alone.
  void remove_objects() const noexcept;

 private:
  void write_file(const std::string& name, const std::string& contents) const;

  std::string path_;
};

}  // namespace hotpatch::patching

#endif
