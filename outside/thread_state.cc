// Saving and restoring, by ptrace(2) and by a signal frame.
//
// SPDX-License-Identifier: MIT
#include "outside/thread_state.h"

#include <algorithm>
#include <cstddef>
#include <cstring>

#include <cpuid.h>

#include "outside/interrupted_call.h"

namespace hotpatch::outside {

thread_state save_state(const tracee& thread)
{
  thread_state state = {thread.registers(), thread.vectors(),
                        thread.blocked_signals(), thread.wait_found()};
  if (thread.at_syscall_entry())
    state.registers = before_entered_call(state.registers);
  return state;
}

void restore_state(tracee& thread, const thread_state& state)
{
  thread.set_vectors(state.vectors);
  thread.block_signals(state.blocked_signals);
  thread.set_registers(state.registers);
  thread.put_back_wait(state.wait);
}

// Building the frame.

namespace {

constexpr std::uint64_t red_zone = 128;

// arch/x86/include/uapi/asm/ucontext.h: the floating point state is an XSAVE
// area; ss is saved and to be restored as it is.
constexpr std::uint64_t has_xstate = 1;
constexpr std::uint64_t saves_ss = 2;
constexpr std::uint64_t strict_ss = 4;

// arch/x86/include/uapi/asm/sigcontext.h.
constexpr std::uint32_t magic_front = 0x46505853;
constexpr std::uint32_t magic_behind = 0x46505845;
constexpr std::size_t software_bytes = 464;  // in the FXSAVE area
constexpr std::size_t area_header = 512;     // after it
constexpr std::size_t area_header_size = 64;

struct software_area {
  std::uint32_t magic;
  std::uint32_t extended_size;
  std::uint64_t features;
  std::uint32_t size;
  std::uint32_t padding[7];
};
static_assert(sizeof(software_area) == 48);

struct frame {
  std::uint64_t return_address;
  // struct ucontext
  std::uint64_t flags;
  std::uint64_t link;
  std::uint64_t stack[3];  // size 0: leave the alternate stack as it is
  // struct sigcontext
  std::uint64_t r8, r9, r10, r11, r12, r13, r14, r15;
  std::uint64_t rdi, rsi, rbp, rbx, rdx, rax, rcx, rsp, rip;
  std::uint64_t eflags;
  std::uint16_t cs, gs, fs, ss;
  std::uint64_t error, trap, old_mask, cr2;
  std::uint64_t vectors;
  std::uint64_t reserved[8];
  std::uint64_t mask;
  std::uint8_t siginfo[128];
};
static_assert(offsetof(frame, r8) == 8 + 40);
static_assert(offsetof(frame, mask) == 8 + 40 + 256);

constexpr std::uint64_t align_down(std::uint64_t value, std::uint64_t to)
{
  return value & ~(to - 1);
}

// What XSAVE areas in frames consist of.  The kernel refuses one that is larger
// than what the thread may use, and tile data (AMX) belongs to it only after
// the program asked for it with arch_prctl(2): then its bit is set in the area.
// Intel SDM volume 1, 13.2: leaf 0xd tells where each component lies.
// The features that the system has switched on are where the kernel puts them
// for tracers, in the bytes that are the software's own.
struct vector_layout {
  std::uint64_t features = 0;
  std::uint32_t size = area_header + area_header_size;
};

vector_layout layout_of(const std::vector<std::uint8_t>& vectors)
{
  constexpr unsigned tile_data = 18;
  std::uint64_t enabled = 0;
  std::uint64_t in_use = 0;
  std::memcpy(&enabled, vectors.data() + software_bytes, sizeof enabled);
  std::memcpy(&in_use, vectors.data() + area_header, sizeof in_use);
  vector_layout layout;
  for (unsigned bit = 0; bit < 63; ++bit) {
    if ((enabled >> bit & 1) == 0 ||
        (bit == tile_data && (in_use >> bit & 1) == 0))
      continue;
    layout.features |= std::uint64_t{1} << bit;
    unsigned size, offset, flags, unused;
    if (bit >= 2 &&
        __get_cpuid_count(0xd, bit, &size, &offset, &flags, &unused) != 0)
      layout.size = std::max(layout.size, offset + size);
  }
  return layout;
}

void fill_registers(frame& into, const user_regs_struct& from)
{
  into.r8 = from.r8;
  into.r9 = from.r9;
  into.r10 = from.r10;
  into.r11 = from.r11;
  into.r12 = from.r12;
  into.r13 = from.r13;
  into.r14 = from.r14;
  into.r15 = from.r15;
  into.rdi = from.rdi;
  into.rsi = from.rsi;
  into.rbp = from.rbp;
  into.rbx = from.rbx;
  into.rdx = from.rdx;
  into.rax = from.rax;
  into.rcx = from.rcx;
  into.rsp = from.rsp;
  into.rip = from.rip;
  into.eflags = from.eflags;
  into.cs = static_cast<std::uint16_t>(from.cs);
  into.ss = static_cast<std::uint16_t>(from.ss);
}

}  // namespace

return_frame build_return_frame(const thread_state& state,
                                std::uint64_t restorer)
{
  const vector_layout layout = layout_of(state.vectors);
  const std::size_t copied =
      std::min<std::size_t>(layout.size, state.vectors.size());
  const std::uint32_t extended =
      layout.size + static_cast<std::uint32_t>(sizeof magic_behind);

  const user_regs_struct registers = before_waiting_call(state.registers);
  // XRSTOR wants a multiple of 64; the return address stands where a call from
  // a stack aligned to 16 would have put it.
  const std::uint64_t vectors =
      align_down(registers.rsp - red_zone - extended, 64);
  const std::uint64_t address = align_down(vectors - sizeof(frame), 16) - 8;

  frame body = {};
  body.return_address = restorer;
  body.flags = has_xstate | saves_ss | strict_ss;
  fill_registers(body, registers);
  body.vectors = vectors;
  body.mask = state.blocked_signals;

  return_frame result = {address, {}};
  result.bytes.resize(vectors - address + extended);
  std::memcpy(result.bytes.data(), &body, sizeof body);
  std::uint8_t* area = result.bytes.data() + (vectors - address);
  std::memcpy(area, state.vectors.data(), copied);
  const software_area software = {
      magic_front, extended, layout.features, layout.size, {}};
  std::memcpy(area + software_bytes, &software, sizeof software);
  std::memcpy(area + layout.size, &magic_behind, sizeof magic_behind);
  return result;
}

}  // namespace hotpatch::outside
