// What a process that has an image loaded would have in its memory, as far as
// files tell: the image, the other programs that a patch is made against, and
// the shared objects that it needs.
//
// Owns the open files, which names refer to.  One thread at a time.
//
// SPDX-License-Identifier: MIT
#ifndef HOTPATCH_PATCHING_IMAGE_SET_H
#define HOTPATCH_PATCHING_IMAGE_SET_H

#include <cstddef>
#include <memory>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <unordered_set>
#include <vector>

#include "patching/baseline_file.h"
#include "runtime/objects/patch_file.h"
#include "runtime/objects/program_image.h"
#include "runtime/sites/elf_image.h"

namespace hotpatch::patching {

class image_set {
 public:
  // `driver`: a compiler, which knows where libraries are.  Throws tool_error.
  image_set(std::span<const baseline_image> images, std::size_t which,
            const std::string& driver);
  image_set(const image_set&) = delete;
  image_set& operator=(const image_set&) = delete;

  // Whether one of the images has a symbol of this name, or the image itself
  // gets it from somewhere.
  bool has(std::string_view symbol) const
  {
    return symbols_.count(symbol) != 0;
  }

  // The symbols that the linked patch leaves undefined and that none of the
  // images has; none if not all that these need could be found.  What is weak
  // may be absent, but for imports.  Throws tool_error.
  std::set<std::string> undefined(patch_file& patch) const;

  // Shared objects that the image needs, for the linker.
  const std::vector<std::string>& libraries() const { return libraries_; }

  // Why the patch cannot be applied to the image, "" if nothing is against it.
  // Throws tool_error.
  std::vector<std::string> objections(patch_file& patch);

 private:
  void add(const std::string& path, std::shared_ptr<elf_file> file,
           bool is_itself);
  void add_needed(std::span<const baseline_image> images,
                  const std::string& driver);

  std::vector<std::shared_ptr<elf_file>> files_;
  std::vector<std::string> paths_;
  std::vector<std::unique_ptr<elf_image>> contents_;
  std::vector<program_image> all_;
  std::unordered_set<std::string_view> symbols_;
  std::set<std::string, std::less<>> undefined_;  // of the image itself
  std::vector<std::string> libraries_;
  bool is_whole_ = true;  // all that is needed was found
};

// The names of DT_NEEDED of an image, and its search path with $ORIGIN
// replaced.
struct needed_libraries {
  std::vector<std::string> names;
  std::vector<std::string> directories;
};
needed_libraries read_needed(elf_file& file);

}  // namespace hotpatch::patching

#endif
