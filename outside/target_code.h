// What hp-apply uses of a process's own code: two instructions and the
// functions that load and unload shared objects.
//
// A value; found once per process, from its images.
//
// SPDX-License-Identifier: MIT
#ifndef HOTPATCH_OUTSIDE_TARGET_CODE_H
#define HOTPATCH_OUTSIDE_TARGET_CODE_H

#include <cstdint>

#include "outside/borrowed_thread.h"
#include "outside/target_images.h"

namespace hotpatch::outside {

struct target_code {
  borrowed_code borrowed;
  const target_image* loader = nullptr;
  const target_image* library = nullptr;  // the C library
  std::uint64_t dlopen = 0;
  std::uint64_t dlclose = 0;
  std::uint64_t dlerror = 0;
};

// Throws trouble if what a thread is made to call would have to be on a shadow
// stack, too.
void refuse_shadow_stack(pid_t process);

// Throws trouble if the process cannot load anything.
target_code find_target_code(const target_images& images);

// The same code in another look at the images of the same process, into which
// the pointers lead.
void find_libraries(const target_images& images, target_code& into);

}  // namespace hotpatch::outside

#endif
