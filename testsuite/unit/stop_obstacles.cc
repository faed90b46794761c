// What keeps threads from being stopped, and how it is named.
// SPDX-License-Identifier: MIT
#include "testsuite/lib/boost_tap.h"

#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstddef>
#include <cstring>
#include <iostream>
#include <thread>

#include <linux/filter.h>
#include <linux/io_uring.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "runtime/base/status.h"
#include "runtime/threads/stop_signal.h"
#include "runtime/threads/thread_list.h"
#include "runtime/threads/thread_stop.h"
#include "testsuite/lib/in_child.h"
#include "testsuite/unit/threads_to_stop.h"

using namespace hotpatch;
using namespace hotpatch_test;

namespace {

// From now on the system call fails with that error.  For children.
bool refuse(int system_call, int error)
{
  sock_filter filter[] = {
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, static_cast<unsigned>(system_call), 0,
               1),
      BPF_STMT(BPF_RET | BPF_K,
               SECCOMP_RET_ERRNO | static_cast<unsigned>(error)),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
  };
  sock_fprog program{4, filter};
  return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
         syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER,
                 SECCOMP_FILTER_FLAG_TSYNC, &program) == 0;
}

}  // namespace

BOOST_AUTO_TEST_CASE(a_thread_that_blocks_all_signals_is_busy_by_name)
{
  std::atomic<pid_t> id{0};
  std::atomic<bool> unblock{false}, unblocked{false}, done{false};
  std::thread thread([&] {
    prctl(PR_SET_NAME, "deaf thread");
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, &before);
    id = thread_id();
    while (!unblock)
      std::this_thread::yield();
    pthread_sigmask(SIG_SETMASK, &before, nullptr);
    unblocked = true;
    while (!done)
      std::this_thread::yield();
  });
  counting_threads others_in_the_process(2);
  while (id == 0)
    std::this_thread::yield();
  {
    stopped_threads others;
    BOOST_TEST(others.stop(deadline::in_milliseconds(30)) == HP_BUSY);
    BOOST_TEST(others.count() == 0u);
  }
  const std::string message = last_message();
  BOOST_TEST_INFO(message);
  BOOST_TEST(message.find("deaf thread") != std::string::npos);
  BOOST_TEST_INFO(message);
  BOOST_TEST(message.find(std::to_string(id)) != std::string::npos);
  BOOST_TEST_INFO(message);
  BOOST_TEST(message.find("blocks signal") != std::string::npos);

  // No thread was left standing, the late signal does no harm, and once the
  // thread listens it can be stopped.
  const auto before = others_in_the_process.values();
  while (others_in_the_process.values()[0] == before[0] ||
         others_in_the_process.values()[1] == before[1])
    std::this_thread::yield();
  unblock = true;
  while (!unblocked)
    std::this_thread::yield();
  {
    stopped_threads others;
    BOOST_TEST(others.stop(generous()) == HP_OK);
    BOOST_TEST(others.count() == 3u);
  }
  done = true;
  thread.join();
}

BOOST_AUTO_TEST_CASE(a_vfork_parent_is_busy_until_the_child_has_left)
{
  int ends[2];
  BOOST_REQUIRE(pipe(ends) == 0);
  std::atomic<pid_t> id{0};
  std::thread thread([&] {
    prctl(PR_SET_NAME, "vforking");
    id = thread_id();
    const pid_t child = vfork();
    if (child == 0) {
      char byte;
      // The raw call: the child shares this thread's errno.
      syscall(SYS_read, ends[0], &byte, 1);
      _exit(0);
    }
    int status;
    waitpid(child, &status, 0);
  });
  while (id == 0)
    std::this_thread::yield();
  thread_status status;
  while (read_thread_status(id, status) && status.state != 'D')
    std::this_thread::sleep_for(100us);
  {
    stopped_threads others;
    BOOST_TEST(others.stop(deadline::in_milliseconds(20)) == HP_BUSY);
  }
  const std::string message = last_message();
  BOOST_TEST_INFO(message);
  BOOST_TEST(message.find("vfork") != std::string::npos);
  BOOST_REQUIRE(write(ends[1], "x", 1) == 1);
  {
    stopped_threads others;
    BOOST_TEST(others.stop(generous()) == HP_OK);
  }
  thread.join();
  close(ends[0]);
  close(ends[1]);
}

BOOST_AUTO_TEST_CASE(a_main_thread_that_has_ended_is_not_waited_for)
{
  // In a child of its own, whose main thread ends before the others.
  BOOST_TEST(in_child([] {
    std::thread([] {
      thread_status status;
      while (!read_thread_status(getpid(), status) || status.state != 'Z')
        std::this_thread::sleep_for(100us);
      bool good = true;
      {
        counting_threads threads(2);
        for (int i = 0; i < 3; ++i) {
          stopped_threads others;
          good =
              good && others.stop(generous()) == HP_OK && others.count() == 2;
        }
      }
      _exit(good ? 0 : 1);
    }).detach();
    // What pthread_exit() ends with; its unwinding would meet Boost's handlers.
    syscall(SYS_exit, 0);
    return false;
  }));
}

BOOST_AUTO_TEST_CASE(a_signal_taken_over_by_the_program_is_replaced)
{
  BOOST_TEST(in_child([] {
    counting_threads threads(2);
    {
      stopped_threads others;
      if (others.stop(generous()) != HP_OK)
        return false;
    }
    static std::atomic<int> own_handler{0};
    int in_use = 0;
    for (int signal = 34; signal <= 64; ++signal) {
      struct sigaction action {};
      sigaction(signal, nullptr, &action);
      if (action.sa_handler == SIG_DFL)
        continue;
      in_use = signal;
      action.sa_flags = 0;
      action.sa_handler = [](int) { ++own_handler; };
      sigaction(signal, &action, nullptr);
    }
    stopped_threads others;
    return in_use != 0 && others.stop(generous()) == HP_OK &&
           others.count() == 2 && own_handler == 0;
  }));
}

BOOST_AUTO_TEST_CASE(the_signal_can_be_chosen)
{
  BOOST_TEST(in_child([] {
    if (request_stop_signal(SIGKILL) != HP_INVALID ||
        request_stop_signal(33) != HP_INVALID ||
        request_stop_signal(65) != HP_INVALID)
      return false;
    signal(SIGUSR2, [](int) {});
    if (request_stop_signal(SIGUSR2) != HP_INVALID ||
        request_stop_signal(SIGSTKFLT) != HP_OK)
      return false;
    counting_threads threads(2);
    stopped_threads others;
    struct sigaction action {};
    sigaction(SIGSTKFLT, nullptr, &action);
    const bool before = action.sa_handler == SIG_DFL;
    const bool stopped = others.stop(generous()) == HP_OK;
    others.resume();
    sigaction(SIGSTKFLT, nullptr, &action);
    return before && stopped && action.sa_handler != SIG_DFL;
  }));
}

BOOST_AUTO_TEST_CASE(a_full_signal_queue_is_named)
{
  BOOST_TEST(in_child([] {
    counting_threads threads(2);
    const rlimit none{0, 0};
    setrlimit(RLIMIT_SIGPENDING, &none);
    {
      stopped_threads others;
      if (others.stop(deadline::in_milliseconds(20)) != HP_BUSY ||
          !std::strstr(last_message(), "RLIMIT_SIGPENDING"))
        return false;
    }
    // Signals below 32 need no room in the queue.
    if (request_stop_signal(SIGSTKFLT) != HP_OK)
      return false;
    stopped_threads others;
    return others.stop(generous()) == HP_OK && others.count() == 2;
  }));
}

BOOST_AUTO_TEST_CASE(a_worker_of_the_kernel_is_not_waited_for)
{
  // io_uring makes a thread of this process for a read that has to wait.
  BOOST_TEST(in_child([] {
    io_uring_params params{};
    const int ring = static_cast<int>(syscall(SYS_io_uring_setup, 4, &params));
    if (ring < 0) {
      std::cout << "# no io_uring here: " << std::strerror(errno) << std::endl;
      return true;
    }
    const auto map = [ring](off_t what) {
      return static_cast<char*>(mmap(nullptr, 4096, PROT_READ | PROT_WRITE,
                                     MAP_SHARED | MAP_POPULATE, ring, what));
    };
    char* const queue = map(IORING_OFF_SQ_RING);
    auto* const entry = reinterpret_cast<io_uring_sqe*>(map(IORING_OFF_SQES));
    int ends[2];
    if (pipe(ends) != 0)
      return false;
    char byte;
    entry->opcode = IORING_OP_READ;
    entry->flags = IOSQE_ASYNC;
    entry->fd = ends[0];
    entry->addr = reinterpret_cast<std::uintptr_t>(&byte);
    entry->len = 1;
    *reinterpret_cast<unsigned*>(queue + params.sq_off.array) = 0;
    *reinterpret_cast<unsigned*>(queue + params.sq_off.tail) = 1;
    if (syscall(SYS_io_uring_enter, ring, 1, 0, 0, nullptr, 0) != 1)
      return false;
    std::size_t counted = 0;
    while (counted < 2)
      if (list_threads([](pid_t, void*) {}, nullptr, counted) != 0)
        return false;
    stopped_threads others;
    return others.stop(generous()) == HP_OK && others.count() == 0;
  }));
}

BOOST_AUTO_TEST_CASE(a_filter_that_refuses_the_signal_is_named)
{
  BOOST_TEST(in_child([] {
    counting_threads threads(2);
    if (!refuse(SYS_tgkill, EPERM))
      return false;
    stopped_threads others;
    return others.stop(generous()) == HP_DENIED &&
           std::strstr(last_message(), "refuses to send signal");
  }));
}

BOOST_AUTO_TEST_CASE(without_proc_it_is_not_supported)
{
  for (const int call : {SYS_openat, SYS_readlinkat})
    BOOST_TEST(in_child([call] {
      counting_threads threads(2);
      if (!refuse(call, ENOENT))
        return false;
      stopped_threads others;
      return others.stop(generous()) == HP_UNSUPPORTED &&
             std::strstr(last_message(), "/proc/self/task");
    }));
}

BOOST_AUTO_TEST_CASE(the_proc_of_another_pid_namespace_is_not_believed)
{
  BOOST_TEST(in_child([] {
    if (unshare(CLONE_NEWPID) != 0)
      return geteuid() != 0;  // only root may try
    return in_child([] {
      counting_threads threads(2);
      stopped_threads others;
      return others.stop(generous()) == HP_UNSUPPORTED &&
             std::strstr(last_message(), "PID namespace");
    });
  }));
}
