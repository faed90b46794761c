// Beginning the thread, ending it, and forks.
// SPDX-License-Identifier: MIT
#include "runtime/control/control_thread.h"

#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <pthread.h>
#include <sys/socket.h>
#include <unistd.h>

#include "runtime/base/countermeasure.h"
#include "runtime/base/status.h"
#include "runtime/control/control_clients.h"
#include "runtime/control/offered_socket.h"
#include "runtime/library/log.h"
#include "runtime/threads/locks.h"
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

constinit fork_mutex mutex(lock_rank::control);
// All under the mutex, except that the thread reads what does not change while
// it runs.
constinit phase now = phase::none;
constinit offered_socket offered;
// A pair of sockets, and no eventfd(2), which has no inode of its own: what is
// sent through the second one wakes the thread, and so does its end.
constinit noted_descriptor wake;
constinit noted_descriptor waker;
constinit pthread_t thread = {};
constinit std::atomic<pid_t> owner{0};  // the process that has the thread
constinit std::atomic<bool> ending{false};
constinit std::atomic<bool> lost{false};  // the thread has ended by itself

class held_mutex {
 public:
  held_mutex() noexcept : held_(mutex.lock()) {}
  held_mutex(const held_mutex&) = delete;
  held_mutex& operator=(const held_mutex&) = delete;
  ~held_mutex()
  {
    if (held_)
      mutex.unlock();
  }

 private:
  const bool held_;
};

// --- The thread --------------------------------------------------------------

sigset_t signals_to_block()
{
  // The thread that causes one of these has to get it: a program may have
  // handlers.
  constexpr int raised_by_the_cpu[] = {SIGSEGV, SIGBUS,  SIGFPE,
                                       SIGILL,  SIGTRAP, SIGSYS};
  sigset_t all;
  sigemptyset(&all);
  if (HP_COUNTERMEASURE(block_program_signals))
    sigfillset(&all);  // the C library keeps its own two out of it
  for (const int each : raised_by_the_cpu)
    sigdelset(&all, each);
  if (const int stop = current_stop_signal();
      stop != 0 && HP_COUNTERMEASURE(accept_stop_signal))
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
  bool open = true;
  while (open && !ending && owner == getpid()) {
    const sigset_t blocked = signals_to_block();
    pthread_sigmask(SIG_SETMASK, &blocked, nullptr);
    open = clients.attend();
  }
  if (!open && owner == getpid()) {
    offered.remove_path();
    log(HP_LOG_ERROR,
        "the program has closed the descriptors of its control socket, which "
        "is offered no more; hp_control_open() offers another one");
    lost = true;
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

// False, with errno: the system refuses it.
bool open_wake()
{
  int ends[2];
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0,
                 ends) != 0)
    return false;
  wake.reset(ends[0]);
  waker.reset(ends[1]);
  return true;
}

void close_wake()
{
  wake.reset(-1);
  waker.reset(-1);
}

// The thread has ended or is about to.  Under the mutex.
void end_offer()
{
  set_following_thread(0);
  watch_stop_signal(nullptr);
  close_wake();
  offered.close();
  owner = 0;
  lost = false;
  now = phase::none;
}

// --- Forks and the end -------------------------------------------------------

void abandon_in_child()
{
  if (now != phase::none) {
    tell_stop_signal(nullptr);  // there is no other thread: no lock
    set_following_thread(0);
    offered.abandon();
    close_wake();
    owner = 0;
    lost = false;
    now = phase::none;
  }
  mutex.renew();
}

[[gnu::constructor]] void watch_forks()
{
  handle_forks(lock_rank::control, {[] { (void)mutex.lock(); },
                                    [] { mutex.unlock(); }, abandon_in_child});
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
  if (now == phase::running && lost) {
    pthread_join(thread, nullptr);
    end_offer();
  }
  if (now != phase::none)
    return fail(HP_INVALID, "the control socket is offered already, at %s",
                offered.path());
  if (const hp_status status = offered.open(path); status != HP_OK)
    return status;
  int error = open_wake() ? 0 : errno;
  ending = false;
  owner = getpid();
  if (error == 0) {
    watch_stop_signal(&waker);
    error = begin_thread();
  }
  if (error == 0) {
    now = phase::running;
    return HP_OK;
  }
  end_offer();
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
    if (waker)
      (void)!send(waker.get(), "", 1, MSG_NOSIGNAL);
    else
      offered.knock();
  }
  pthread_join(thread, nullptr);
  const held_mutex held;
  end_offer();
  return HP_OK;
}

const char* control_path() noexcept
{
  const held_mutex held;
  if (lost)
    return "";
  return offered.path();
}

}  // namespace hotpatch
