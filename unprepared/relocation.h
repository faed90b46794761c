// The relocated beginning of a function: the instructions that a jump is
// written over, in another place, and a jump back to what follows them.
//
// What an instruction means does not change: operands relative to the
// instruction pointer and branches get other distances, branches with a
// distance of one byte become long ones, and branches among the moved
// instructions lead to the moved ones.  The return address of a call that is
// moved lies in the new place, where unwinding tables know nothing: exceptions
// do not pass it.
//
// Pure; any thread.
//
// SPDX-License-Identifier: MIT
#ifndef HOTPATCH_UNPREPARED_RELOCATION_H
#define HOTPATCH_UNPREPARED_RELOCATION_H

#include <cstddef>
#include <cstdint>
#include <span>

namespace hotpatch::unprepared {

enum class relocation_failure : std::uint8_t {
  none,
  undecodable,   // the bytes are no instructions
  unmovable,     // one of them means something else in another place
  out_of_reach,  // the new place is too far away
  no_room,       // `into` is too small
};

struct relocation {
  relocation_failure failure = relocation_failure::none;
  std::size_t size = 0;    // bytes written
  bool has_call = false;   // a return address will lie in the new place
  bool ends_open = false;  // it ends in the jump back
};

// The most bytes that so many make: each grows to nine at most.
[[nodiscard]] constexpr std::size_t relocated_limit(std::size_t size) noexcept
{
  return size * 9 + 5;
}

// Moves the whole instructions `code`, which stand at `from`, to `to`, writing
// them to `into`.
[[nodiscard]] relocation relocate(std::span<const std::uint8_t> code,
                                  std::uint64_t from, std::uint64_t to,
                                  std::span<std::uint8_t> into) noexcept;

}  // namespace hotpatch::unprepared

#endif
