// The images of this process as the checks of a patch object see them.
//
// Owns the open files, and references that keep the images loaded.  Made
// without the library's lock; used by one thread.
//
// SPDX-License-Identifier: MIT
#ifndef HOTPATCH_RUNTIME_LOADED_PROGRAM_H
#define HOTPATCH_RUNTIME_LOADED_PROGRAM_H

#include <span>

#include "runtime/base/array.h"
#include "runtime/library/image_pin.h"
#include "runtime/objects/program_image.h"

namespace hotpatch {

class loaded_program {
 public:
  loaded_program() noexcept = default;
  loaded_program(const loaded_program&) = delete;
  loaded_program& operator=(const loaded_program&) = delete;
  ~loaded_program();

  // HP_NO_MEMORY.  An image whose file cannot be had is there without symbols.
  [[nodiscard]] hp_status take() noexcept;

  [[nodiscard]] std::span<program_image> images() noexcept
  {
    return {images_.data(), images_.size()};
  }

 private:
  struct copy;

  [[nodiscard]] hp_status note_images() noexcept;

  image_pins pins_;
  array<copy*> copies_;
  array<program_image> images_;
};

}  // namespace hotpatch

#endif
