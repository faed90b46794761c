// ptrace(2), one thread at a time.
//
// SPDX-License-Identifier: MIT
#include "outside/tracee.h"

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdint>
#include <cstring>
#include <fstream>
#include <map>
#include <string_view>
#include <utility>
#include <vector>

#include <elf.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "outside/tracer.h"
#include "processes/errors.h"
#include "processes/incarnation.h"
#include "processes/maps.h"
#include "processes/memory.h"
#include "processes/process_list.h"
#include "runtime/base/countermeasure.h"
#include "runtime/base/deadline.h"
#include "runtime/base/file_descriptor.h"
#include "runtime/base/page_size.h"

namespace hotpatch::outside {

namespace {

// Some bytes of a process that nothing uses: between the end of an image's
// variables and the end of their last page.
//
// Memory for what the kernel reads once after a thread was let go, and when no
// thread can be made to ask for memory.  Found when it is first needed, from
// the images' headers in memory.
class spare_memory {
 public:
  static constexpr std::uint64_t size = 48;

  static spare_memory& of(pid_t process);

  // The address of `size` bytes for a thread, always the same ones.  On a busy
  // machine a thread that was let go may read them much later, so another one
  // gets them only after a good while.  0: there are none.
  std::uint64_t take(pid_t thread);

 private:
  struct place {
    std::uint64_t address;
    pid_t thread = 0;  // that has them, 0: none
    std::int64_t taken = 0;
  };

  explicit spare_memory(pid_t process);

  std::vector<place> places_;
};

constexpr std::size_t most_headers = 64;

template <typename T>
bool fetch(const process_memory& memory, std::uint64_t address, T& into)
{
  return memory.fetch(address,
                      {reinterpret_cast<std::uint8_t*>(&into), sizeof into});
}

// After the variables of an image whose file begins at `begin`; 0: unknown.
std::uint64_t end_of_variables(const process_memory& memory,
                               std::uint64_t begin)
{
  Elf64_Ehdr header;
  if (!fetch(memory, begin, header) ||
      std::string_view(reinterpret_cast<const char*>(header.e_ident),
                       SELFMAG) != ELFMAG ||
      header.e_phentsize != sizeof(Elf64_Phdr) || header.e_phnum > most_headers)
    return 0;
  std::uint64_t end = 0;
  for (std::size_t i = 0; i < header.e_phnum; ++i) {
    Elf64_Phdr segment;
    if (!fetch(memory, begin + header.e_phoff + i * sizeof segment, segment))
      return 0;
    if (segment.p_type == PT_LOAD && (segment.p_flags & PF_W) != 0)
      end = (header.e_type == ET_DYN ? begin : 0) + segment.p_vaddr +
            segment.p_memsz;
  }
  return end;
}

// The program and the C library: the kernel may read the bytes after this
// process has let the thread go, and every other image can be unloaded by then.
// The dynamic linker uses the rest of its own page.
bool stays_mapped(const process_mapping& mapping, const struct stat& program)
{
  const std::string_view name =
      std::string_view(mapping.path).substr(mapping.path.rfind('/') + 1);
  return (mapping.device == program.st_dev &&
          mapping.inode == program.st_ino) ||
         (!mapping.is_copy &&
          (name.starts_with("libc.so") || name.starts_with("libc-")));
}

spare_memory& spare_memory::of(pid_t process)
{
  static auto* const all =
      new std::map<pid_t, std::pair<std::uint64_t, spare_memory>>;
  const auto run = incarnation_of(process);
  const std::uint64_t stack = run ? run->stack : 0;
  auto found = all->find(process);
  if (found == all->end() || found->second.first != stack)
    found =
        all->insert_or_assign(process, std::pair{stack, spare_memory(process)})
            .first;
  return found->second.second;
}

spare_memory::spare_memory(pid_t process)
{
  try {
    const process_memory memory(process);
    const auto maps = read_maps(process);
    struct stat program = {};
    if (stat(memory_path(process, "/exe").c_str(), &program) != 0)
      return;
    for (const process_mapping& each : maps) {
      if (each.offset != 0 || each.inode == 0 || !stays_mapped(each, program))
        continue;
      const std::uint64_t end = end_of_variables(memory, each.begin);
      const process_mapping* const last =
          end % page_size != 0 ? mapping_at(maps, end) : nullptr;
      if (last == nullptr || last->executable)
        continue;
      const std::uint64_t limit = (end & ~(page_size - 1)) + page_size;
      for (std::uint64_t at = (end + 2 * size) & ~std::uint64_t{15};
           at + size <= limit; at += size)
        places_.push_back({at});
    }
  } catch (const tool_error&) {
    // Then there is none.
  }
}

std::uint64_t spare_memory::take(pid_t thread)
{
  constexpr std::int64_t good_while = 10'000'000'000;
  place* oldest = nullptr;
  for (place& each : places_) {
    if (each.thread == thread) {
      oldest = &each;
      break;
    }
    if (oldest == nullptr || each.taken < oldest->taken)
      oldest = &each;
  }
  const std::int64_t now = monotonic_now();
  if (oldest == nullptr || (oldest->thread != 0 && oldest->thread != thread &&
                            now - oldest->taken < good_while))
    return 0;
  oldest->thread = thread;
  oldest->taken = now;
  return oldest->address;
}

// linux/ptrace.h, which does not go together with sys/ptrace.h.
constexpr int request_syscall_info = 0x420e;
constexpr int request_rseq = 0x420f;
constexpr std::uint8_t syscall_info_entry = 1;
constexpr long option_suspend_seccomp = 1 << 21;

constexpr long usual_options = PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACEEXEC;

struct rseq_configuration {
  std::uint64_t address;
  std::uint32_t size;
  std::uint32_t signature;
  std::uint32_t flags;
  std::uint32_t padding;
};

// struct rseq, linux/rseq.h: cpu_id_start, cpu_id, then rseq_cs.
constexpr std::uint64_t rseq_cs_offset = 8;

constexpr std::size_t most_vector_bytes = 64 * 1024;
constexpr std::size_t least_vector_bytes = 512 + 64;  // FXSAVE and a header

// Stops at system calls are told from SIGTRAP by this bit (ptrace(2),
// PTRACE_O_TRACESYSGOOD).
constexpr int syscall_stop = SIGTRAP | 0x80;

constexpr std::int64_t microsecond = 1000;
constexpr std::int64_t millisecond = 1'000'000;
constexpr std::int64_t second = 1'000'000'000;
constexpr std::uint64_t century = 100ull * 366 * 24 * 3600;  // in seconds

// linux/io_uring.h, struct io_uring_getevents_arg: the pointer to the time.
constexpr std::uint64_t ring_time_at = 16;

// A wait that was made again with what was left of its time.
struct shortened_wait {
  user_regs_struct values;
  limited_wait wait;
  std::int64_t since;

  // Where only the kernel knows the time, and the program calls again with
  // equal arguments, what tells is when it went to sleep.
  // `slept`: since it was looked at.
  bool is_same(const user_regs_struct& now, const thread_look& look,
               bool slept) const
  {
    constexpr std::int64_t soon = 5 * millisecond;
    user_regs_struct before = values;
    user_regs_struct after = now;
    if (before.orig_rax != after.orig_rax || before.rip != after.rip ||
        before.rsp != after.rsp)
      return false;
    for (unsigned i = 0; i < 6; ++i)
      if (argument_of(before, i) != argument_of(after, i))
        return false;
    return argument_of(before, wait.limit.argument) != wait.argument ||
           (look.call >= 0 && look.since == 0) ||
           (slept && look.since <= since + soon);
  }
};

std::map<pid_t, shortened_wait>& shortened_waits()
{
  static auto* const all = new std::map<pid_t, shortened_wait>;
  return *all;
}

template <typename T>
void* as_pointer(T value)
{
  return reinterpret_cast<void*>(static_cast<std::uintptr_t>(value));
}

}  // namespace

tracee::tracee(pid_t process, pid_t thread)
    : tracee(process, thread, look_at_thread(process, thread))
{
}

tracee::tracee(pid_t process, pid_t thread, const thread_look& look)
    : process_(process), thread_(thread), look_(look)
{
  if (tracer::traces(thread_))
    throw not_in_time(thread_text(process_, thread_) +
                      " has not stopped yet: it is in the kernel");
  tracer::begins(thread_);
  if (!seize(thread_, usual_options)) {
    const int error = errno;
    tracer::ended(thread_);
    throw_seize_error(error);
  }
  attached_ = true;
}

tracee::tracee(tracee&& other) noexcept
    : process_(other.process_),
      thread_(other.thread_),
      look_(other.look_),
      wait_(other.wait_),
      attached_(std::exchange(other.attached_, false)),
      stopped_(other.stopped_),
      asked_(other.asked_),
      late_(other.late_),
      stopped_since_(other.stopped_since_),
      signal_(other.signal_)
{
}

tracee::~tracee()
{
  release();
}

void tracee::throw_seize_error(int error) const
{
  const std::string status = thread_file(process_, thread_, "status");
  const std::string state = status_field(status, "State");
  if (error == ESRCH || state.empty() || state[0] == 'Z' || state[0] == 'X')
    throw thread_gone("thread " + std::to_string(thread_) + " has ended");
  const std::string tracer = status_field(status, "TracerPid");
  if (!tracer.empty() && tracer != "0") {
    std::ifstream file("/proc/" + tracer + "/comm");
    std::string name;
    std::getline(file, name);
    throw tool_error(process_text(process_) + " is being debugged by process " +
                     tracer + " (" + name +
                     "); only one may trace it: let it go there");
  }
  refuse_access(process_, error);
}

void tracee::check_ptrace(long result, const char* what) const
{
  if (result != -1)
    return;
  const int error = errno;
  if (error == ESRCH)
    throw thread_gone("thread " + std::to_string(thread_) +
                      " ended or was killed");
  throw tool_error(thread_text(process_, thread_) + ": " + what + ": " +
                   std::strerror(error));
}

void tracee::interrupt()
{
  check_ptrace(ptrace(PTRACE_INTERRUPT, thread_, nullptr, nullptr),
               "it cannot be interrupted");
  asked_ = true;
}

// Whether it is the first thread of its process and has ended before the
// others: the tracer learns nothing of it until they end, too.
bool tracee::is_dead_leader() const
{
  return thread_ == process_ &&
         status_field(thread_file(process_, thread_, "status"), "State")
             .starts_with('Z');
}

// A thread that executes another program gets the number of the process's first
// thread, and all others are gone (ptrace(2), "execve(2) under ptrace").
bool tracee::has_executed()
{
  if (!HP_COUNTERMEASURE(follow_exec) || thread_ == process_ ||
      tracer::traces(process_) ||
      status_field(thread_file(process_, process_, "status"), "TracerPid") !=
          std::to_string(getpid()))
    return false;
  tracer::begins(process_);
  tracer::ended(thread_);
  thread_ = process_;
  return true;
}

// True if there is something to tell: a stop, or that the thread has ended,
// which throws thread_gone.
bool tracee::poll(int& status)
{
  const pid_t got = waitpid(thread_, &status, __WALL | WNOHANG);
  if (got == 0 || (got == -1 && errno == EINTR))
    return false;
  if (got == -1 && errno != ECHILD) {
    const int error = errno;
    throw tool_error(thread_text(process_, thread_) +
                     ": it cannot be waited for: " + std::strerror(error));
  }
  if (got == -1 && has_executed())
    return false;
  if (got == thread_ && WIFSTOPPED(status))
    return true;
  const std::string text = "thread " + std::to_string(thread_) + " has ended";
  end();
  throw thread_gone(text);
}

void tracee::end()
{
  attached_ = false;
  tracer::ended(thread_);
}

stop tracee::wait(deadline until)
{
  int status = 0;
  while (!poll(status)) {
    if (until.passed()) {
      late_ = asked_;
      throw not_in_time(thread_text(process_, thread_) +
                        " did not stop in time: it is in the kernel, which "
                        "does not let it be interrupted there");
    }
    tracer::wait(until);
    if (poll(status))
      break;
    if (is_dead_leader())
      throw thread_gone("thread " + std::to_string(thread_) + " has ended");
  }
  return take_stop(status);
}

stop tracee::take_stop(int status)
{
  stopped_ = true;
  stopped_since_ = monotonic_now();
  late_ = false;
  const int signal = WSTOPSIG(status);
  switch (status >> 16) {
    case PTRACE_EVENT_EXEC:
      throw thread_gone(process_text(process_) +
                        " executes another program now");
    case PTRACE_EVENT_STOP:
      asked_ = false;
      mend_call();
      return {stop_kind::event, signal};
    default:
      break;
  }
  if (signal == syscall_stop)
    return {stop_kind::syscall, 0};
  signal_ = signal;
  return {stop_kind::signal, signal};
}

void tracee::mend_call()
{
  user_regs_struct values = registers();
  const bool mended = mend_interrupted_call(values);
  if (mended)
    set_registers(values);
  find_limit(values, mended);
}

std::int64_t tracee::limit_in_nanoseconds(user_regs_struct& values,
                                          const time_limit& limit) const
{
  constexpr std::int64_t for_ever = -1;
  std::uint64_t at = argument_of(values, limit.argument);
  switch (limit.how) {
    case time_limit::form::milliseconds: {
      const auto count = static_cast<std::int32_t>(at);
      return count < 0 ? for_ever : count * millisecond;
    }
    case time_limit::form::receiving:
    case time_limit::form::sending:
      return socket_limit(process_, static_cast<int>(at), limit.how);
    case time_limit::form::ring:
      if (!peek(at + ring_time_at, at))
        return for_ever;
      break;
    case time_limit::form::timespec:
    case time_limit::form::timeval:
      break;
  }
  std::uint64_t seconds = 0;
  std::uint64_t part = 0;
  if (at == 0 || !peek(at, seconds) || !peek(at + 8, part) || seconds > century)
    return for_ever;
  const std::uint64_t unit =
      limit.how == time_limit::form::timeval ? microsecond : 1;
  return static_cast<std::int64_t>(seconds * second + part * unit);
}

// The same call as before if nothing but its time has changed.
void tracee::find_limit(const user_regs_struct& now, bool mended)
{
  wait_.reset();
  if (!HP_COUNTERMEASURE(limits))
    return;
  const auto limit = limit_of_call(now, mended);
  if (!limit)
    return;
  user_regs_struct values = now;
  auto& argument = argument_of(values, limit->argument);
  const bool slept = look_.since != 0 && look_.is_in(values) &&
                     look_.slept_until_stopped(process_, thread_);
  const auto known = shortened_waits().find(thread_);
  if (known != shortened_waits().end() &&
      known->second.is_same(values, look_, slept)) {
    wait_ = known->second.wait;
    if (argument != wait_->argument) {
      argument = wait_->argument;
      set_registers(values);
    }
    return;
  }
  const std::int64_t length = limit_in_nanoseconds(values, *limit);
  if (length < 0)
    return;
  const std::int64_t since = slept ? look_.since : monotonic_now();
  wait_ = limited_wait{*limit, argument, since + length};
}

// In front of signal handling, before the call is made again.
void tracee::shorten_wait()
{
  const limited_wait wait = *std::exchange(wait_, {});
  user_regs_struct values = registers();
  if (signal_ != 0 || !waits_in_call(values))
    return;
  const std::int64_t left =
      std::max<std::int64_t>(wait.until - monotonic_now(), 0);
  auto& argument = argument_of(values, wait.limit.argument);
  if (wait.limit.how == time_limit::form::milliseconds) {
    argument =
        static_cast<std::uint64_t>((left + millisecond - 1) / millisecond);
    set_registers(values);
  } else if (wait.limit.is_pointer()) {
    if (!place_time(wait, values, left))
      return;
  } else if (left == 0) {
    values.rax = static_cast<std::uint64_t>(out_of_time(values.orig_rax));
    set_registers(values);
    shortened_waits().erase(thread_);
    return;
  }
  shortened_waits()[thread_] = {values, wait, monotonic_now()};
}

// The kernel reads the time when the call is made again, which is after the
// thread was let go.  Until then it has to lie where nothing writes: a signal's
// handler may run before, on the thread's own stack.
bool tracee::place_time(const limited_wait& found, user_regs_struct& values,
                        std::int64_t left)
{
  const std::uint64_t place = spare_memory::of(process_).take(thread_);
  std::uint64_t words[5] = {};
  std::size_t count = 0;
  if (place == 0)
    return false;
  if (found.limit.how == time_limit::form::ring) {
    if (!peek(found.argument, words[0]) || !peek(found.argument + 8, words[1]))
      return false;
    words[2] = place + 3 * sizeof(std::uint64_t);
    count = 3;
  }
  const std::int64_t unit =
      found.limit.how == time_limit::form::timeval ? microsecond : 1;
  words[count++] = static_cast<std::uint64_t>(left / second);
  words[count++] =
      static_cast<std::uint64_t>((left % second + unit - 1) / unit);
  for (std::size_t i = 0; i < count; ++i)
    if (!poke(place + 8 * i, words[i]))
      return false;
  argument_of(values, found.limit.argument) = place;
  set_registers(values);
  return true;
}

// Any other stop takes the interruption with it (ptrace_stop() in
// kernel/signal.c).
void tracee::wait_for_event(deadline until)
{
  while (wait(until).kind != stop_kind::event) {
    interrupt();
    resume();
  }
}

void tracee::halt(deadline until)
{
  interrupt();
  if (stopped_)
    resume();
  wait_for_event(until);
}

// Resuming from a stop by job control lets a thread run although its process
// stands; when it is let go, the kernel makes it stand again
// (__ptrace_unlink() in kernel/ptrace.c).
void tracee::go_on(int request)
{
  if (wait_)
    shorten_wait();
  const int signal = std::exchange(signal_, 0);
  stopped_ = false;
  check_ptrace(ptrace(static_cast<__ptrace_request>(request), thread_, nullptr,
                      as_pointer(signal)),
               "it cannot go on");
}

void tracee::resume()
{
  go_on(PTRACE_CONT);
}

void tracee::resume_to_syscall()
{
  go_on(PTRACE_SYSCALL);
}

user_regs_struct tracee::registers() const
{
  user_regs_struct values;
  check_ptrace(ptrace(PTRACE_GETREGS, thread_, nullptr, &values),
               "its registers cannot be read");
  return values;
}

void tracee::set_registers(const user_regs_struct& values)
{
  check_ptrace(ptrace(PTRACE_SETREGS, thread_, nullptr,
                      const_cast<user_regs_struct*>(&values)),
               "its registers cannot be set");
}

std::vector<std::uint8_t> tracee::vectors() const
{
  std::vector<std::uint8_t> bytes(most_vector_bytes);
  iovec into = {bytes.data(), bytes.size()};
  check_ptrace(
      ptrace(PTRACE_GETREGSET, thread_, as_pointer(NT_X86_XSTATE), &into),
      "its vector registers cannot be read");
  bytes.resize(into.iov_len);
  if (bytes.size() < least_vector_bytes)
    throw tool_error(
        "this processor has no XSAVE, which is needed to keep "
        "vector registers");
  return bytes;
}

void tracee::set_vectors(const std::vector<std::uint8_t>& values)
{
  iovec from = {const_cast<std::uint8_t*>(values.data()), values.size()};
  check_ptrace(
      ptrace(PTRACE_SETREGSET, thread_, as_pointer(NT_X86_XSTATE), &from),
      "its vector registers cannot be set");
}

// The third argument of both is the size of the kernel's sigset_t.
std::uint64_t tracee::blocked_signals() const
{
  std::uint64_t mask = 0;
  check_ptrace(
      ptrace(PTRACE_GETSIGMASK, thread_, as_pointer(sizeof mask), &mask),
      "its signal mask cannot be read");
  return mask;
}

void tracee::block_signals(std::uint64_t mask)
{
  check_ptrace(
      ptrace(PTRACE_SETSIGMASK, thread_, as_pointer(sizeof mask), &mask),
      "its signal mask cannot be set");
}

// ptrace_setoptions() and check_ptrace_options() in kernel/ptrace.c.
void tracee::suspend_filters(bool suspended)
{
  const long options = usual_options | (suspended ? option_suspend_seccomp : 0);
  if (ptrace(PTRACE_SETOPTIONS, thread_, nullptr, as_pointer(options)) == 0)
    return;
  const int error = errno;
  throw tool_error(thread_text(process_, thread_) +
                   ": its seccomp filter cannot be suspended: " +
                   (error == EPERM
                        ? "that takes the capability SYS_ADMIN, and no "
                          "filter of this process's own"
                        : "this kernel is not built for it "
                          "(CONFIG_CHECKPOINT_RESTORE)"));
}

// An entry that is taken for an exit costs the process its life: the registers
// would be set for what comes after the call.
bool tracee::at_syscall_entry() const
{
  std::uint8_t info[128] = {};  // struct ptrace_syscall_info: op comes first
  const long size = ptrace(static_cast<__ptrace_request>(request_syscall_info),
                           thread_, as_pointer(sizeof info), info);
  check_ptrace(size, "its system call cannot be read");
  return size > 0 && info[0] == syscall_info_entry;
}

std::uint64_t tracee::restartable_sequence() const
{
  rseq_configuration area = {};
  if (ptrace(static_cast<__ptrace_request>(request_rseq), thread_,
             as_pointer(sizeof area), &area) <= 0 ||
      area.address == 0)
    return 0;
  errno = 0;
  const long found = ptrace(PTRACE_PEEKDATA, thread_,
                            as_pointer(area.address + rseq_cs_offset), nullptr);
  return errno == 0 ? static_cast<std::uint64_t>(found) : 0;
}

bool tracee::peek(std::uint64_t address, std::uint64_t& into) const
{
  errno = 0;
  into = static_cast<std::uint64_t>(
      ptrace(PTRACE_PEEKDATA, thread_, as_pointer(address), nullptr));
  return errno == 0;
}

bool tracee::poke(std::uint64_t address, std::uint64_t value)
{
  return ptrace(PTRACE_POKEDATA, thread_, as_pointer(address),
                as_pointer(value)) == 0;
}

bool tracee::detach()
{
  try {
    if (wait_)
      shorten_wait();
  } catch (const std::exception&) {
    // It ended, or is late; then it waits for longer than it would have.
  }
  if (!stopped_ || ptrace(PTRACE_DETACH, thread_, nullptr,
                          as_pointer(std::exchange(signal_, 0))) != 0)
    return false;
  end();
  return true;
}

void tracee::release() noexcept
{
  if (!attached_)
    return;
  constexpr std::int64_t patience_ms = 100;
  try {
    if (!stopped_ && !late_) {
      interrupt();
      wait(deadline::in_milliseconds(patience_ms));
    }
  } catch (const std::exception&) {
    // It ended, executes another program, or will stop later.
  }
  if (!attached_ || (stopped_ && detach()))
    return;
  // Also one that was killed while it stood: its end has to be waited for.
  if (is_dead_leader())
    tracer::ended(thread_);
  stopped_ = false;
  tracer::let_go_later(std::move(*this));
}

bool tracee::try_release() noexcept
{
  try {
    int status = 0;
    if (!poll(status)) {
      if (is_dead_leader())
        tracer::ended(thread_);
      return false;
    }
    take_stop(status);
  } catch (const std::exception&) {
    // It ended, or executes another program.
  }
  if (attached_ && stopped_ && !detach())
    stopped_ = false;
  return !attached_;
}

}  // namespace hotpatch::outside
