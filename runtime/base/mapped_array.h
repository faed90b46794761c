// A growing array in pages of its own, usable while other threads stand still.
//
// A stopped thread may hold the allocator's lock, so what grows during a stop
// takes its memory from the kernel.  Owned by one object at a time; no locking.
//
// SPDX-License-Identifier: MIT
#ifndef HOTPATCH_RUNTIME_MAPPED_ARRAY_H
#define HOTPATCH_RUNTIME_MAPPED_ARRAY_H

#include <cstddef>

#include <sys/mman.h>

#include "runtime/base/array.h"
#include "runtime/base/page_size.h"
#include "runtime/base/system_call.h"

namespace hotpatch {

class page_memory {
  static constexpr std::size_t round_up(std::size_t bytes) noexcept
  {
    return (bytes + page_size - 1) / page_size * page_size;
  }

 public:
  // What elements leave of the last page is less than one.
  static constexpr std::size_t largest_element = page_size;

  static void* grow(void* old, std::size_t old_bytes,
                    std::size_t& bytes) noexcept
  {
    bytes = round_up(bytes);
    const long at =
        old_bytes == 0 ? system_call(SYS_mmap, 0, bytes, PROT_READ | PROT_WRITE,
                                     MAP_PRIVATE | MAP_ANONYMOUS, -1)
                       : system_call(SYS_mremap, old, round_up(old_bytes),
                                     bytes, MREMAP_MAYMOVE);
    return at < 0 ? nullptr : reinterpret_cast<void*>(at);
  }
  static void give_back(void* memory, std::size_t bytes) noexcept
  {
    if (bytes != 0)
      system_call(SYS_munmap, memory, round_up(bytes));
  }
};

template <typename T>
using mapped_array = array<T, page_memory>;

}  // namespace hotpatch

#endif
