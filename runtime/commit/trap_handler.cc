// Owning SIGTRAP, and handing on what is not ours.
// SPDX-License-Identifier: MIT
#include "runtime/commit/trap_handler.h"

#include <atomic>
#include <csignal>
#include <ucontext.h>

#include "runtime/base/core_serialise.h"
#include "runtime/base/signal_action.h"
#include "runtime/base/system_call.h"
#include "runtime/threads/thread_list.h"

namespace hotpatch {

namespace {

constexpr std::uint64_t trap_bit = std::uint64_t{1} << (SIGTRAP - 1);

// An action that is replaced while handlers read it.
class shared_action {
 public:
  void store(const signal_action& action) noexcept
  {
    version_.fetch_add(1);  // odd: in the middle
    handler_.store(action.handler);
    flags_.store(action.flags);
    mask_.store(action.mask);
    version_.fetch_add(1);
  }

  signal_action load() const noexcept
  {
    for (;;) {
      const std::uint32_t before = version_.load();
      const signal_action copy{handler_.load(), flags_.load(), nullptr,
                               mask_.load()};
      if (before % 2 == 0 && version_.load() == before)
        return copy;
    }
  }

  // SA_RESETHAND: the handler is for one trap.
  void use_up() noexcept { handler_.store(nullptr); }

 private:
  std::atomic<std::uint32_t> version_{0};
  std::atomic<signal_handler> handler_{nullptr};
  std::atomic<std::uint64_t> flags_{0};
  std::atomic<std::uint64_t> mask_{0};
};

// What was there before us, and what the program has put over us since.
constinit shared_action before_us;
constinit shared_action newest;
constinit std::atomic<trap_destination> destination_of{nullptr};

// The trap that this thread is handing on to what was before us.
struct handed_trap {
  const void* context;
  const void* frame;
};
[[gnu::tls_model("initial-exec")]] constinit thread_local handed_trap handed{};

bool is_ignored(const signal_action& action)
{
  return reinterpret_cast<std::uintptr_t>(action.handler) ==
         reinterpret_cast<std::uintptr_t>(SIG_IGN);
}

bool is_breakpoint(const siginfo_t& info, const ucontext_t& context)
{
  constexpr greg_t breakpoint_trap = 3;  // #BP
  // The kernel's code, and Valgrind's.
  return (info.si_code == SI_KERNEL || info.si_code == TRAP_BRKPT) &&
         context.uc_mcontext.gregs[REG_TRAPNO] == breakpoint_trap;
}

// As the kernel would have done, and where the trap was met if that can be.
void die(int signal, const siginfo_t& info, ucontext_t& context)
{
  set_action(signal, {});
  if (is_breakpoint(info, context)) {
    --context.uc_mcontext.gregs[REG_RIP];
    return;
  }
  system_call(SYS_rt_sigprocmask, SIG_UNBLOCK, &trap_bit, nullptr,
              sizeof trap_bit);
  system_call(SYS_tgkill, own_process_id(), own_thread_id(), signal);
}

void call(const signal_action& action, int signal, siginfo_t* info,
          void* context)
{
  // The kernel would have blocked these; it unblocks them when the handler
  // returns.  Not SIGTRAP: the handler may call a function that changes.
  const std::uint64_t mask = action.mask & ~trap_bit;
  system_call(SYS_rt_sigprocmask, SIG_BLOCK, &mask, nullptr, sizeof mask);
  action.handler(signal, info, context);  // all three, as the kernel does
}

void hand_on(int signal, siginfo_t* info, ucontext_t* context,
             const void* frame)
{
  // The kernel puts the context directly above the handler's return address:
  // struct rt_sigframe in its arch/x86/include/asm/sigframe.h.  Everything else
  // is a call by a handler that was put over ours.
  const bool from_kernel = frame == context;
  const bool circle =
      !from_kernel && handed.context == context && frame < handed.frame;
  shared_action& next = from_kernel ? newest : before_us;
  const signal_action action = circle ? signal_action{} : next.load();
  const bool sent_by_somebody = info->si_code <= 0;
  if (is_ignored(action) && sent_by_somebody)
    return;
  if (action.handler == nullptr || is_ignored(action)) {
    die(signal, *info, *context);
    return;
  }
  if ((action.flags & static_cast<unsigned>(SA_RESETHAND)) != 0)
    next.use_up();
  const handed_trap outer = handed;
  if (!from_kernel)
    handed = {context, frame};
  call(action, signal, info, context);
  handed = outer;
}

[[gnu::noinline]] void on_trap(int signal, siginfo_t* info, void* data)
{
  auto& context = *static_cast<ucontext_t*>(data);
  auto& instruction_pointer = context.uc_mcontext.gregs[REG_RIP];
  if (is_breakpoint(*info, context)) {
    // The saved address is the one behind the int3.
    const auto address = static_cast<std::uint64_t>(instruction_pointer) - 1;
    if (const std::uint64_t place = destination_of.load()(address)) {
      // So that who is to run the word again runs it as it is now.
      serialise_core();
      instruction_pointer = static_cast<greg_t>(place);
      return;
    }
  }
  // Above our frame pointer lie the caller's and the return address.
  const auto* const frame =
      static_cast<const std::uint64_t*>(__builtin_frame_address(0)) + 2;
  hand_on(signal, info, &context, frame);
}

}  // namespace

trap_signal own_trap_signal(trap_destination destination) noexcept
{
  const bool first_time = destination_of.load() == nullptr;
  destination_of.store(destination);
  const signal_action present = action_of(SIGTRAP);
  if (present.handler == on_trap)
    return trap_signal::ours;
  // Not deferred: a thread in the handler must not look like one that blocks
  // the signal for good.
  const signal_action ours =
      handled_by(on_trap, SA_RESTART | SA_ONSTACK | SA_NODEFER, 0);
  newest.store(present);
  if (first_time)
    before_us.store(present);
  else if (before_us.load().handler == present.handler)
    before_us.store({});  // installed anew, it may hand on to us
  if (!set_action(SIGTRAP, ours))
    return trap_signal::refused;
  return first_time ? trap_signal::ours : trap_signal::taken_over;
}

}  // namespace hotpatch
