// What is known of each thread during one stop, found by its number.
//
// Open addressing in memory of its own, because it grows while threads that may
// hold the allocator's lock stand still.  One user at a time.
//
// SPDX-License-Identifier: MIT
#ifndef HOTPATCH_RUNTIME_THREAD_TABLE_H
#define HOTPATCH_RUNTIME_THREAD_TABLE_H

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <sys/types.h>

#include "runtime/base/mapped_array.h"

namespace hotpatch {

enum class thread_standing : std::uint8_t {
  unknown,       // just seen for the first time
  asked,         // the signal is sent
  not_queued,    // the kernel had no room for the signal
  still,         // in the handler
  never_stands,  // ended but still listed, or the kernel's own
};

class thread_table {
 public:
  struct entry {
    pid_t thread;  // 0: free
    thread_standing standing;
  };

  // Forgets everything; room for about `threads`.  False: no memory, and
  // nothing is forgotten.
  [[nodiscard]] bool clear(std::size_t threads) noexcept
  {
    std::size_t capacity = std::max<std::size_t>(entries_.size(), 64);
    while (capacity < threads * 2)
      capacity *= 2;
    if (!entries_.resize(capacity))
      return false;
    used_ = 0;
    std::fill(entries_.begin(), entries_.end(), entry{});
    return true;
  }

  // The thread's entry, made when there was none; null: no memory.  Valid until
  // the next call.
  [[nodiscard]] entry* find_or_add(pid_t thread) noexcept
  {
    // clear() may have had no memory.
    if (entries_.empty() && !clear(0))
      return nullptr;
    entry* place = find_place(thread);
    if (place->thread != 0)
      return place;
    if ((used_ + 1) * 2 > entries_.size()) {
      if (!grow())
        return nullptr;
      place = find_place(thread);
    }
    ++used_;
    *place = {thread, thread_standing::unknown};
    return place;
  }

  [[nodiscard]] std::size_t size() const noexcept { return used_; }

 private:
  entry* find_place(pid_t thread) noexcept
  {
    const std::size_t mask = entries_.size() - 1;
    // Numbers of threads are mostly consecutive: no need to scatter them.
    std::size_t at = static_cast<std::size_t>(thread) & mask;
    while (entries_[at].thread != 0 && entries_[at].thread != thread)
      at = (at + 1) & mask;
    return &entries_[at];
  }

  bool grow() noexcept
  {
    if (!moving_.resize(used_))
      return false;
    std::copy_if(entries_.begin(), entries_.end(), moving_.begin(),
                 [](const entry& each) { return each.thread != 0; });
    if (!clear(entries_.size()))
      return false;
    for (const entry& each : moving_)
      *find_place(each.thread) = each;
    used_ = moving_.size();
    return true;
  }

  mapped_array<entry> entries_;
  mapped_array<entry> moving_;
  std::size_t used_ = 0;
};

}  // namespace hotpatch

#endif
