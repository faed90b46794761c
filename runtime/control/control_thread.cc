// Beginning the thread, ending it, and forks.
//
// SPDX-License-Identifier: MIT
#include "runtime/control/control_thread.h"

#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include <fcntl.h>
#include <pthread.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "format/control_protocol.h"
#include "runtime/base/countermeasure.h"
#include "runtime/base/file_descriptor.h"
#include "runtime/base/status.h"
#include "runtime/control/control_clients.h"
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

// Choosing a directory, making the socket, and taking it away.

namespace {

constexpr mode_t owner_only = 0600;
constexpr int waiting_clients = 16;

bool is_own_directory(const char* path)
{
  struct stat about;
  return lstat(path, &about) == 0 && S_ISDIR(about.st_mode) &&
         about.st_uid == geteuid() &&
         (about.st_mode & (S_IWGRP | S_IWOTH)) == 0;
}

// No other user may write there, or could put a socket in our place.
bool make_own_directory(const char* path)
{
  if (mkdir(path, S_IRWXU) != 0 && errno != EEXIST)
    return false;
  if (is_own_directory(path))
    return true;
  errno = EPERM;
  return false;
}

// The places to try, one after the other; false after the last.
bool name_directory(int place, char (&into)[sizeof(sockaddr_un::sun_path)])
{
  const char* const runtime = secure_getenv("XDG_RUNTIME_DIR");
  const unsigned user = geteuid();
  int length = 0;
  switch (place) {
    case 0:
      if (runtime != nullptr && is_own_directory(runtime))
        length = std::snprintf(into, sizeof into, "%s/%s", runtime,
                               format::control_directory);
      break;
    case 1:
      if (user == 0)
        length = std::snprintf(into, sizeof into, "/run/%s",
                               format::control_directory);
      else
        length = std::snprintf(into, sizeof into, "/run/user/%u/%s", user,
                               format::control_directory);
      break;
    case 2:
      length = std::snprintf(into, sizeof into, "/tmp/%s-%u",
                             format::control_directory, user);
      break;
    default:
      return false;
  }
  if (length <= 0 || static_cast<std::size_t>(length) >= sizeof into)
    into[0] = '\0';
  return true;
}

}  // namespace

hp_status offered_socket::choose_path() noexcept
{
  char directory[sizeof address_.sun_path];
  int reason = ENAMETOOLONG;
  for (int place = 0; name_directory(place, directory); ++place) {
    if (directory[0] == '\0')
      continue;
    if (!make_own_directory(directory)) {
      reason = errno;
      continue;
    }
    const int length =
        std::snprintf(address_.sun_path, sizeof address_.sun_path, "%.90s/%d%s",
                      directory, getpid(), format::control_suffix);
    if (static_cast<std::size_t>(length) < sizeof address_.sun_path &&
        access(directory, W_OK | X_OK) == 0)
      return HP_OK;
    reason = errno;
  }
  forget();
  return fail(HP_DENIED,
              "there is no directory for the control socket, neither in "
              "$XDG_RUNTIME_DIR nor below /run, and in /tmp: %s; give "
              "hp_control_open() a path",
              std::strerror(reason));
}

// Left by a process that was killed.
bool offered_socket::is_abandoned() const noexcept
{
  struct stat about;
  if (lstat(address_.sun_path, &about) != 0 || !S_ISSOCK(about.st_mode) ||
      about.st_uid != geteuid())
    return false;
  const file_descriptor probe(
      socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0));
  return probe &&
         connect(probe.get(), reinterpret_cast<const sockaddr*>(&address_),
                 sizeof address_) != 0 &&
         errno == ECONNREFUSED;
}

hp_status offered_socket::listen_at_path() noexcept
{
  const auto* address = reinterpret_cast<const sockaddr*>(&address_);
  int bound = bind(descriptor_.get(), address, sizeof address_);
  if (bound != 0 && errno == EADDRINUSE) {
    if (is_abandoned())
      unlink(address_.sun_path);
    bound = bind(descriptor_.get(), address, sizeof address_);
  }
  if (bound != 0 && errno == EADDRINUSE)
    return fail(HP_BUSY,
                "%s: is there already and belongs to something else; give "
                "hp_control_open() another path",
                address_.sun_path);
  struct stat about;
  if (bound == 0 && lstat(address_.sun_path, &about) == 0) {
    device_ = about.st_dev;
    inode_ = about.st_ino;
    if (listen(descriptor_.get(), waiting_clients) == 0)
      return HP_OK;
  }
  const int reason = errno;
  remove_path();
  return fail(HP_DENIED, "%s: no socket can be made there: %s",
              address_.sun_path, std::strerror(reason));
}

hp_status offered_socket::open(const char* path) noexcept
{
  if (path == nullptr) {
    if (const hp_status status = choose_path(); status != HP_OK)
      return status;
  } else {
    const std::size_t length = std::strlen(path);
    if (*path != '/' || length >= sizeof address_.sun_path)
      return fail(HP_INVALID,
                  "%.128s: the path of a control socket has to be absolute, "
                  "and of at most %zu bytes",
                  path, sizeof address_.sun_path - 1);
    std::memcpy(address_.sun_path, path, length + 1);
  }
  descriptor_.reset(
      socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!descriptor_) {
    forget();
    return fail(HP_DENIED, "the system refuses a socket: %s",
                std::strerror(errno));
  }
  // What bind(2) makes has the mode of the socket, and never a wider one.
  fchmod(descriptor_.get(), owner_only);
  const hp_status status = listen_at_path();
  if (status != HP_OK)
    abandon();
  return status;
}

void offered_socket::close() noexcept
{
  remove_path();
  abandon();
}

void offered_socket::knock() const noexcept
{
  const file_descriptor client(
      socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (client)
    (void)!connect(client.get(), reinterpret_cast<const sockaddr*>(&address_),
                   sizeof address_);
}

void offered_socket::remove_path() noexcept
{
  struct stat about;
  if (address_.sun_path[0] != '\0' && inode_ != 0 &&
      lstat(address_.sun_path, &about) == 0 && about.st_dev == device_ &&
      about.st_ino == inode_)
    unlink(address_.sun_path);
}

void offered_socket::abandon() noexcept
{
  descriptor_.reset(-1);
  forget();
}

void offered_socket::forget() noexcept
{
  device_ = 0;
  inode_ = 0;
  address_.sun_path[0] = '\0';
}

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
