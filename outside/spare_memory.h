// Some bytes of a process that nobody uses: between the end of an image's
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

  // The address of `size` bytes that were given out a good while ago, or never.
  // 0: there are none.
  std::uint64_t take();

 private:
  struct place {
    std::uint64_t address;
    std::int64_t taken;
  };

  explicit spare_memory(pid_t process);

  std::vector<place> places_;
  std::size_t next_ = 0;
};

}  // namespace hotpatch::outside

#endif
