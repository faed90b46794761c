// Junctions: code that sends a call to the function before a change or to the
// one after it, for all functions of the change by one store.
//
// A far jump's cell may hold the address of a junction while its site changes.
// The junction compares the number of the last change that has happened with
// the number of its own change, and jumps:
//
//   41 53                  push   %r11
//   49 bb imm64            movabs $happened, %r11
//   4d 8b 1b               mov    (%r11), %r11
//   4c 3b 1d rel32         cmp    due(%rip), %r11
//   41 5b                  pop    %r11
//   72 07                  jb     1f
//   3e ff 25 rel32         notrack jmp *after(%rip)
//   3e ff 25 rel32      1: notrack jmp *before(%rip)
//
// It changes only flags, which no function expects to find as they were, and
// the dead memory below the stack pointer.
//
// Invariants.  A thread may stand in a junction for as long as it likes, over
// other changes too, so what a junction leads to never changes, and it is never
// given to another site.  It may serve the same change of the same site again:
// then a thread that has stood in it goes where the site leads at that moment.
// A junction whose change has happened leads to the function after it, one
// whose change was given up to the function before.
//
// The code is in memory that was writable before it was executable, and never
// both; the addresses that it jumps to are read-only.
//
// Used under the library's lock; the code itself takes none.
//
// SPDX-License-Identifier: MIT
#ifndef HOTPATCH_RUNTIME_JUNCTION_H
#define HOTPATCH_RUNTIME_JUNCTION_H

#include <atomic>
#include <cstddef>
#include <cstdint>

#include "runtime/base/array.h"

namespace hotpatch {

struct junction {
  std::uint64_t address = 0;
  std::atomic<std::uint64_t>* due = nullptr;  // the number of its change
};

class junctions {
 public:
  constexpr junctions() noexcept = default;
  junctions(const junctions&) = delete;
  junctions& operator=(const junctions&) = delete;

  // So many will be taken soon.
  void expect(std::size_t count) noexcept { expected_ = count; }

  // The junction for calls of the site whose word is at `word`, from the
  // function at `before` to the one at `after`.  It leads to `before` until its
  // change happens.  Null address: errno says why.
  [[nodiscard]] junction take(std::uint64_t word, std::uint64_t before,
                              std::uint64_t after) noexcept;

  // After the last take(): protects what was written.
  void seal() noexcept;

  // The number of the next change.  It has not happened, and if it never does,
  // no other change has this number.
  [[nodiscard]] std::uint64_t next_change() noexcept { return ++last_change_; }

  // Now: junctions that are due with this change, or were with earlier ones,
  // lead to the functions after it.
  static void happen(std::uint64_t change) noexcept;

  // For a junction whose change is given up.
  static constexpr std::uint64_t never = UINT64_MAX;

  // Calls `visit(begin, end)` for all memory that holds junctions.
  template <typename Visit>
  void for_each_code(Visit visit) const noexcept
  {
    for (const block& each : blocks_)
      visit(each.code, each.code + each.used * code_size);
  }

 private:
  static constexpr std::size_t code_size = 40;

  // What follows each other in memory: code, targets, numbers of changes.
  struct block {
    std::uint64_t code;
    std::uint64_t targets;
    std::size_t count;
    std::size_t used;
    bool sealed;
  };
  struct entry {
    std::uint64_t word;
    std::uint64_t before;
    std::uint64_t after;
    junction made;
    std::uint32_t next;  // of the same bucket, counted from one
  };

  [[nodiscard]] bool make_block() noexcept;
  [[nodiscard]] bool grow_buckets() noexcept;
  std::uint32_t& bucket_of(std::uint64_t word, std::uint64_t before,
                           std::uint64_t after) noexcept;
  const junction* find(std::uint64_t word, std::uint64_t before,
                       std::uint64_t after) noexcept;
  junction place(std::uint64_t before, std::uint64_t after) noexcept;

  [[nodiscard]] static bool protect_targets(const block& of,
                                            int protection) noexcept;

  array<block> blocks_;
  std::size_t expected_ = 0;
  array<entry> entries_;
  array<std::uint32_t> buckets_;  // of entries, counted from one; 0: none
  std::uint64_t last_change_ = 0;
};

}  // namespace hotpatch

#endif
