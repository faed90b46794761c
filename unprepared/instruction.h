// One instruction of x86-64: how long it is, where it leads, and which of its
// bytes depend on where it stands.
//
// The only file that knows the decoder, Zydis, is instruction.cc; nothing else
// here includes its headers.  Pure; any thread.
//
// SPDX-License-Identifier: MIT
#ifndef HOTPATCH_UNPREPARED_INSTRUCTION_H
#define HOTPATCH_UNPREPARED_INSTRUCTION_H

#include <cstddef>
#include <cstdint>

namespace hotpatch::unprepared {

inline constexpr std::size_t longest_instruction = 15;

// Where execution goes after an instruction.
enum class flow : std::uint8_t {
  next,
  jump,           // to `target`
  branch,         // to `target` or on: jcc, loop, jrcxz, xbegin
  call,           // of `target`
  computed_jump,  // to what a register or memory holds
  computed_call,
  end,  // ret, ud2, hlt, int3 and the like: not to what follows
};

struct instruction {
  std::uint8_t length = 0;
  flow way = flow::next;
  bool returns = false;
  bool is_nop = false;
  bool is_int3 = false;
  bool is_endbr64 = false;
  bool is_lea = false;
  // A loop or jrcxz: there is only a form with a distance of one byte.
  bool only_short = false;
  bool is_xbegin = false;
  std::uint8_t condition = 0;  // of a jcc, as in its opcode

  // The distance of a branch: where its bytes are, and what it leads to.
  std::uint8_t relative_at = 0;
  std::uint8_t relative_size = 0;  // in bytes; 0: not relative
  std::uint64_t target = 0;

  // The displacement of an operand in memory that is relative to the
  // instruction pointer; at 0: there is none.
  std::uint8_t displacement_at = 0;
  std::uint64_t operand = 0;  // the address it means

  // Of a computed jump: the register that it jumps to, none for memory.
  static constexpr std::uint8_t none = 0xff;
  std::uint8_t jump_register = none;
};

// False: the bytes are no instruction, or `size` is too small for it.
[[nodiscard]] bool decode(const std::uint8_t* bytes, std::size_t size,
                          std::uint64_t address, instruction& into) noexcept;

// What an instruction does with registers.  A bit for each: 0 to 15 the general
// ones by their numbers, 16 to 31 xmm0 to xmm15.
struct register_use {
  std::uint32_t reads = 0;
  std::uint32_t writes = 0;
  // It stores to memory that the stack or frame pointer leads to.
  bool stores_to_stack = false;
  bool is_add = false;  // add, sub, or a lea of two registers
};

// The same, and what it does with registers.
[[nodiscard]] bool decode(const std::uint8_t* bytes, std::size_t size,
                          std::uint64_t address, instruction& into,
                          register_use& use) noexcept;

}  // namespace hotpatch::unprepared

#endif
