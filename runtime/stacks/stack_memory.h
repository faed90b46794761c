// The memory of stopped threads, as a search of their stacks sees it: this
// process's own, or another one's.
//
// A stack_memory decides how memory is reached; the search
// only asks.  No question may fault, allocate from the heap or take a lock:
// threads stand while they are asked.
//
// SPDX-License-Identifier: MIT
#ifndef HOTPATCH_RUNTIME_STACK_MEMORY_H
#define HOTPATCH_RUNTIME_STACK_MEMORY_H

#include <cstddef>
#include <cstdint>

#include "runtime/base/page_size.h"

namespace hotpatch {

struct memory_region {
  std::uint64_t begin = 0;
  std::uint64_t end = 0;  // not above `begin`: there is none
  bool readable = false;
  bool writable = false;
  bool executable = false;
  bool anonymous = false;   // private, without a file: untouched pages are zero
  bool main_stack = false;  // the one that the kernel gave the first thread
  std::uint64_t inode = 0;

  bool exists() const noexcept { return begin < end; }
  bool contains(std::uint64_t address) const noexcept
  {
    return address - begin < end - begin;
  }
};

// Words of memory that follow each other.
struct memory_words {
  const std::uint64_t* first = nullptr;  // until words() is asked again
  std::size_t count = 0;
  // Nothing can be read there: a guard page, a page that is not mapped, or one
  // after the end of its file.  If not, and `count` is 0, the page was never
  // written.
  bool unreadable = false;
};

struct stack_memory {
  // The region that contains the address, or else the next one above it.
  memory_region (*region_or_next)(void* self, std::uint64_t address);

  // Words from `address`, which is a multiple of eight, up to `end`, or fewer,
  // but all of them that lie on the page of the first one.  `sparse`: much of
  // the memory was never written.
  memory_words (*words)(void* self, std::uint64_t address, std::uint64_t end,
                        bool sparse);

  // False: not all of it can be read.
  bool (*read)(void* self, std::uint64_t address, void* into, std::size_t size);

  // The stack that the kernel gave the first thread; it need not exist.
  memory_region (*main_stack)(void* self);

  // A stack whose bounds are known, and which the address is on, or false. Told
  // of each address at which a stack is searched.
  bool (*known_stack)(void* self, std::uint64_t address, std::uint64_t& begin,
                      std::uint64_t& end);

  void* self;

  memory_region region_at(std::uint64_t address) const noexcept
  {
    const memory_region region = region_or_next(self, address);
    return region.contains(address) ? region : memory_region{};
  }

  template <typename T>
  bool load(std::uint64_t address, T& value) const noexcept
  {
    return read(self, address, &value, sizeof value);
  }
};

}  // namespace hotpatch

#endif
