// ptrace(2), one thread at a time.
//
// SPDX-License-Identifier: MIT
#include "outside/tracee.h"

#include <cerrno>
#include <csignal>
#include <cstring>
#include <fstream>
#include <utility>

#include <elf.h>
#include <sys/ptrace.h>
#include <sys/uio.h>
#include <sys/wait.h>

#include "outside/interrupted_call.h"
#include "outside/seizing.h"
#include "processes/access.h"
#include "processes/threads.h"

namespace hotpatch::outside {

namespace {

// linux/ptrace.h, which does not go together with sys/ptrace.h.
constexpr int request_syscall_info = 0x420e;
constexpr int request_rseq = 0x420f;
constexpr std::uint8_t syscall_info_entry = 1;

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

template <typename T>
void* as_pointer(T value)
{
  return reinterpret_cast<void*>(static_cast<std::uintptr_t>(value));
}

}  // namespace

tracee::tracee(pid_t process, pid_t thread) : process_(process), thread_(thread)
{
  constexpr long options = PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACEEXEC;
  if (!seize(thread_, options))
    refuse(errno);
  attached_ = true;
}

tracee::tracee(tracee&& other) noexcept
    : process_(other.process_),
      thread_(other.thread_),
      attached_(std::exchange(other.attached_, false)),
      stopped_(other.stopped_),
      signal_(other.signal_)
{
}

tracee::~tracee()
{
  release();
}

void tracee::refuse(int error) const
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
    throw trouble(process_text(process_) + " is being debugged by process " +
                  tracer + " (" + name +
                  "); only one may trace it: let it go there");
  }
  refuse_access(process_, error);
}

void tracee::check(long result, const char* what) const
{
  if (result != -1)
    return;
  const int error = errno;
  if (error == ESRCH)
    throw thread_gone("thread " + std::to_string(thread_) +
                      " ended or was killed");
  throw trouble(thread_text(process_, thread_) + ": " + what + ": " +
                std::strerror(error));
}

void tracee::interrupt()
{
  check(ptrace(PTRACE_INTERRUPT, thread_, nullptr, nullptr),
        "it cannot be interrupted");
}

stop tracee::wait(deadline until)
{
  int status = 0;
  for (;;) {
    const pid_t got = waitpid(thread_, &status, __WALL);
    if (got == thread_)
      break;
    if (got == -1 && errno != EINTR) {
      attached_ = false;
      throw thread_gone("thread " + std::to_string(thread_) + " has ended");
    }
    if (until.passed())
      throw not_in_time(thread_text(process_, thread_) +
                        " did not stop in time: it is in the kernel, which "
                        "does not let it be interrupted there");
  }
  if (!WIFSTOPPED(status)) {
    attached_ = false;
    throw thread_gone("thread " + std::to_string(thread_) + " has ended");
  }
  stopped_ = true;
  const int signal = WSTOPSIG(status);
  switch (status >> 16) {
    case PTRACE_EVENT_EXEC:
      throw thread_gone(process_text(process_) +
                        " executes another program now");
    case PTRACE_EVENT_STOP:
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
  if (mend_interrupted_call(values))
    set_registers(values);
}

void tracee::wait_for_event(deadline until)
{
  while (wait(until).kind != stop_kind::event)
    resume();
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
  const int signal = std::exchange(signal_, 0);
  stopped_ = false;
  check(ptrace(static_cast<__ptrace_request>(request), thread_, nullptr,
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
  check(ptrace(PTRACE_GETREGS, thread_, nullptr, &values),
        "its registers cannot be read");
  return values;
}

void tracee::set_registers(const user_regs_struct& values)
{
  check(ptrace(PTRACE_SETREGS, thread_, nullptr,
               const_cast<user_regs_struct*>(&values)),
        "its registers cannot be set");
}

std::vector<std::uint8_t> tracee::vectors() const
{
  std::vector<std::uint8_t> bytes(most_vector_bytes);
  iovec into = {bytes.data(), bytes.size()};
  check(ptrace(PTRACE_GETREGSET, thread_, as_pointer(NT_X86_XSTATE), &into),
        "its vector registers cannot be read");
  bytes.resize(into.iov_len);
  if (bytes.size() < least_vector_bytes)
    throw trouble(
        "this processor has no XSAVE, which is needed to keep "
        "vector registers");
  return bytes;
}

void tracee::set_vectors(const std::vector<std::uint8_t>& values)
{
  iovec from = {const_cast<std::uint8_t*>(values.data()), values.size()};
  check(ptrace(PTRACE_SETREGSET, thread_, as_pointer(NT_X86_XSTATE), &from),
        "its vector registers cannot be set");
}

// The third argument of both is the size of the kernel's sigset_t.
std::uint64_t tracee::blocked_signals() const
{
  std::uint64_t mask = 0;
  check(ptrace(PTRACE_GETSIGMASK, thread_, as_pointer(sizeof mask), &mask),
        "its signal mask cannot be read");
  return mask;
}

void tracee::block_signals(std::uint64_t mask)
{
  check(ptrace(PTRACE_SETSIGMASK, thread_, as_pointer(sizeof mask), &mask),
        "its signal mask cannot be set");
}

bool tracee::at_syscall_entry() const
{
  std::uint8_t info[128] = {};  // struct ptrace_syscall_info: op comes first
  return ptrace(static_cast<__ptrace_request>(request_syscall_info), thread_,
                as_pointer(sizeof info), info) > 0 &&
         info[0] == syscall_info_entry;
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

void tracee::release() noexcept
{
  if (!std::exchange(attached_, false))
    return;
  try {
    if (!stopped_) {
      interrupt();
      wait(deadline::in_milliseconds(1000));
    }
  } catch (const std::exception&) {
    // It ended, or the kernel lets it go when this process ends.
  }
  ptrace(PTRACE_DETACH, thread_, nullptr,
         as_pointer(std::exchange(signal_, 0)));
}

}  // namespace hotpatch::outside
