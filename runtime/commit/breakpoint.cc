// int3, tail, head; and the same way back if a write fails.
// SPDX-License-Identifier: MIT
#include "runtime/commit/breakpoint.h"

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>

#include "format/patch_word.h"
#include "runtime/commit/commit.h"
#include "runtime/commit/signal_state.h"
#include "runtime/commit/trap_detour.h"
#include "runtime/text/barrier.h"
#include "runtime/text/near_memory.h"

namespace hotpatch {

namespace {

class sequence {
 public:
  sequence(text_window& text, std::span<const change> changes) noexcept
      : text_(text), changes_(changes)
  {
  }

  breakpoint_result run() noexcept
  {
    send_trapped_to_old(changes_);
    if (!int3s(changes_.size()) || !tails() || !heads())
      go_back();
    if (result_.put_back)
      forget_trapped(changes_);
    else
      keep_trapped_old(changes_);
    return result_;
  }

 private:
  struct word_bytes {
    std::uint8_t bytes[format::word_size];
    explicit word_bytes(std::uint64_t word) noexcept
    {
      std::memcpy(bytes, &word, sizeof bytes);
    }
    const std::uint8_t* head() const noexcept { return bytes; }
    const std::uint8_t* tail() const noexcept { return bytes + 1; }
  };
  static constexpr std::size_t watch_every = 64;
  static constexpr std::size_t tail_size = format::word_size - 1;

  // A handler that the program installs over ours is there for as short as
  // can be.
  void watch_signal() noexcept
  {
    if (regain_trap_signal())
      result_.signal_taken = true;
  }

  bool write(const change& each, std::uint64_t at, const std::uint8_t* bytes,
             std::size_t size) noexcept
  {
    if (text_.store_bytes(at, bytes, size))
      return true;
    if (result_.failed == nullptr) {
      result_.failed = &each;
      result_.error = errno;
    }
    return false;
  }

  // In the middle the protocol has to wait for those who cannot be reached:
  // meanwhile all calls take the detour.
  bool everybody_knows() noexcept
  {
    watch_signal();
    if (serialise_cores(barrier_long_patience))
      return true;
    if (result_.failed == nullptr) {
      result_.failed = &changes_[0];
      result_.barrier_missed = true;
    }
    return false;
  }

  // Each of the three: for the first `count` sites; what was begun is counted,
  // so that going back covers a write that failed half way.
  bool int3s(std::size_t count) noexcept
  {
    for (std::size_t i = 0; i < count; ++i) {
      if (i % watch_every == 0)
        watch_signal();
      with_int3_ = std::max(with_int3_, i + 1);
      if (!write(changes_[i], changes_[i].site->word, &format::filler, 1))
        return false;
    }
    return everybody_knows();
  }

  bool tails() noexcept
  {
    for (const change& each : changes_) {
      if (with_tail_++ % watch_every == 0)
        watch_signal();
      if (!write(each, each.site->word + 1, word_bytes(each.new_word).tail(),
                 tail_size))
        return false;
    }
    return everybody_knows();
  }

  bool heads() noexcept
  {
    send_trapped_to_new();
    for (const change& each : changes_)
      if (each.cell != 0)
        cell_window::store(each.cell, each.cell_target);
    cells_stored_ = true;
    for (const change& each : changes_) {
      if (!write(each, each.site->word, word_bytes(each.new_word).head(), 1))
        return false;
      if (++with_head_ % watch_every == 0)
        watch_signal();
    }
    watch_signal();
    // A core that still meets an int3 comes to the handler, which sends it on.
    result_.barrier_missed = !serialise_cores(barrier_long_patience);
    return true;
  }

  void go_back() noexcept
  {
    result_.heads_written = with_head_;
    if (cells_stored_) {
      send_trapped_to_old(changes_);
      for (const change& each : changes_)
        if (each.cell != 0 && each.old_cell_target != 0)
          cell_window::store(each.cell, each.old_cell_target);
    }
    // A new first byte that stays must keep what belongs to it.
    bool good = with_head_ == 0 || int3s(with_head_);
    for (std::size_t i = 0; good && i < with_tail_; ++i)
      good = write(changes_[i], changes_[i].site->word + 1,
                   word_bytes(changes_[i].old_word).tail(), tail_size);
    // Old tails behind new ones: nobody may have an old first byte before all
    // know them.
    good = good && (with_tail_ == 0 || everybody_knows());
    // Otherwise words keep their int3, and their callers are sent to the old
    // functions.
    for (std::size_t i = 0; good && i < with_int3_; ++i)
      good = write(changes_[i], changes_[i].site->word,
                   word_bytes(changes_[i].old_word).head(), 1);
    (void)serialise_cores();
    result_.put_back = good;
  }

  text_window& text_;
  const std::span<const change> changes_;
  std::size_t with_int3_ = 0;
  std::size_t with_tail_ = 0;
  std::size_t with_head_ = 0;
  bool cells_stored_ = false;
  breakpoint_result result_;
};

}  // namespace

const char* prepare_breakpoints(std::span<const change> changes) noexcept
{
  if (!serialise_cores()) {
    static char rule[512];
    std::snprintf(rule, sizeof rule,
                  "the breakpoint protocol needs every thread to be reached: "
                  "%s",
                  barrier_reason());
    return rule;
  }
  if (const char* obstacle = breakpoint_obstacle())
    return obstacle;
  return prepare_trap_detours(changes);
}

breakpoint_result store_by_breakpoints(text_window& text,
                                       std::span<const change> changes) noexcept
{
  return sequence(text, changes).run();
}

}  // namespace hotpatch
