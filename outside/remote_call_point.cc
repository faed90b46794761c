// Looking for a thread, and waiting for it to come to a good place.
//
// SPDX-License-Identifier: MIT
#include "outside/remote_call_point.h"

#include <algorithm>
#include <cstring>
#include <iterator>
#include <string_view>
#include <unordered_set>

#include <sys/syscall.h>

#include "outside/interrupted_call.h"
#include "outside/thread_state.h"
#include "outside/tracer.h"
#include "processes/maps.h"
#include "processes/process_list.h"
#include "runtime/base/countermeasure.h"

namespace hotpatch::outside {

namespace {

constexpr std::int64_t millisecond = 1'000'000;

constexpr std::uint64_t user_code_64 = 0x33;  // the kernel's __USER_CS

// System calls of programs that wait, in the order in which threads are looked
// at. None of them is made by malloc() or by the dynamic linker, but futex(2)
// and read(2).  Those come last which the kernel would have to continue with
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

std::size_t rank_of(std::int64_t call)
{
  const auto* found =
      std::find(std::begin(waiting_calls), std::end(waiting_calls), call);
  return static_cast<std::size_t>(found - std::begin(waiting_calls));
}

// From whose entry a thread must not be taken: there it would come back to,
// with other registers and another stack than the kernel found.
bool is_no_ordinary_call(std::uint64_t call)
{
  switch (call) {
    case SYS_clone:
    case SYS_clone3:
    case SYS_fork:
    case SYS_vfork:
    case SYS_execve:
    case SYS_execveat:
    case SYS_exit:
    case SYS_exit_group:
    case SYS_rt_sigreturn:
    case SYS_restart_syscall:
      return true;
    default:
      return false;
  }
}

// A thread in them may hold a lock that dlopen(3), or what it calls, takes: of
// memory, of the list of images, of the list of functions for exit(3).  fork(2)
// holds all of them.
bool is_forbidden_name(std::string_view name)
{
  static const std::unordered_set<std::string_view> names = {
      "malloc",
      "free",
      "calloc",
      "realloc",
      "memalign",
      "aligned_alloc",
      "posix_memalign",
      "valloc",
      "pvalloc",
      "cfree",
      "reallocarray",
      "malloc_trim",
      "malloc_usable_size",
      "malloc_stats",
      "malloc_info",
      "mallinfo",
      "mallinfo2",
      "mallopt",
      "__libc_malloc",
      "__libc_free",
      "__libc_calloc",
      "__libc_realloc",
      "__libc_memalign",
      "__libc_freeres",
      "dlopen",
      "dlmopen",
      "dlclose",
      "dlsym",
      "dlvsym",
      "dladdr",
      "dladdr1",
      "dlinfo",
      "dlerror",
      "dl_iterate_phdr",
      "__libc_dlopen_mode",
      "__libc_dlsym",
      "__libc_dlclose",
      "exit",
      "atexit",
      "on_exit",
      "quick_exit",
      "at_quick_exit",
      "__cxa_atexit",
      "__cxa_at_quick_exit",
      "__cxa_finalize",
      "fork",
      "vfork",
      "_Fork",
      "__libc_fork",
      "pthread_exit",
  };
  constexpr std::string_view operators[] = {"_Znw", "_Zna", "_Zdl", "_Zda"};
  return names.contains(name) ||
         std::any_of(
             std::begin(operators), std::end(operators),
             [name](std::string_view each) { return name.starts_with(each); });
}

// How long a thread may need for a stop, if no processor is free.
deadline halt_until()
{
  return deadline::in_nanoseconds(20 * millisecond);
}

// Of many threads, so many are looked at before one is chosen.
constexpr std::size_t enough_threads = 16;

constexpr char under_filter[] =
    "is under a seccomp filter, which might kill it for what loading needs";
constexpr char in_allocator[] = "may be in malloc() or the dynamic linker";

}  // namespace

bool is_filtered(pid_t process, pid_t thread)
{
  const std::string filters =
      status_field(thread_file(process, thread, "status"), "Seccomp");
  return !filters.empty() && filters != "0";
}

remote_call_point::remote_call_point(const target_images& images,
                                     const target_code& code,
                                     const target_memory& memory,
                                     remote_call_rules rules)
    : images_(images),
      code_(code),
      memory_(memory),
      rules_(rules),
      chains_(images, memory)
{
  for (const target_image& image : images.all()) {
    bool allocates = &image == code.library;
    each_exported_function(
        image, [&](std::string_view name, exported_symbol symbol) {
          if (!is_forbidden_name(name))
            return;
          allocates = allocates || name == "malloc";
          forbidden_.push_back(
              {symbol.address,
               symbol.address + std::max<std::uint64_t>(symbol.size, 1)});
          forbidden_entries_.insert(symbol.address);
        });
    if (allocates && &image != images.program() &&
        (&image != code.loader || code.loader == code.library))
      libraries_.push_back(&image);
  }
}

bool remote_call_point::reject_thread(const tracee& thread,
                                      const std::string& why)
{
  reason_ = thread_text(thread.process(), thread.id()) + ' ' + why;
  return false;
}

remote_call_point::owner remote_call_point::owner_of(
    std::uint64_t address) const
{
  const target_image* const image = images_.find(address);
  if (image == nullptr)
    return owner::unknown;
  if (std::find(libraries_.begin(), libraries_.end(), image) !=
      libraries_.end())
    return owner::library;
  return image == code_.loader ? owner::loader : owner::program;
}

bool remote_call_point::is_forbidden(std::uint64_t address) const
{
  return std::any_of(
      forbidden_.begin(), forbidden_.end(),
      [address](const code_part& part) { return part.has(address); });
}

// What the call in front of a return address leads to, through an entry of the
// procedure linkage table if there is one; 0: it cannot be told.
//   e8 rel32                  call  function
//   ff 15 rel32               call  *slot(%rip)
//   [f3 0f 1e fa] [f2] ff 25 rel32    (endbr64) (bnd) jmp *slot(%rip)
std::uint64_t remote_call_point::called_function(
    std::uint64_t return_address) const
{
  const auto word_at = [this](std::uint64_t at) {
    std::uint64_t word = 0;
    (void)memory_.read_some(
        at, {reinterpret_cast<std::uint8_t*>(&word), sizeof word});
    return word;
  };
  const auto offset_in = [](const std::uint8_t* at) {
    std::int32_t offset = 0;
    std::memcpy(&offset, at, sizeof offset);
    return static_cast<std::uint64_t>(std::int64_t{offset});
  };
  std::uint8_t call[6] = {};
  if (memory_.read_some(return_address - sizeof call, call) != sizeof call)
    return 0;
  if (call[0] == 0xff && call[1] == 0x15)
    return word_at(return_address + offset_in(call + 2));
  if (call[1] != 0xe8)
    return 0;
  const std::uint64_t target = return_address + offset_in(call + 2);
  std::uint8_t entry[16] = {};
  (void)memory_.read_some(target, entry);
  std::size_t at = 0;
  if (entry[0] == 0xf3 && entry[1] == 0x0f && entry[2] == 0x1e &&
      entry[3] == 0xfa)
    at = 4;
  if (entry[at] == 0xf2)
    ++at;
  if (entry[at] == 0xff && entry[at + 1] == 0x25)
    return word_at(target + at + 6 + offset_in(entry + at + 2));
  return target;
}

// Also a function that went on to another one by a jump, so that no frame is
// its.
bool remote_call_point::called_forbidden(std::uint64_t return_address) const
{
  return forbidden_entries_.contains(called_function(return_address));
}

bool remote_call_point::has_name(std::uint64_t address) const
{
  const target_image* const image = images_.find(address);
  bool found = false;
  if (image != nullptr)
    each_exported_function(
        *image, [&](std::string_view, exported_symbol symbol) {
          found = found || address - symbol.address < symbol.size;
        });
  return found;
}

// Directly after the instruction, or at it if the call is made again: 0f 05.
bool remote_call_point::at_system_call(std::uint64_t counter) const
{
  std::uint8_t code[4] = {};
  return memory_.read_some(counter - 2, code) == sizeof code &&
         ((code[0] == 0x0f && code[1] == 0x05) ||
          (code[2] == 0x0f && code[3] == 0x05));
}

// Frames of libraries between two that are none, or up to the end of the chain.
std::string remote_call_point::why_not_library(
    const call_chain& chain, std::size_t first, std::size_t last,
    const user_regs_struct& registers, bool calls) const
{
  const call_frame& inner = chain.frames[first];
  const bool is_call = calls && first == 0;
  const bool is_end = last + 1 == chain.frames.size();
  if (!is_call && inner.interrupted) {
    if (first == 0)
      return "is in the C library";
    if (!at_system_call(inner.counter))
      return "is in a signal handler, which has interrupted the C library";
  }
  // What a thread does in a library alone, when it begins or ends, has no
  // names.
  if (is_end && first == 0) {
    const auto call = static_cast<std::int64_t>(registers.orig_rax);
    return rank_of(call) == not_waiting || call == SYS_futex || call == SYS_read
               ? in_allocator
               : "";
  }
  const bool may_lock =
      !is_call || static_cast<std::int64_t>(registers.orig_rax) == SYS_futex;
  // A function with a name may go on in one without, as pthread_join(3) does;
  // then the call says which it was.
  if (inner.interrupted && may_lock && !is_end &&
      !has_name(chain.frames[last].inside()) &&
      called_function(chain.frames[last + 1].counter) == 0)
    return in_allocator;
  return {};
}

std::string remote_call_point::why_not(const call_chain& chain,
                                       const user_regs_struct& registers,
                                       bool calls) const
{
  const auto& frames = chain.frames;
  for (std::size_t i = 0; i < frames.size(); ++i) {
    // What a signal's handler returns to is in the C library, and locks
    // nothing.
    if (frames[i].counter == code_.borrowed.restorer)
      continue;
    const std::uint64_t inside = frames[i].inside();
    const owner whose = owner_of(inside);
    if (whose == owner::unknown)
      return "has callers in code of which nothing is known";
    if (whose == owner::loader || is_forbidden(inside) ||
        (!frames[i].interrupted && called_forbidden(frames[i].counter)))
      return in_allocator;
    if (whose != owner::library)
      continue;
    std::size_t last = i;
    while (last + 1 < frames.size() && !frames[last + 1].interrupted &&
           owner_of(frames[last + 1].inside()) == owner::library)
      ++last;
    for (std::size_t k = i; k <= last; ++k)
      if (is_forbidden(frames[k].inside()) ||
          (!frames[k].interrupted && called_forbidden(frames[k].counter)))
        return in_allocator;
    std::string why = why_not_library(chain, i, last, registers, calls);
    if (!why.empty())
      return why;
    i = last;
  }
  return {};
}

// Without tables.  A word that only looks like a return address refuses the
// thread, and no return address is overlooked.
std::string remote_call_point::why_not_by_words(
    const user_regs_struct& registers, bool calls) const
{
  constexpr char no_tables[] =
      "has callers that cannot be found, since there are no unwinding tables "
      "for them, and ";
  const auto maps = read_maps(images_.process());
  const process_mapping* const stack = mapping_at(maps, registers.rsp);
  const auto call = static_cast<std::int64_t>(registers.orig_rax);
  if (stack == nullptr || !calls || rank_of(call) == not_waiting)
    return std::string(no_tables) +
           "does not wait in a system call that malloc() never makes";
  std::vector<std::uint64_t> words((stack->end - registers.rsp) /
                                   sizeof(std::uint64_t));
  words.resize(memory_.read_some(registers.rsp,
                                 {reinterpret_cast<std::uint8_t*>(words.data()),
                                  words.size() * sizeof(std::uint64_t)}) /
               sizeof(std::uint64_t));
  constexpr std::size_t flags_at = 1;
  constexpr std::size_t cs_at = 24;
  constexpr std::uint64_t all_flags = 7;
  for (std::size_t i = 0; i < words.size(); ++i) {
    const std::uint64_t word = words[i];
    // A frame of a signal handler begins with the address of the restorer,
    // which may also be left over from a call of sigaction(2); see
    // thread_state.cc for what else is in it.
    if (word == code_.borrowed.restorer && i + cs_at < words.size() &&
        words[i + flags_at] <= all_flags &&
        (words[i + cs_at] & 0xffff) == user_code_64)
      return std::string(no_tables) + "is in a signal handler";
    const owner whose = owner_of(word - 1);
    if (whose == owner::unknown)
      continue;
    if (((whose == owner::loader && called_function(word) != 0) ||
         is_forbidden(word - 1) || called_forbidden(word)))
      return std::string(no_tables) + in_allocator;
  }
  return {};
}

// linux/rseq.h, struct rseq_cs: version, flags, start, length, abort address.
bool remote_call_point::sequence_is_over(
    const tracee& thread, const user_regs_struct& registers) const
{
  const std::uint64_t descriptor = thread.restartable_sequence();
  if (descriptor == 0)
    return true;
  const auto start = memory_.load<std::uint64_t>(descriptor + 8);
  const auto length = memory_.load<std::uint64_t>(descriptor + 16);
  return registers.rip - start >= length;
}

bool remote_call_point::may_be_borrowed(const tracee& thread)
{
  const user_regs_struct registers = thread.registers();
  if (registers.cs != user_code_64)
    return reject_thread(thread, "executes 32-bit code");
  const bool enters = thread.at_syscall_entry();
  const bool calls = enters || waits_in_call(registers);
  // Seen at once, and most of the time when nothing but memory is asked for.
  if (!calls && owner_of(registers.rip) != owner::program)
    return reject_thread(thread, "is in the C library, or in unknown code");
  if (enters && is_no_ordinary_call(registers.orig_rax))
    return reject_thread(thread,
                         "is about to fork, to execute a program or to end");
  if (!rules_.suspend_seccomp && is_filtered(thread.process(), thread.id()))
    return reject_thread(thread, under_filter);
  const call_chain chain = chains_.find(registers);
  const std::string why = !HP_COUNTERMEASURE(callers) ? ""
                          : chain.complete ? why_not(chain, registers, calls)
                                           : why_not_by_words(registers, calls);
  if (!why.empty())
    return reject_thread(thread, why);
  if (!find_frame_room(thread, memory_).exists())
    return reject_thread(
        thread, thread.id() == thread.process()
                    ? "has no room at the end of its stack"
                    : "runs on a stack of its own making, or at its end");
  return calls || sequence_is_over(thread, registers) ||
         reject_thread(thread, "is in a restartable sequence");
}

// Lets it run until it comes to a system call of the good kind.
bool remote_call_point::chase(tracee& thread, deadline until)
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

// Stops it again and again: one that computes is in its own code some time.
bool remote_call_point::sample(tracee& thread, deadline until)
{
  // No multiple of what a program may do in turn.
  constexpr std::int64_t shortest = 37'000;
  constexpr std::int64_t step = 11'003;
  std::int64_t pause = shortest;
  while (!until.passed()) {
    if (thread.stopped())
      thread.resume();
    sleep_for(std::min(pause, until.left()));
    thread.halt(halt_until());
    if (may_be_borrowed(thread))
      return true;
    if (waits_in_call(thread.registers()))
      return false;
    pause = shortest + (pause + step) % (10 * shortest);
  }
  return false;
}

bool remote_call_point::try_thread(tracee& thread, deadline until)
{
  thread.halt(halt_until());
  if (may_be_borrowed(thread) || chase(thread, until))
    return true;
  thread.halt(halt_until());
  if (may_be_borrowed(thread))
    return true;
  if (waits_in_call(thread.registers()))
    return false;
  return sample(thread,
                deadline::in_nanoseconds(4 * millisecond).or_later(until));
}

tracee remote_call_point::find(deadline until)
{
  const pid_t process = images_.process();
  std::int64_t patience = millisecond;
  for (;;) {
    tracer::let_go_of_late();
    std::vector<std::pair<std::size_t, pid_t>> order;
    bool all_filtered = !rules_.suspend_seccomp;
    for (const pid_t thread : threads_of(process)) {
      const thread_look look = look_at_thread(process, thread);
      if (look.waits_for_child())
        reason_ =
            thread_text(process, thread) + " waits in vfork() or posix_spawn()";
      else
        order.emplace_back(rank_of(look.call), thread);
      // The best ones need no others beside them.
      if (order.size() >= enough_threads &&
          order.back().first < rank_of(SYS_poll))
        break;
    }
    std::stable_sort(
        order.begin(), order.end(),
        [](const auto& a, const auto& b) { return a.first < b.first; });
    if (order.empty() && threads_of(process).empty())
      throw thread_gone(process_text(process) + " has ended");
    for (const auto& [rank, id] : order) {
      if (tracer::traces(id)) {
        reason_ = thread_text(process, id) + " is in the kernel";
        all_filtered = false;
        continue;
      }
      if (!rules_.suspend_seccomp && is_filtered(process, id)) {
        reason_ = thread_text(process, id) + ' ' + under_filter;
        continue;
      }
      all_filtered = false;
      try {
        tracee thread(process, id);
        if (try_thread(thread,
                       deadline::in_nanoseconds(patience).or_earlier(until)))
          return thread;
      } catch (const thread_gone& gone) {
        reason_ = gone.what();
      } catch (const not_in_time& late) {
        reason_ = late.what();
      }
    }
    if (all_filtered && !order.empty())
      throw tool_error(process_text(process) + ": " + reason_ +
                       "; --suspend-seccomp suspends the filter meanwhile");
    // Not before each was looked at: when the time is over something may have
    // to be ended that was begun, and the next thread may stand well.
    if (until.passed())
      throw not_in_time(process_text(process) +
                        ": no thread came to a place where it can be "
                        "borrowed for loading: " +
                        reason_);
    tracer::pause(std::min(patience, until.left()));
    patience = std::min(2 * patience, 100 * millisecond);
  }
}

}  // namespace hotpatch::outside
