// Looking for addresses of code in registers and on stacks.
// SPDX-License-Identifier: MIT
#include "runtime/threads/stack_search.h"

#include <sys/auxv.h>

#include "runtime/base/system_call.h"
#include "runtime/threads/memory_regions.h"
#include "runtime/threads/signal_frame.h"

namespace hotpatch {

namespace {

// The System V ABI for x86-64, 3.2.2: what lies there belongs to the function.
constexpr std::uint64_t red_zone = 128;

// A thread on a stack of its own making, in the middle of so much memory, would
// be searched for too long.
constexpr std::uint64_t largest_unannounced = std::uint64_t{256} << 20;

// Kept from search to search: the memory is there before threads are stopped.
constinit memory_regions regions;

// They can be asked for while it exists.
class known_regions {
 public:
  known_regions() noexcept { regions.open(); }
  known_regions(const known_regions&) = delete;
  known_regions& operator=(const known_regions&) = delete;
  ~known_regions() { regions.close(); }
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

}  // namespace

// What the search needs to know of a thread.
struct stack_search::thread_image {
  pid_t thread;
  std::uint64_t stack_pointer;
  std::uint64_t search_from;
  std::uint64_t thread_pointer;
  std::uint64_t signal_stack;  // the alternate one
  std::uint64_t signal_stack_size;
};

bool stack_search::find_caller(const void* frame, occupation& found) noexcept
{
  // Registers need not be looked at: whoever has called us will return by what
  // is on the stack.
  stack_t alternate{};
  system_call(SYS_sigaltstack, nullptr, &alternate);
  found_ = &found;
  searching_ = own_thread_id();
  const auto from = reinterpret_cast<std::uint64_t>(frame);
  const known_regions map;
  return map_failed() ||
         search_thread({searching_, from, from, own_thread_pointer(),
                        reinterpret_cast<std::uint64_t>(alternate.ss_sp),
                        alternate.ss_size}) ||
         map_failed();
}

bool stack_search::find_others(const stopped_threads& others,
                               occupation& found) noexcept
{
  found_ = &found;
  searching_ = 0;
  const known_regions map;
  return map_failed() || search_threads(others) || search_idle_stacks() ||
         map_failed();
}

bool stack_search::search_threads(const stopped_threads& others) noexcept
{
  for (announced_stack& each : announced_.all())
    each.running = false;
  // The caller's own stack was searched from its frame on by find_caller().
  if (announced_stack* own = announced_.find(
          reinterpret_cast<std::uint64_t>(__builtin_frame_address(0))))
    own->running = true;

  for (const stopped_thread* each = others.first(); each != nullptr;
       each = each->next) {
    searching_ = each->thread;
    const ucontext_t& context = *each->context;
    const auto& registers = context.uc_mcontext.gregs;
    const auto instruction = static_cast<std::uint64_t>(registers[REG_RIP]);
    const std::size_t range =
        ranges_.find(instruction, code_ranges::role::instruction_pointer);
    if (range != code_ranges::none)
      return report(occupied_by::instruction_pointer, instruction, range);
    for (int i = REG_R8; i <= REG_RSP; ++i) {
      const auto value = static_cast<std::uint64_t>(registers[i]);
      const std::size_t hit = ranges_.find(value, code_ranges::role::value);
      if (hit != code_ranges::none)
        return report(occupied_by::other_register, value, hit);
    }
    const auto stack_pointer = static_cast<std::uint64_t>(registers[REG_RSP]);
    const stack_t& alternate = context.uc_stack;
    if (search_thread({each->thread, stack_pointer, stack_pointer - red_zone,
                       each->thread_pointer,
                       reinterpret_cast<std::uint64_t>(alternate.ss_sp),
                       alternate.ss_size}))
      return true;
  }
  return false;
}

// The stack that the thread is on, and the one that it was started on if that
// is another one.
bool stack_search::search_thread(const thread_image& thread) noexcept
{
  searching_in_ = occupied_by::stack;
  const std::uint64_t from = thread.stack_pointer & ~std::uint64_t{7};
  if (memory_search words(ranges_, regions);
      words.find_below_stack(thread.search_from & ~std::uint64_t{7}, from))
    return report(searching_in_, words.found().address, words.found().range);
  if (announced_stack* stack = announced_.find(thread.stack_pointer)) {
    stack->running = true;
    const bool is_own = stack->base <= thread.thread_pointer &&
                        thread.thread_pointer < stack->end;
    return search(from, stack->end, false) ||
           (!is_own && search_first_stack(thread));
  }
  if (thread.stack_pointer - thread.signal_stack < thread.signal_stack_size) {
    const std::uint64_t end = thread.signal_stack + thread.signal_stack_size;
    return search(from, end, false) || search_interrupted(thread, from, end);
  }

  const memory_region region = regions.find(thread.stack_pointer);
  if (!region.exists() || !region.readable)
    return report(occupied_by::unknown_stack, thread.stack_pointer,
                  code_ranges::none);
  if (region.main_stack && is_first(thread))
    return search(from, region.end, false);
  // The C library puts the control block of every other thread at the upper end
  // of the stack that it starts the thread on.
  if (!is_first(thread) && thread.thread_pointer > thread.stack_pointer &&
      thread.thread_pointer < region.end)
    return search(from, thread.thread_pointer, false);
  if (region.end - from > largest_unannounced)
    return report(occupied_by::unknown_stack, thread.stack_pointer,
                  code_ranges::none);
  return search(from, region.end, false) || search_first_stack(thread);
}

bool stack_search::is_first(const thread_image& thread) noexcept
{
  return first_thread_pointer != 0
             ? thread.thread_pointer == first_thread_pointer
             : thread.thread == own_process_id();
}

// A thread on another stack than the one it was started on: where that one was
// left is not known, so all of it is searched.
bool stack_search::search_first_stack(const thread_image& thread) noexcept
{
  if (is_first(thread)) {
    const memory_region stack = regions.main_stack();
    return stack.exists() && search(stack.begin, stack.end, true);
  }
  const memory_region region = regions.find(thread.thread_pointer);
  if (!region.exists() || region.end - region.begin > largest_unannounced)
    return report(occupied_by::unknown_stack, thread.thread_pointer,
                  code_ranges::none);
  return search(region.begin, thread.thread_pointer, true);
}

// A thread on its alternate stack: the signal frame in there says where it was
// when it came.  Other words may look like one; they cost a search each.
[[gnu::no_sanitize("address", "thread", "undefined")]] bool
stack_search::search_interrupted(const thread_image& thread, std::uint64_t from,
                                 std::uint64_t end) noexcept
{
  const memory_region region = regions.find(from);
  if (!region.exists() || !region.readable || region.end < end)
    return search_first_stack(thread);

  bool led_somewhere = false;
  const auto* word = reinterpret_cast<const std::uint64_t*>(from);
  const auto* const last = reinterpret_cast<const std::uint64_t*>(end & ~7ull);
  for (++word; last - word > 2; ++word) {
    if (!is_signal_frame(word))
      continue;
    thread_image interrupted = thread;
    interrupted.stack_pointer = word[-1];
    interrupted.search_from = word[-1] - red_zone;
    interrupted.signal_stack_size = 0;
    // A signal that came while it was on the alternate stack already.
    if (interrupted.stack_pointer - from < end - from)
      continue;
    // After a stack overflow it points at a guard page.
    const memory_region stack = regions.find(interrupted.stack_pointer);
    if (!stack.exists() || !stack.readable)
      continue;
    led_somewhere = true;
    if (search_thread(interrupted))
      return true;
  }
  return !led_somewhere && search_first_stack(thread);
}

bool stack_search::search_idle_stacks() noexcept
{
  searching_ = 0;
  searching_in_ = occupied_by::announced_stack;
  for (const announced_stack& each : announced_.all())
    if (!each.running && search(each.base, each.end, true))
      return true;
  return false;
}

bool stack_search::search(std::uint64_t from, std::uint64_t to,
                          bool idle) noexcept
{
  memory_search words(ranges_, regions);
  return words.find(from, to, idle) &&
         report(searching_in_, words.found().address, words.found().range);
}

// What could not be found out may have left something out.
bool stack_search::map_failed() noexcept
{
  const int error = regions.failure();
  searching_ = error != 0 ? 0 : searching_;
  return error != 0 &&
         report(occupied_by::unread_map, 0, code_ranges::none, error);
}

bool stack_search::report(occupied_by how, std::uint64_t address,
                          std::size_t range, int error) noexcept
{
  found_->how = how;
  found_->thread = searching_;
  found_->address = address;
  found_->range = range;
  found_->error = error;
  found_->name[0] = '\0';
  if (searching_ != 0)
    read_thread_name(searching_, found_->name);
  return true;
}

}  // namespace hotpatch
