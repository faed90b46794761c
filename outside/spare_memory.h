// Some bytes of a process that nothing uses: between the end of an image's
// variables and the end of their last page.
//
// Memory for what the kernel reads once after a thread was let go, and when no
// thread can be made to ask for memory.  Found when it is first needed, from
// the images' headers in memory.  One thread at a time.
//
// SPDX-License-Identifier: MIT
#ifndef HOTPATCH_OUTSIDE_SPARE_MEMORY_H
#define HOTPATCH_OUTSIDE_SPARE_MEMORY_H

#include <cstdint>
#include <vector>

#include <sys/types.h>

namespace hotpatch::outside {

class spare_memory {
 public:
  static constexpr std::uint64_t size = 48;

  static spare_memory& of(pid_t process);

  // The address of `size` bytes for a thread, always the same ones.  On a busy
  // machine a thread that was let go may read them much later, so another one
  // gets them only after a good while.  0: there are none.
  std::uint64_t take(pid_t thread);

 private:
  struct place {
    std::uint64_t address;
    pid_t thread = 0;  // that has them, 0: none
    std::int64_t taken = 0;
  };

  explicit spare_memory(pid_t process);

  std::vector<place> places_;
};

}  // namespace hotpatch::outside

#endif
