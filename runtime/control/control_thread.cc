// Beginning the thread, ending it, and forks.
// SPDX-License-Identifier: MIT
#include "runtime/control/control_thread.h"

#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <pthread.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "runtime/base/status.h"
#include "runtime/control/control_clients.h"
#include "runtime/control/offered_socket.h"
#include "runtime/library/log.h"
#include "runtime/threads/signal_use.h"
#include "runtime/threads/stop_signal.h"
#include "runtime/threads/thread_list.h"
#include "runtime/threads/thread_stop.h"

// Weak: before glibc 2.34 they are in a library of its own, which a program
// with one thread does not link.
#pragma weak pthread_create
#pragma weak pthread_join
#pragma weak pthread_setname_np

namespace hotpatch {

namespace {

// Constructors and hooks of patch objects run there.
constexpr std::size_t stack_size = 512 * 1024;

enum class phase { none, running, ending };

constinit pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
// All under the mutex, except that the thread reads what does not change while
// it runs.
constinit phase now = phase::none;
constinit offered_socket offered;
constinit int wake = -1;
constinit pthread_t thread = {};
constinit std::atomic<pid_t> owner{0};  // the process that has the thread
constinit std::atomic<bool> ending{false};

class held_mutex {
 public:
  held_mutex() noexcept { pthread_mutex_lock(&mutex); }
  held_mutex(const held_mutex&) = delete;
  held_mutex& operator=(const held_mutex&) = delete;
  ~held_mutex() { pthread_mutex_unlock(&mutex); }
};

// --- The thread --------------------------------------------------------------

sigset_t signals_to_block()
{
  // The thread that causes one of these has to get it: a program may have
  // handlers.
  constexpr int raised_by_the_cpu[] = {SIGSEGV, SIGBUS,  SIGFPE,
                                       SIGILL,  SIGTRAP, SIGSYS};
  sigset_t all;
  sigfillset(&all);  // the C library keeps its own two out of it
  for (const int each : raised_by_the_cpu)
    sigdelset(&all, each);
  if (const int stop = current_stop_signal(); stop != 0)
    sigdelset(&all, stop);
  return all;
}

void* serve(void*)
{
  if (pthread_setname_np != nullptr)
    pthread_setname_np(pthread_self(), "hotpatch");
  set_following_thread(own_thread_id());
  control_clients clients(offered.descriptor(), wake);
  // A hook may have forked: then this is the child's only thread.
  while (!ending && owner == getpid()) {
    const sigset_t blocked = signals_to_block();
    pthread_sigmask(SIG_SETMASK, &blocked, nullptr);
    clients.attend();
  }
  return nullptr;
}

// With all signals blocked, for none may come before it blocks them itself.
int begin_thread()
{
  pthread_attr_t attributes;
  int error = pthread_attr_init(&attributes);
  if (error != 0)
    return error;
  pthread_attr_setstacksize(&attributes, stack_size);
  sigset_t all;
  sigset_t before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  error = pthread_create(&thread, &attributes, serve, nullptr);
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  pthread_attr_destroy(&attributes);
  return error;
}

void close_wake()
{
  if (wake >= 0)
    close(wake);
  wake = -1;
}

// --- Forks and the end -------------------------------------------------------

void before_fork()
{
  pthread_mutex_lock(&mutex);
}
void after_fork_in_parent()
{
  pthread_mutex_unlock(&mutex);
}
void after_fork_in_child()
{
  if (now != phase::none) {
    tell_stop_signal(-1);  // there is no other thread: no lock
    set_following_thread(0);
    offered.abandon();
    close_wake();
    owner = 0;
    now = phase::none;
  }
  pthread_mutex_unlock(&mutex);
}

[[gnu::constructor]] void watch_forks()
{
  pthread_atfork(before_fork, after_fork_in_parent, after_fork_in_child);
}

[[gnu::constructor]] void follow_environment()
{
  const char* wanted = secure_getenv("HOTPATCH_CONTROL");
  if (wanted == nullptr || std::strcmp(wanted, "1") != 0)
    return;
  if (open_control(nullptr) != HP_OK)
    log(HP_LOG_ERROR, "HOTPATCH_CONTROL: %s", last_message());
}

[[gnu::destructor]] void leave_no_path()
{
  const held_mutex held;
  if (owner == getpid())
    offered.remove_path();
}

}  // namespace

hp_status open_control(const char* path) noexcept
{
  if (pthread_create == nullptr)
    return fail(HP_UNSUPPORTED,
                "a control socket needs a thread: link the program with "
                "-lpthread");
  const held_mutex held;
  if (now != phase::none)
    return fail(HP_INVALID, "the control socket is offered already, at %s",
                offered.path());
  if (const hp_status status = offered.open(path); status != HP_OK)
    return status;
  wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  ending = false;
  owner = getpid();
  int error = wake < 0 ? errno : 0;
  if (error == 0) {
    watch_stop_signal(wake);
    error = begin_thread();
  }
  if (error == 0) {
    now = phase::running;
    return HP_OK;
  }
  watch_stop_signal(-1);
  close_wake();
  offered.close();
  owner = 0;
  return fail(HP_NO_MEMORY, "no thread for the control socket: %s",
              std::strerror(error));
}

hp_status close_control() noexcept
{
  {
    const held_mutex held;
    if (now == phase::none)
      return fail(HP_INVALID, "no control socket is offered");
    if (now == phase::ending || pthread_equal(pthread_self(), thread))
      return fail(HP_BUSY,
                  "the control socket is being closed by another thread, or "
                  "asked to by a hook that it runs");
    now = phase::ending;
    ending = true;
    const std::uint64_t one = 1;
    (void)!write(wake, &one, sizeof one);
  }
  pthread_join(thread, nullptr);
  set_following_thread(0);
  const held_mutex held;
  watch_stop_signal(-1);
  close_wake();
  offered.close();
  owner = 0;
  now = phase::none;
  return HP_OK;
}

const char* control_path() noexcept
{
  const held_mutex held;
  return offered.path();
}

}  // namespace hotpatch
