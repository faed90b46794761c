// Saving and restoring, by ptrace(2) and by a signal frame.
//
// SPDX-License-Identifier: MIT
#include "outside/thread_state.h"

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <iterator>
#include <span>
#include <utility>

#include <cpuid.h>
#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "outside/interrupted_call.h"
#include "processes/maps.h"
#include "processes/proc_file.h"
#include "runtime/base/countermeasure.h"
#include "runtime/base/file_descriptor.h"
#include "runtime/base/page_size.h"

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
  std::uint64_t sum;  // reserved, as what follows: the kernel does not look
  std::uint64_t reserved[7];
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

// Where the parts of a frame lie that ends at `end`.
struct frame_layout {
  frame_layout(const vector_layout& of, std::uint64_t end)
      : extended(of.size + static_cast<std::uint32_t>(sizeof magic_behind)),
        // XRSTOR wants a multiple of 64; the return address stands where a call
        // from a stack aligned to 16 would have put it.
        vectors(align_down(end - extended, 64)),
        address(align_down(vectors - sizeof(frame), 16) - 8)
  {
  }
  std::size_t size() const { return vectors - address + extended; }

  std::uint32_t extended;
  std::uint64_t vectors;
  std::uint64_t address;
};

// FNV-1a, of a frame whose own `sum` is 0.
std::uint64_t sum_of(std::span<const std::uint8_t> bytes)
{
  std::uint64_t sum = 0xcbf29ce484222325;
  for (const std::uint8_t byte : bytes)
    sum = (sum ^ byte) * 0x100000001b3;
  return sum;
}

bool is_zero(std::span<const std::uint8_t> bytes)
{
  return std::all_of(bytes.begin(), bytes.end(),
                     [](std::uint8_t byte) { return byte == 0; });
}

// Whether the bytes, up to the end of a room, are those of a frame and zeros.
bool is_old_frame(std::vector<std::uint8_t> bytes, std::uint64_t begin,
                  const vector_layout& of)
{
  const frame_layout at(of, begin + bytes.size());
  if (at.address < begin)
    return false;
  const std::span<std::uint8_t> all(bytes);
  const auto frame_bytes = all.subspan(at.address - begin, at.size());
  std::uint64_t sum = 0;
  std::uint8_t* const place = frame_bytes.data() + offsetof(frame, sum);
  std::memcpy(&sum, place, sizeof sum);
  std::memset(place, 0, sizeof sum);
  return is_zero(all.first(at.address - begin)) &&
         is_zero(all.subspan(at.address - begin + at.size())) &&
         sum == sum_of(frame_bytes);
}

// Whether no page was ever written to, by the kernel's
// Documentation/admin-guide/mm/pagemap.rst: one word for each page.
bool was_never_written(pid_t process, std::uint64_t begin, std::uint64_t size)
{
  constexpr std::uint64_t present_or_swapped = std::uint64_t{3} << 62;
  const file_descriptor pages(
      open(proc_path(process, "/pagemap").c_str(), O_RDONLY | O_CLOEXEC));
  std::vector<std::uint64_t> words(size / page_size);
  const auto bytes = static_cast<ssize_t>(words.size() * sizeof words[0]);
  return pread(pages.get(), words.data(), static_cast<std::size_t>(bytes),
               static_cast<off_t>(begin / page_size * sizeof words[0])) ==
             bytes &&
         std::all_of(words.begin(), words.end(), [](std::uint64_t word) {
           return (word & present_or_swapped) == 0;
         });
}

// RLIMIT_STACK of a process, in bytes.
std::uint64_t stack_limit(pid_t process)
{
  rlimit limit = {};
  if (prlimit(process, RLIMIT_STACK, nullptr, &limit) != 0)
    return 0;
  return limit.rlim_cur;
}

// Whether the first stack can grow down to `lowest`: as far as there is room
// and the limit allows.
bool can_grow_to(std::uint64_t lowest, const process_mapping& stack,
                 const std::vector<process_mapping>& maps, pid_t process)
{
  // Between a stack that grows and what lies below it (stack_guard_gap in
  // mm/mmap.c).
  constexpr std::uint64_t guard_gap = 256 * page_size;
  const std::uint64_t below =
      &stack == maps.data() ? 0 : std::prev(&stack)->end;
  return lowest > below && lowest - below >= guard_gap &&
         stack.end - lowest <= stack_limit(process);
}

// At the lower end of the first thread's stack.
frame_room find_room_on(const process_mapping& stack,
                        const std::vector<process_mapping>& maps,
                        const tracee& thread, const target_memory& memory)
{
  const vector_layout layout = layout_of(thread.vectors());
  // The distance from end to address depends on the end's last bits alone.
  const frame_layout at(layout, std::uint64_t{1} << 32);
  const std::uint64_t size =
      ((std::uint64_t{1} << 32) - at.address + page_size - 1) / page_size *
      page_size;
  if (stack.end - stack.begin > size) {
    if (was_never_written(thread.process(), stack.begin, size))
      return {stack.begin + size};
    std::vector<std::uint8_t> bytes(size);
    if (memory.read_some(stack.begin, bytes) == size &&
        is_old_frame(std::move(bytes), stack.begin, layout))
      return {stack.begin + size};
  }
  if (can_grow_to(stack.begin - size, stack, maps, thread.process()))
    return {stack.begin};
  return {};
}

}  // namespace

frame_room find_frame_room(const tracee& thread, const target_memory& memory)
{
  // Enough for a frame with every vector register, and for what the kernel may
  // push for a signal.
  constexpr std::uint64_t needed = 32 * 1024;
  const user_regs_struct registers = thread.registers();
  const auto maps = read_maps(thread.process());
  const bool is_first = thread.id() == thread.process();
  if (is_first && HP_COUNTERMEASURE(room_on_first_stack)) {
    const auto stack = std::find_if(
        maps.begin(), maps.end(),
        [](const process_mapping& each) { return each.path == "[stack]"; });
    if (stack != maps.end())
      if (const frame_room room = find_room_on(*stack, maps, thread, memory);
          room.exists())
        return room;
  }
  // The C library puts a thread's control block, where fs points, at the upper
  // end of its stack.  The child of a fork(2) goes on with the stack of the
  // thread that forked.
  const std::uint64_t pointer = registers.rsp;
  const process_mapping* const stack = mapping_at(maps, pointer);
  if (stack == nullptr || pointer - stack->begin < needed ||
      !((is_first && stack->path == "[stack]") ||
        (registers.fs_base >= pointer && registers.fs_base < stack->end)))
    return {};
  return {below_red_zone(pointer)};
}

return_frame build_return_frame(const thread_state& state,
                                std::uint64_t restorer, std::uint64_t end)
{
  const vector_layout layout = layout_of(state.vectors);
  const std::size_t copied =
      std::min<std::size_t>(layout.size, state.vectors.size());
  const frame_layout at(layout, end);

  frame body = {};
  body.return_address = restorer;
  body.flags = has_xstate | saves_ss | strict_ss;
  fill_registers(body, before_waiting_call(state.registers));
  body.vectors = at.vectors;
  body.mask = state.blocked_signals;

  return_frame result = {at.address, {}};
  result.bytes.resize(at.size());
  std::uint8_t* area = result.bytes.data() + (at.vectors - at.address);
  std::memcpy(area, state.vectors.data(), copied);
  const software_area software = {
      magic_front, at.extended, layout.features, layout.size, {}};
  std::memcpy(area + software_bytes, &software, sizeof software);
  std::memcpy(area + layout.size, &magic_behind, sizeof magic_behind);
  std::memcpy(result.bytes.data(), &body, sizeof body);
  body.sum = sum_of(result.bytes);
  std::memcpy(result.bytes.data(), &body, sizeof body);
  return result;
}

}  // namespace hotpatch::outside
