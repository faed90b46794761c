// Handing threads to the search of frames.
// SPDX-License-Identifier: MIT
#include "runtime/threads/stack_search.h"

#include <sys/auxv.h>

#include "runtime/base/countermeasure.h"
#include "runtime/base/system_call.h"
#include "runtime/threads/own_memory.h"

namespace hotpatch {

namespace {

// Kept from search to search: the pages are there before threads are stopped.
constinit own_memory memory;

// It can be asked for while this exists.
class open_memory {
 public:
  explicit open_memory(locked_stacks& announced) noexcept
  {
    memory.open(announced);
  }
  open_memory(const open_memory&) = delete;
  open_memory& operator=(const open_memory&) = delete;
  ~open_memory() { memory.close(); }
};

// The thread pointer of the thread that the process began with; it runs on the
// kernel's "[stack]", and its control block lies elsewhere.  A child forked by
// another thread goes on with that thread's stack and pointer: there the thread
// whose number is the process's is not the first one.  0: not known, because
// another thread has loaded the library.
constinit std::uint64_t first_thread_pointer = 0;

[[gnu::constructor]] void note_first_thread()
{
  // The random bytes lie at the upper end of "[stack]", and other mappings at
  // least 128 MiB below it: arch/x86/mm/mmap.c in the kernel.
  const std::uint64_t top = getauxval(AT_RANDOM);
  const auto here = reinterpret_cast<std::uint64_t>(__builtin_frame_address(0));
  if (top > here && top - here < std::uint64_t{128} << 20)
    first_thread_pointer = own_thread_pointer();
}

bool is_first(pid_t thread, std::uint64_t thread_pointer)
{
  return first_thread_pointer != 0 ? thread_pointer == first_thread_pointer
                                   : thread == own_process_id();
}

frame_registers registers_of(const ucontext_t& context)
{
  static constexpr struct {
    unsigned number;
    int saved;
  } order[] = {{dwarf_rax, REG_RAX}, {dwarf_rdx, REG_RDX}, {dwarf_rcx, REG_RCX},
               {dwarf_rbx, REG_RBX}, {dwarf_rsi, REG_RSI}, {dwarf_rdi, REG_RDI},
               {dwarf_rbp, REG_RBP}, {dwarf_rsp, REG_RSP}, {8, REG_R8},
               {9, REG_R9},          {10, REG_R10},        {11, REG_R11},
               {12, REG_R12},        {13, REG_R13},        {14, REG_R14},
               {15, REG_R15},        {dwarf_rip, REG_RIP}};
  frame_registers registers;
  for (const auto& each : order)
    registers.set(each.number, static_cast<std::uint64_t>(
                                   context.uc_mcontext.gregs[each.saved]));
  return registers;
}

}  // namespace

void prepare_stack_search() noexcept
{
  memory.take_tables();
}

const stack_memory& searched_memory() noexcept
{
  return memory.view();
}

bool stack_search::find_caller(const void* frame, occupation& found) noexcept
{
  // Registers need not be looked at: what called us will return by what is on
  // the stack.  The function with this frame has saved its caller's frame
  // pointer there, below the address that it returns to.
  const auto* const saved = static_cast<const std::uint64_t*>(frame);
  const auto here = reinterpret_cast<std::uint64_t>(frame);
  searched_thread caller;
  caller.running = false;
  caller.registers.set(dwarf_rbp, saved[0]);
  caller.registers.set(dwarf_rip, saved[1] - 1);
  caller.registers.set(dwarf_rsp, here + 16);
  caller.frames_begin = here;
  caller.thread_pointer = own_thread_pointer();
  const pid_t own = own_thread_id();
  caller.first = is_first(own, caller.thread_pointer);
  constexpr std::uint64_t left_by_the_library = 8 * 1024;
  caller.own_begin =
      reinterpret_cast<std::uint64_t>(__builtin_frame_address(0)) -
      left_by_the_library;
  caller.own_end = here;

  found_ = &found;
  const open_memory opened(announced_);
  frame_search search(ranges_, memory.tables(), memory.view());
  if (memory.failure() == 0) {
    if (search.find(caller, found.finding))
      return report(occupied_by::frame, own);
  }
  const int error = memory.failure();
  return error != 0 && report(occupied_by::unread_map, 0, error);
}

bool stack_search::find_others(const stopped_threads& others,
                               occupation& found) noexcept
{
  found_ = &found;
  const open_memory opened(announced_);
  if (memory.failure() == 0 && (search_threads(others) || search_idle_stacks()))
    return true;
  const int error = memory.failure();
  return error != 0 && report(occupied_by::unread_map, 0, error);
}

bool stack_search::search_threads(const stopped_threads& others) noexcept
{
  for (announced_stack& each : announced_.all())
    each.running = false;
  // The caller's own stack was searched from its frame on by find_caller().
  if (announced_stack* own = announced_.find(
          reinterpret_cast<std::uint64_t>(__builtin_frame_address(0))))
    own->running = true;

  frame_search search(ranges_, memory.tables(), memory.view());
  for (const stopped_thread* each = others.first(); each != nullptr;
       each = each->next) {
    searched_thread thread;
    thread.registers = registers_of(*each->context);
    thread.thread_pointer = each->thread_pointer;
    thread.first = is_first(each->thread, each->thread_pointer);
    if (search.find(thread, found_->finding))
      return report(occupied_by::frame, each->thread);
  }
  return false;
}

bool stack_search::search_idle_stacks() noexcept
{
  frame_search search(ranges_, memory.tables(), memory.view());
  if (!HP_COUNTERMEASURE(search_idle_stacks))
    return false;
  for (const announced_stack& each : announced_.all())
    if (!each.running && search.find_in(each.base, each.end, found_->finding))
      return report(occupied_by::announced_stack, 0);
  return false;
}

bool stack_search::report(occupied_by how, pid_t thread, int error) noexcept
{
  found_->how = how;
  found_->thread = thread;
  found_->error = error;
  found_->name[0] = '\0';
  if (thread != 0)
    read_thread_name(thread, found_->name);
  return true;
}

}  // namespace hotpatch
