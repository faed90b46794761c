// The code that no thread may be inside, and the question whether an address
// is.
//
// Invariant: while threads stand still, find() only compares numbers: what it
// needs was copied and sorted by prepare() before.  One user at a time.
//
// SPDX-License-Identifier: MIT
#ifndef HOTPATCH_RUNTIME_CODE_RANGES_H
#define HOTPATCH_RUNTIME_CODE_RANGES_H

#include <cstddef>
#include <cstdint>
#include <span>

#include "runtime/base/mapped_array.h"
#include "runtime/include/hotpatch.h"
#include "runtime/sites/site.h"
#include "runtime/stacks/stack_memory.h"

namespace hotpatch {

enum class code_kind : std::uint8_t {
  // A function's body after its patch word.  A thread is inside if it would
  // execute one of its instructions without entering through the word.
  body,
  // Memory that is to be unmapped or that must not be jumped to any more: every
  // address in it counts, also a function pointer.
  whole,
  // The dead bytes before a symbol, with a jump in them and no call: a thread
  // is
  // inside only if it stands there.  Their address as a value is that of a
  // range,
  // in a frame of this library.
  pad,
};

struct code_range {
  std::uint64_t begin;
  std::uint64_t end;
  const char* name;  // for messages; must outlive the search
  code_kind kind;
  const char* remark = "";  // after such a message; a static string
};

// What must be empty before the site's active code is replaced for good:
//   - its original body, which begins after the eight bytes of the word;
//     threads at the word itself will execute whatever it then holds;
//   - its pre-pad, when the far form is active: a thread in there is on its
//     way to the replacement without having reached it.
// The plugin keeps a function in one piece, so there is no cold part elsewhere.
code_range body_of(const site_code& site) noexcept;
code_range pre_pad_of(const site_code& site) noexcept;

// The same for a function without a site: its code after the bytes that change,
// its relocated beginning, and, on the way to the replacement, the dead bytes
// with the long jump and the stub.
struct entry_ranges {
  code_range ranges[4];
  // Those on the way: the last two.
  [[nodiscard]] std::span<const code_range> on_the_way() const noexcept
  {
    return {ranges + 2, 2};
  }
  [[nodiscard]] std::span<const code_range> all() const noexcept
  {
    return ranges;
  }
};
entry_ranges ranges_of_entry(const site_code& site) noexcept;

class code_ranges {
 public:
  static constexpr std::size_t none = static_cast<std::size_t>(-1);

  // How an address came to the thread.
  enum class role : std::uint8_t {
    instruction_pointer,  // the thread's, or one saved by a signal frame
    value,                // anything else: a return address or chance
    below_stack,          // in a red zone, where no return address can be: what
                          // a call that has ended left there, or a pointer
  };

  // HP_NO_MEMORY.  Reads the last bytes of each body; `memory` must outlive
  // this object.
  [[nodiscard]] hp_status prepare(std::span<const code_range> ranges,
                                  const stack_memory& memory) noexcept;

  // For a thread that is known to execute none of it: of memory that is to go
  // only addresses after a call count, to which it may return.  Others it
  // keeps for a purpose of its own.
  void count_only_returns(bool only) noexcept { only_returns_ = only; }

  // From the first range to the end of the last: what an address is compared
  // with first, in a copy that the compiler can keep in registers.
  struct hull {
    std::uint64_t lowest = 0;
    std::uint64_t span = 0;
    bool contains(std::uint64_t address) const noexcept
    {
      return address - lowest <= span;
    }
  };
  hull around() const noexcept { return hull_; }

  bool empty() const noexcept { return entries_.empty(); }

  // False for almost all addresses in the hull that are in no range; cheap.
  bool may_contain(std::uint64_t address) const noexcept
  {
    const std::uint64_t page = address >> page_shift;
    return (pages_[page / 64 % words] >> (page % 64) & 1) != 0;
  }

  // The index, in the span given to prepare(), of a range that contains the
  // address; none if there is none.
  std::size_t find(std::uint64_t address, role how) const noexcept;

 private:
  struct entry {
    std::uint64_t begin;
    std::uint64_t limit;
    std::uint64_t reach;  // the greatest limit up to here
    std::size_t index;
    code_kind kind;  // body: begin, as a value, is a pointer to the original
  };

  static constexpr unsigned page_shift = 12;
  static constexpr std::size_t words = 256;

  void note_pages(std::uint64_t first, std::uint64_t last) noexcept;
  bool counts(const entry& range, std::uint64_t address,
              role how) const noexcept;

  const stack_memory* memory_ = nullptr;
  mapped_array<entry> entries_;
  bool only_returns_ = false;
  hull hull_;
  std::uint64_t pages_[words] = {};  // bit: page number modulo 64 * words
};

}  // namespace hotpatch

#endif
