// Which memory exists while the other threads stand still.
//
// Nobody else can map or unmap anything then, so what read() found stays true
// until the threads are resumed.  Takes pages from the kernel and no lock.  One
// user at a time.
//
// SPDX-License-Identifier: MIT
#ifndef HOTPATCH_RUNTIME_MEMORY_REGIONS_H
#define HOTPATCH_RUNTIME_MEMORY_REGIONS_H

#include <cstddef>
#include <cstdint>

#include "runtime/base/mapped_array.h"

namespace hotpatch {

struct memory_mapping;

struct memory_region {
  std::uint64_t begin;
  std::uint64_t end;
  bool readable;
  bool anonymous;   // private memory without a file: untouched pages are zero
  bool main_stack;  // the one that the kernel gave the first thread
};

class memory_regions {
 public:
  // Reads /proc/self/maps.  0 or an error number.
  int read() noexcept;

  // Null: nothing is mapped there.
  const memory_region* find(std::uint64_t address) const noexcept;

  // Null: the process was started without one.
  const memory_region* main_stack() const noexcept;

  // The first region that ends behind `address`, and end() after the last.
  const memory_region* first_behind(std::uint64_t address) const noexcept;
  const memory_region* end() const noexcept { return regions_.end(); }

 private:
  static constexpr std::size_t none = static_cast<std::size_t>(-1);

  static bool note(const memory_mapping& mapping, const char* path,
                   void* self) noexcept;

  mapped_array<memory_region> regions_;
  std::size_t main_stack_ = none;
  bool full_ = false;  // no memory for another one
};

}  // namespace hotpatch

#endif
