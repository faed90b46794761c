// Looking for a thread, and waiting for it to come to a good place.
//
// SPDX-License-Identifier: MIT
#include "outside/borrow_place.h"

#include <algorithm>
#include <charconv>
#include <cstdlib>
#include <filesystem>
#include <iterator>
#include <thread>

#include <sys/syscall.h>

#include "outside/first_stack.h"
#include "outside/interrupted_call.h"
#include "processes/threads.h"

namespace hotpatch::outside {

namespace {

constexpr std::int64_t millisecond = 1'000'000;

constexpr std::uint64_t user_code_64 = 0x33;  // the kernel's __USER_CS

// Enough for a frame with every vector register, and for what the kernel may
// push for a signal meanwhile.
constexpr std::uint64_t stack_needed = 32 * 1024;

// How much of a stack is looked through for callers of a system call.
constexpr std::size_t callers_size = 4096;

// System calls of programs that wait.  None of them is made by malloc() or by
// the dynamic linker, but futex(2), see stack_has_allocator(), and read(2), see
// calls_safely().  Those come last which the kernel would have to continue with
// restart_syscall(2), if we were killed.
constexpr long waiting_calls[] = {
    SYS_epoll_wait,
    SYS_epoll_pwait,
    SYS_epoll_pwait2,
    SYS_read,
    SYS_write,
    SYS_readv,
    SYS_writev,
    SYS_recvfrom,
    SYS_recvmsg,
    SYS_recvmmsg,
    SYS_sendto,
    SYS_sendmsg,
    SYS_sendmmsg,
    SYS_accept,
    SYS_accept4,
    SYS_select,
    SYS_pselect6,
    SYS_ppoll,
    SYS_pause,
    SYS_wait4,
    SYS_waitid,
    SYS_rt_sigsuspend,
    SYS_rt_sigtimedwait,
    SYS_semop,
    SYS_semtimedop,
    SYS_msgrcv,
    SYS_msgsnd,
    SYS_mq_timedreceive,
    SYS_mq_timedsend,
    SYS_io_getevents,
    SYS_io_uring_enter,
    SYS_sched_yield,
    SYS_sendfile,
    SYS_splice,
    SYS_poll,
    SYS_nanosleep,
    SYS_clock_nanosleep,
    SYS_futex,
    SYS_restart_syscall,
};

constexpr std::size_t not_waiting = std::size(waiting_calls);

std::size_t rank_of(std::uint64_t call)
{
  const auto* found =
      std::find(std::begin(waiting_calls), std::end(waiting_calls),
                static_cast<long>(call));
  return static_cast<std::size_t>(found - std::begin(waiting_calls));
}

// The call that a thread waits in, as /proc/PID/task/TID/syscall tells without
// stopping it.
std::size_t rank_now(pid_t process, pid_t thread)
{
  const std::string text = thread_file(process, thread, "syscall");
  std::uint64_t number = 0;
  const auto [end, error] =
      std::from_chars(text.data(), text.data() + text.size(), number);
  return error == std::errc{} ? rank_of(number) : not_waiting;
}

constexpr char under_filter[] =
    "is under a seccomp filter, which might kill it for what loading needs";

bool is_filtered(pid_t process, pid_t thread)
{
  const std::string filters =
      status_field(thread_file(process, thread, "status"), "Seccomp");
  return !filters.empty() && filters != "0";
}

std::vector<std::uint64_t> read_words(const target_memory& memory,
                                      std::uint64_t from, std::size_t size)
{
  std::vector<std::uint64_t> words(size / sizeof(std::uint64_t));
  const std::size_t got =
      memory.read_some(from, {reinterpret_cast<std::uint8_t*>(words.data()),
                              words.size() * sizeof(std::uint64_t)});
  words.resize(got / sizeof(std::uint64_t));
  return words;
}

}  // namespace

borrow_place::borrow_place(const target_images& images, const target_code& code,
                           const target_memory& memory)
    : images_(images), code_(code), memory_(memory)
{
  for (const char* name :
       {"malloc", "free", "calloc", "realloc", "memalign", "aligned_alloc",
        "posix_memalign", "valloc", "pvalloc", "malloc_trim", "reallocarray"})
    for (const target_image& image : images.all())
      if (&image != code.loader)
        if (const exported_symbol found = find_exported(image, name);
            found.address != 0)
          allocator_.push_back({found.address, found.address + found.size,
                                &image != code.library});
  allocator_.push_back({code.loader->begin, code.loader->end, false});
  for (const target_image& image : images.all())
    if (image.base_name().find("malloc") != std::string_view::npos)
      allocator_.push_back({image.begin, image.end, true});
}

bool borrow_place::belongs_to_allocator(std::uint64_t address, whose what) const
{
  return std::any_of(allocator_.begin(), allocator_.end(),
                     [&](const code_part& part) {
                       return address - part.begin < part.end - part.begin &&
                              (what == whose::everybodys || part.is_programs);
                     });
}

bool borrow_place::refuse(const tracee& thread, const char* why)
{
  reason_ = thread_text(thread.process(), thread.id()) + ' ' + why;
  return false;
}

bool borrow_place::has_plain_stack(const tracee& thread,
                                   const user_regs_struct& registers)
{
  const process_mapping* stack = mapping_at(images_.maps(), registers.rsp);
  return stack != nullptr &&
         is_first_stack(thread, registers, registers.rsp, *stack) &&
         registers.rsp - stack->begin >= stack_needed;
}

bool borrow_place::stack_has_allocator(std::uint64_t from, whose what)
{
  const auto words = read_words(memory_, from, callers_size);
  return std::any_of(words.begin(), words.end(), [&](std::uint64_t word) {
    return belongs_to_allocator(word, what);
  });
}

// A frame of a signal handler begins with the address of the restorer, which
// may also be left over from a call of sigaction(2); see return_frame.cc for
// what else is in it.
bool borrow_place::in_handler(std::uint64_t from)
{
  constexpr std::size_t flags_at = 1;
  constexpr std::size_t cs_at = 24;
  constexpr std::uint64_t all_flags = 7;
  const auto words = read_words(memory_, from, callers_size);
  for (std::size_t i = 0; i + cs_at < words.size(); ++i)
    if (words[i] == code_.borrowed.restorer &&
        words[i + flags_at] <= all_flags &&
        (words[i + cs_at] & 0xffff) == user_code_64)
      return true;
  return false;
}

bool borrow_place::calls_safely(const user_regs_struct& registers)
{
  if (code_.loader != code_.library && code_.loader->contains(registers.rip))
    return false;
  return registers.orig_rax != SYS_futex ||
         !stack_has_allocator(registers.rsp, whose::everybodys);
}

// linux/rseq.h, struct rseq_cs: version, flags, start, length, abort address.
bool borrow_place::sequence_is_over(const tracee& thread,
                                    const user_regs_struct& registers) const
{
  const std::uint64_t descriptor = thread.restartable_sequence();
  if (descriptor == 0)
    return true;
  const auto start = memory_.load<std::uint64_t>(descriptor + 8);
  const auto length = memory_.load<std::uint64_t>(descriptor + 16);
  return registers.rip - start >= length;
}

// The C library's malloc() and the dynamic linker do not call the program, so
// who is in its code is not in them.  Its own malloc() may.
bool borrow_place::computes_safely(const tracee& thread,
                                   const user_regs_struct& registers)
{
  const target_image* image = images_.find(registers.rip);
  return image != nullptr && image != code_.loader && image != code_.library &&
         !stack_has_allocator(registers.rsp, whose::programs) &&
         !belongs_to_allocator(registers.rip, whose::everybodys) &&
         sequence_is_over(thread, registers);
}

bool borrow_place::may_be_borrowed(const tracee& thread)
{
  const user_regs_struct registers = thread.registers();
  if (registers.cs != user_code_64)
    return refuse(thread, "executes 32-bit code");
  if (is_filtered(thread.process(), thread.id()))
    return refuse(thread, under_filter);
  if (!has_plain_stack(thread, registers))
    return refuse(thread, "runs on a stack of its own making");
  if (in_handler(registers.rsp))
    return refuse(thread, "is in a signal handler");
  if (waits_in_call(registers) || thread.at_syscall_entry()) {
    if (rank_of(registers.orig_rax) == not_waiting)
      return refuse(thread,
                    "makes a system call that malloc() or the dynamic "
                    "linker could have made");
    return calls_safely(registers) ||
           refuse(thread, "may be in malloc() or the dynamic linker");
  }
  return computes_safely(thread, registers) ||
         refuse(thread, "may be in malloc() or the dynamic linker");
}

// Lets it run until it comes to a system call of the good kind.
bool borrow_place::chase(tracee& thread, deadline until)
{
  try {
    while (!until.passed()) {
      thread.resume_to_syscall();
      if (thread.wait(until).kind == stop_kind::syscall &&
          thread.at_syscall_entry() && may_be_borrowed(thread))
        return true;
    }
  } catch (const not_in_time&) {
    // Why it may not be borrowed is known.
  }
  return false;
}

bool borrow_place::try_thread(tracee& thread, deadline until)
{
  thread.halt(until);
  return may_be_borrowed(thread) || chase(thread, until);
}

tracee borrow_place::find(deadline until)
{
  const pid_t process = images_.process();
  std::int64_t patience = millisecond;
  for (;;) {
    std::vector<std::pair<std::size_t, pid_t>> order;
    for (const pid_t thread : threads_of(process))
      order.emplace_back(rank_now(process, thread), thread);
    if (order.empty())
      throw thread_gone(process_text(process) + " has ended");
    std::stable_sort(
        order.begin(), order.end(),
        [](const auto& a, const auto& b) { return a.first < b.first; });
    for (const auto& [rank, id] : order) {
      try {
        tracee thread(process, id);
        if (try_thread(thread,
                       deadline::in_nanoseconds(patience).or_earlier(until)))
          return thread;
      } catch (const thread_gone& gone) {
        reason_ = gone.what();
      } catch (const not_in_time& late) {
        reason_ = is_filtered(process, id)
                      ? thread_text(process, id) + ' ' + under_filter
                      : late.what();
      }
    }
    // Not before each was looked at: when the time is over something may have
    // to be ended that was begun, and the next thread may stand well.
    if (until.passed())
      throw not_in_time(process_text(process) +
                        ": no thread came to a place where it can be "
                        "borrowed for loading: " +
                        reason_);
    std::this_thread::sleep_for(
        std::chrono::nanoseconds(std::min(patience, until.left())));
    patience = std::min(2 * patience, 100 * millisecond);
  }
}

}  // namespace hotpatch::outside
