// What a process was made of, as checks and resolution of imports see it: its
// images with their sites, the program first.
//
// Owns what the images' views refer to.  Refers to the target_images.  One
// thread at a time.
//
// SPDX-License-Identifier: MIT
#ifndef HOTPATCH_OUTSIDE_TARGET_PROGRAM_H
#define HOTPATCH_OUTSIDE_TARGET_PROGRAM_H

#include <memory>
#include <span>
#include <vector>

#include "outside/target_images.h"
#include "runtime/objects/program_image.h"
#include "runtime/sites/elf_image.h"

namespace hotpatch::outside {

class target_program {
 public:
  explicit target_program(const target_images& images);

  std::span<program_image> images() { return images_; }

 private:
  std::vector<std::unique_ptr<elf_image>> contents_;
  std::vector<program_image> images_;
};

}  // namespace hotpatch::outside

#endif
