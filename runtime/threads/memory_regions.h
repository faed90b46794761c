// Which memory exists while the other threads stand still.
//
// No other thread can map or unmap anything then, so what is found stays true
// until the threads are resumed.  The kernel is asked about single addresses,
// which takes as long for a thousand threads as reading the map takes for a
// few; where it does not answer, the map is read.  Takes pages from the kernel
// and no lock.  One user at a time.
//
// SPDX-License-Identifier: MIT
#ifndef HOTPATCH_RUNTIME_MEMORY_REGIONS_H
#define HOTPATCH_RUNTIME_MEMORY_REGIONS_H

#include <cstdint>
#include <optional>

#include "runtime/base/mapped_array.h"
#include "runtime/base/memory_map.h"
#include "runtime/stacks/stack_memory.h"

namespace hotpatch {

class memory_regions {
 public:
  // For as long as the threads stand.
  void open() noexcept;
  void close() noexcept { questions_.reset(); }

  // An error number if something could not be found out since then, and regions
  // may have been left out; 0.
  [[nodiscard]] int failure() const noexcept { return failure_; }

  // The region that contains `address`.
  memory_region find(std::uint64_t address) noexcept;

  // That, or the next one above it.
  memory_region find_or_next(std::uint64_t address) noexcept;

  // There is none if the process was started without one.
  memory_region main_stack() noexcept;

 private:
  static bool note(const memory_mapping& mapping, const char* path,
                   void* self) noexcept;
  int read() noexcept;
  memory_region look_up(std::uint64_t address) const noexcept;
  memory_region remember(const memory_region& region) noexcept;

  std::optional<mapping_questions> questions_;
  static constexpr std::size_t remembered = 16;
  memory_region recent_[remembered];     // the last answers
  std::size_t next_ = 0;                 // the oldest of them
  mapped_array<memory_region> regions_;  // the map, if it was read
  int failure_ = 0;
  bool full_ = false;  // no memory for another one
};

}  // namespace hotpatch

#endif
