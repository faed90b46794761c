// The memory of this process, for the search of stacks, and the unwinding
// tables of what is loaded.
//
// Owns the invariant that reading never faults: the kernel is asked about each
// page before it is touched, since a page may be there and yet not readable,
// for example one that MADV_GUARD_INSTALL (madvise(2)) has made a guard.  While
// the other threads stand the answer stays true.
//
// Takes pages from the kernel and no lock, except take_tables().  One user at a
// time.
//
// SPDX-License-Identifier: MIT
#ifndef HOTPATCH_RUNTIME_OWN_MEMORY_H
#define HOTPATCH_RUNTIME_OWN_MEMORY_H

#include <cstdint>
#include <optional>
#include <span>

#include "runtime/base/mapped_array.h"
#include "runtime/base/memory_map.h"
#include "runtime/base/raw_file.h"
#include "runtime/stacks/frame_walk.h"
#include "runtime/stacks/stack_memory.h"
#include "runtime/threads/announced_stacks.h"

namespace hotpatch {

// Which memory exists while the other threads stand still.
//
// No other thread can map or unmap anything then, so what is found stays true
// until the threads are resumed.  The kernel is asked about single addresses,
// which takes as long for a thousand threads as reading the map takes for a
// few; where it does not answer, the map is read.  Takes pages from the kernel
// and no lock.  One user at a time.
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

class own_memory {
 public:
  own_memory() noexcept = default;
  own_memory(const own_memory&) = delete;
  own_memory& operator=(const own_memory&) = delete;

  // Before the threads are stopped: takes the loader's lock on its list of
  // images.  An image that is loaded later has no tables, which costs a wider
  // search.
  void take_tables() noexcept;
  std::span<const unwind_table> tables() const noexcept
  {
    return {tables_.begin(), tables_.end()};
  }

  // For as long as the threads stand; `announced` are locked.
  void open(locked_stacks& announced) noexcept;
  void close() noexcept;

  // An error number if something could not be found out since open(), and
  // memory may have been left out; 0.
  [[nodiscard]] int failure() const noexcept
  {
    return probe_failure_ != 0 ? probe_failure_ : regions_.failure();
  }

  memory_regions& regions() noexcept { return regions_; }

  // What of it a search may ask.  Without open() only read() answers.
  const stack_memory& view() const noexcept { return view_; }

 private:
  static memory_region region_or_next(void* self, std::uint64_t address);
  static memory_words words(void* self, std::uint64_t address,
                            std::uint64_t end, bool sparse);
  static bool read(void* self, std::uint64_t address, void* into,
                   std::size_t size);
  static memory_region main_stack(void* self);
  static bool known_stack(void* self, std::uint64_t address,
                          std::uint64_t& begin, std::uint64_t& end);

  bool is_readable(std::uint64_t page) noexcept;
  bool was_written(std::uint64_t page) noexcept;

  static constexpr std::size_t remembered = 256;
  static constexpr std::size_t batch = 256;

  memory_regions regions_;
  mapped_array<unwind_table> tables_;
  locked_stacks* announced_ = nullptr;
  int probe_failure_ = 0;
  std::uint64_t readable_[remembered] = {};  // pages, by their numbers
  std::optional<raw_file> pagemap_;
  std::uint64_t first_page_ = 0;  // of what was read of it
  std::size_t page_count_ = 0;
  std::uint64_t pages_[batch] = {};

  const stack_memory view_ = {region_or_next, words,       read,
                              main_stack,     known_stack, this};
};

}  // namespace hotpatch

#endif
