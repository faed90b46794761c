// Functions whose bounds are known, and threads that are inside them.
//
// Include it in one file of a program: it has the functions' code.
//
// SPDX-License-Identifier: MIT
#ifndef HOTPATCH_TESTSUITE_CODE_IN_USE_H
#define HOTPATCH_TESTSUITE_CODE_IN_USE_H

#include <atomic>
#include <chrono>
#include <cstring>
#include <string>
#include <thread>

#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>

#include "runtime/base/status.h"
#include "runtime/threads/quiescence.h"
#include "testsuite/lib/boost_tap.h"

// A body begins where its patch word would end.
asm(R"(
        .text
        .p2align 4
# void hold(void (*function)(void*), void* argument): calls it.
hold_begin:
hold:   .cfi_startproc
        sub     $8, %rsp
        .cfi_adjust_cfa_offset 8
        mov     %rdi, %rax
        mov     %rsi, %rdi
        call    *%rax
        add     $8, %rsp
        .cfi_adjust_cfa_offset -8
        ret
        .cfi_endproc
hold_end:
        .p2align 4
# void spin(const std::atomic<bool>*): until it is true; never calls.
spin:   .cfi_startproc
        cmpb    $0, (%rdi)
spin_begin:
        cmpb    $0, (%rdi)
        je      spin_begin
        ret
        .cfi_endproc
spin_end:
        .p2align 4
# The same for a function that ends in a call which never returns.
last_call_begin:
last_call:
        .cfi_startproc
        sub     $8, %rsp
        .cfi_adjust_cfa_offset 8
        mov     %rdi, %rax
        mov     %rsi, %rdi
        call    *%rax
last_call_end:
        nop
        add     $8, %rsp
        .cfi_adjust_cfa_offset -8
        ret
        .cfi_endproc
        .p2align 4
# void red_zone(const std::atomic<bool>*, address): keeps the address below the
# stack pointer, and nowhere else, until the flag is set.
red_zone:
        .cfi_startproc
        mov     %rsi, -120(%rsp)
        xor     %esi, %esi
1:      cmpb    $0, (%rdi)
        je      1b
        movq    $0, -120(%rsp)
        ret
        .cfi_endproc
# void in_register(const std::atomic<bool>*, address): in %r12 only.
in_register:
        .cfi_startproc
        push    %r12
        .cfi_adjust_cfa_offset 8
        .cfi_rel_offset %r12, 0
        mov     %rsi, %r12
        xor     %esi, %esi
1:      cmpb    $0, (%rdi)
        je      1b
        pop     %r12
        .cfi_adjust_cfa_offset -8
        .cfi_restore %r12
        ret
        .cfi_endproc
)");
extern "C" {
extern const char hold_begin[], hold_end[], spin_begin[], spin_end[],
    last_call_begin[], last_call_end[];
void hold(void (*function)(void*), void* argument);
void spin(const std::atomic<bool>* until);
void last_call(void (*function)(void*), void* argument);
void red_zone(const std::atomic<bool>* until, const void* address);
void in_register(const std::atomic<bool>* until, const void* address);
}

namespace hotpatch_test {

using namespace hotpatch;
using namespace std::chrono_literals;

inline std::uint64_t address(const void* place)
{
  return reinterpret_cast<std::uint64_t>(place);
}

// Not on anybody's stack.
inline const code_range hold_range[] = {
    {address(hold_begin), address(hold_end), "hold", code_kind::body}};
inline const code_range spin_range[] = {
    {address(spin_begin), address(spin_end), "spin", code_kind::body}};
inline const code_range last_call_range[] = {{address(last_call_begin),
                                              address(last_call_end),
                                              "last_call", code_kind::body}};

// The text of a failure is then in last_message().  Where others load the
// machine, a thread may not get to run in the time of one attempt: that says
// nothing about where it is.
[[gnu::noinline]] inline hp_status try_reach(std::span<const code_range> ranges,
                                             int milliseconds = 0)
{
  for (;;) {
    quiescence quiet;
    const hp_status status =
        quiet.reach(ranges, deadline::in_milliseconds(milliseconds),
                    {"test", __builtin_frame_address(0)});
    if (status != HP_BUSY ||
        !std::strstr(last_message(), "did not stop in time"))
      return status;
  }
}

inline bool message_has(const std::string& part)
{
  const bool found =
      std::string(last_message()).find(part) != std::string::npos;
  if (!found)
    BOOST_TEST_MESSAGE("the message is: " << last_message());
  return found;
}

// A thread that does something until it is let go.
class thread_inside {
 public:
  template <typename F>
  explicit thread_inside(F body)
      : thread_([this, body] {
          prctl(PR_SET_NAME, "insider");
          id_ = static_cast<pid_t>(syscall(SYS_gettid));
          body(*this);
        })
  {
  }
  ~thread_inside() { let_go(); }
  void let_go()
  {
    leave = true;
    if (thread_.joinable())
      thread_.join();
  }
  // Until the thread has called arrive(), or surely stands in its asm loop.
  void wait_until_inside() const
  {
    while (!inside)
      std::this_thread::yield();
  }
  void wait_until_spinning() const
  {
    while (id_ == 0)
      std::this_thread::yield();
    std::this_thread::sleep_for(20ms);
  }
  std::string id() const { return std::to_string(id_); }

  std::atomic<bool> inside{false};
  std::atomic<bool> leave{false};

 private:
  std::atomic<pid_t> id_{0};
  std::thread thread_;
};

// What a held function calls: stays there until it may leave.
inline void stay(void* argument)
{
  auto& thread = *static_cast<thread_inside*>(argument);
  thread.inside = true;
  while (!thread.leave)
    std::this_thread::yield();
}

// The same, a few kilobytes deeper.
inline void stay_deep(void* argument)
{
  volatile char space[8192];  // cleared of what older threads left there
  std::memset(const_cast<char*>(space), 0, sizeof space);
  stay(argument);
  space[1] = space[0];
}

class mapped_stack {
 public:
  explicit mapped_stack(std::size_t size = 256 * 1024)
      : size_(size),
        base_(mmap(nullptr, size, PROT_READ | PROT_WRITE,
                   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0))
  {
  }
  ~mapped_stack() { munmap(base_, size_); }
  void* base() const { return base_; }
  std::size_t size() const { return size_; }

 private:
  std::size_t size_;
  void* base_;
};

// A stack with a context that calls hold(function).  Lives on the heap, because
// the saved contexts would be found on a stack.
class fiber {
 public:
  explicit fiber(void (*function)(fiber&)) : function_(function)
  {
    getcontext(&own_);
    own_.uc_stack.ss_sp = stack.base();
    own_.uc_stack.ss_size = stack.size();
    own_.uc_link = &caller_;
    const auto self = address(this);
    makecontext(&own_, reinterpret_cast<void (*)()>(enter), 2,
                static_cast<unsigned>(self), static_cast<unsigned>(self >> 32));
  }
  void run() { swapcontext(&caller_, &own_); }
  void suspend() { swapcontext(&own_, &caller_); }

  mapped_stack stack;
  void* argument = nullptr;

 private:
  static void enter(unsigned low, unsigned high)
  {
    auto* self = reinterpret_cast<fiber*>(std::uint64_t{high} << 32 | low);
    hold(
        [](void* f) {
          static_cast<fiber*>(f)->function_(*static_cast<fiber*>(f));
        },
        self);
  }

  void (*function_)(fiber&);
  ucontext_t own_, caller_;
};

// Removes what earlier calls have left below the stack pointer.
[[gnu::noinline]] inline void wipe_stack_below()
{
  volatile char space[64 * 1024];
  std::memset(const_cast<char*>(space), 0, sizeof space);
}

}  // namespace hotpatch_test

#endif
