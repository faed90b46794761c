// Stopping and resuming real threads in every situation that they can be in.
// SPDX-License-Identifier: MIT
#define BOOST_TEST_MODULE thread_stop
#include "testsuite/lib/boost_tap.h"

#include <atomic>
#include <cerrno>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstring>
#include <deque>
#include <iostream>
#include <mutex>
#include <thread>
#include <vector>

#include <linux/filter.h>
#include <linux/io_uring.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "runtime/status.h"
#include "runtime/stop_signal.h"
#include "runtime/thread_list.h"
#include "runtime/thread_stop.h"

using namespace hotpatch;
using namespace std::chrono_literals;

namespace {

deadline generous()
{
  return deadline::in_milliseconds(20'000);
}

// Threads that count until they are told to end.
class counting_threads {
 public:
  explicit counting_threads(int count) : counters_(count)
  {
    for (auto& counter : counters_)
      threads_.emplace_back([this, &counter] {
        while (!done_.load(std::memory_order_relaxed))
          counter.fetch_add(1, std::memory_order_relaxed);
      });
    for (auto& counter : counters_)
      while (counter.load() == 0)
        std::this_thread::yield();
  }
  ~counting_threads()
  {
    done_ = true;
    for (auto& thread : threads_)
      thread.join();
  }
  std::vector<long> values() const
  {
    std::vector<long> result;
    for (const auto& counter : counters_)
      result.push_back(counter.load());
    return result;
  }

 private:
  std::atomic<bool> done_{false};
  std::deque<std::atomic<long>> counters_;
  std::vector<std::thread> threads_;
};

// Runs `body` in a forked child, where it may ruin its process; true if it
// returned true.
template <typename F>
bool in_child(F body)
{
  const pid_t child = fork();
  if (child == 0) {
    alarm(60);
    _exit(body() ? 0 : 1);
  }
  int status = 0;
  waitpid(child, &status, 0);
  return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

pid_t thread_id()
{
  return static_cast<pid_t>(syscall(SYS_gettid));
}

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

void wait_until_asleep(pid_t thread)
{
  thread_status status;
  while (read_thread_status(thread, status) && status.state != 'S')
    std::this_thread::sleep_for(100us);
}

}  // namespace

BOOST_AUTO_TEST_CASE(a_process_with_one_thread_is_stopped_without_a_signal)
{
  stopped_threads others;
  BOOST_TEST(others.stop(generous()) == HP_OK);
  BOOST_TEST(others.count() == 0u);
  BOOST_TEST(others.first() == nullptr);
}

BOOST_AUTO_TEST_CASE(busy_threads_stand_still_and_go_on)
{
  counting_threads threads(8);
  for (int round = 0; round < 50; ++round) {
    std::vector<long> before, after;
    {
      stopped_threads others;
      BOOST_REQUIRE(others.stop(generous()) == HP_OK);
      BOOST_REQUIRE(others.count() == 8u);
      before = threads.values();
      const auto start = monotonic_now();
      while (monotonic_now() - start < 200'000)
        ;
      after = threads.values();
    }
    BOOST_REQUIRE(before == after);
  }
  const auto stopped = threads.values();
  for (std::size_t i = 0; i < stopped.size(); ++i)
    while (threads.values()[i] == stopped[i])
      std::this_thread::yield();  // ends only when every thread runs again
}

BOOST_AUTO_TEST_CASE(running_threads_do_not_look_stopped)
{
  // The control of the test above: without the stop the counters do change.
  counting_threads threads(2);
  const auto before = threads.values();
  std::this_thread::sleep_for(50ms);
  BOOST_TEST((before != threads.values()));
}

BOOST_AUTO_TEST_CASE(registers_and_thread_pointer_are_those_of_the_thread)
{
  std::atomic<pid_t> id{0};
  std::atomic<bool> done{false};
  pthread_t self{};
  std::thread thread([&] {
    self = pthread_self();
    id = thread_id();
    asm volatile(
        "mov $0x1234567887654321, %%r13\n\t"
        "1: pause\n\t"
        "cmpb $0, %0\n\t"
        "je 1b"
        :
        : "m"(done)
        : "r13", "memory");
  });
  while (id == 0)
    std::this_thread::yield();
  std::this_thread::sleep_for(5ms);
  {
    stopped_threads others;
    BOOST_REQUIRE(others.stop(generous()) == HP_OK);
    BOOST_REQUIRE(others.count() == 1u);
    BOOST_TEST(others.first()->thread == id);
    BOOST_TEST(others.first()->thread_pointer ==
               static_cast<std::uintptr_t>(self));
    BOOST_TEST(others.first()->context->uc_mcontext.gregs[REG_R13] ==
               0x1234567887654321);
  }
  done = true;
  thread.join();
}

BOOST_AUTO_TEST_CASE(a_blocked_read_goes_on_without_an_error)
{
  int ends[2];
  BOOST_REQUIRE(pipe(ends) == 0);
  std::atomic<pid_t> id{0};
  ssize_t got = -1;
  int error = 0;
  std::thread thread([&] {
    char byte;
    errno = 77;
    id = thread_id();
    got = read(ends[0], &byte, 1);
    error = errno;
  });
  while (id == 0)
    std::this_thread::yield();
  wait_until_asleep(id);
  for (int i = 0; i < 20; ++i) {
    stopped_threads others;
    BOOST_REQUIRE(others.stop(generous()) == HP_OK);
    BOOST_REQUIRE(others.count() == 1u);
  }
  BOOST_REQUIRE(write(ends[1], "x", 1) == 1);
  thread.join();
  BOOST_TEST(got == 1);
  BOOST_TEST(error == 77);  // errno is untouched as well
  close(ends[0]);
  close(ends[1]);
}

BOOST_AUTO_TEST_CASE(mutexes_and_condition_variables_survive)
{
  std::mutex mutex;
  std::condition_variable changed;
  bool ready = false;
  std::atomic<int> passed{0};
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i)
    threads.emplace_back([&] {
      std::unique_lock lock(mutex);
      changed.wait(lock, [&] { return ready; });
      ++passed;
    });
  for (int i = 0; i < 20; ++i) {
    stopped_threads others;
    BOOST_REQUIRE(others.stop(generous()) == HP_OK);
  }
  BOOST_TEST(passed == 0);
  {
    std::lock_guard lock(mutex);
    ready = true;
  }
  changed.notify_all();
  for (auto& thread : threads)
    thread.join();
  BOOST_TEST(passed == 4);
}

BOOST_AUTO_TEST_CASE(what_signal_7_never_restarts_returns_EINTR)
{
  // Documents the limit: poll() is on signal(7)'s list.
  std::atomic<pid_t> id{0};
  int result = 0;
  int error = 0;
  std::thread thread([&] {
    id = thread_id();
    result = poll(nullptr, 0, 60'000);
    error = errno;
  });
  while (id == 0)
    std::this_thread::yield();
  wait_until_asleep(id);
  {
    stopped_threads others;
    BOOST_REQUIRE(others.stop(generous()) == HP_OK);
  }
  thread.join();
  BOOST_TEST(result == -1);
  BOOST_TEST(error == EINTR);
}

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

  // Nobody was left standing, the late signal does no harm, and once the
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

BOOST_AUTO_TEST_CASE(threads_on_an_alternate_signal_stack_are_stopped)
{
  static std::atomic<bool> inside{false}, leave{false};
  static std::atomic<std::uintptr_t> stack_used{0};
  std::vector<char> alternate(64 * 1024);
  struct sigaction action {};
  action.sa_handler = [](int) {
    char here;
    stack_used = reinterpret_cast<std::uintptr_t>(&here);
    inside = true;
    while (!leave)
      ;
  };
  action.sa_flags = SA_ONSTACK;
  sigaction(SIGUSR1, &action, nullptr);
  std::thread thread([&] {
    stack_t stack{};
    stack.ss_sp = alternate.data();
    stack.ss_size = alternate.size();
    sigaltstack(&stack, nullptr);
    raise(SIGUSR1);
    stack.ss_flags = SS_DISABLE;
    sigaltstack(&stack, nullptr);
  });
  while (!inside)
    std::this_thread::yield();
  {
    stopped_threads others;
    BOOST_REQUIRE(others.stop(generous()) == HP_OK);
    BOOST_REQUIRE(others.count() == 1u);
    const ucontext_t& context = *others.first()->context;
    const auto sp =
        static_cast<std::uintptr_t>(context.uc_mcontext.gregs[REG_RSP]);
    const auto base = reinterpret_cast<std::uintptr_t>(alternate.data());
    BOOST_TEST(sp - base < alternate.size());
    BOOST_TEST(context.uc_stack.ss_sp == alternate.data());
  }
  leave = true;
  thread.join();
}

BOOST_AUTO_TEST_CASE(threads_that_come_and_go_during_500_stops)
{
  std::atomic<bool> done{false};
  std::atomic<long> born{0}, running{0};
  std::vector<std::thread> creators;
  for (int i = 0; i < 3; ++i)
    creators.emplace_back([&] {
      while (!done) {
        std::thread first([&] { ++running, ++born, --running; });
        std::thread second([&] {
          std::thread([&] { ++born; }).join();
          ++born;
        });
        first.join();
        second.join();
      }
    });
  while (born < 10)
    std::this_thread::yield();
  long births_seen = 0;
  for (int round = 0; round < 500; ++round) {
    const long before_stop = born;
    stopped_threads others;
    const hp_status status = others.stop(generous());
    // Nothing here may allocate: a stopped thread may hold the lock.
    const long at_stop = born;
    std::size_t counted = 0, listed = 0;
    const int error = list_threads(
        [](pid_t, void* count) { ++*static_cast<std::size_t*>(count); },
        &listed, counted);
    const auto start = monotonic_now();
    while (monotonic_now() - start < 50'000)
      ;
    const long at_resume = born;
    const std::size_t stopped = others.count();
    others.resume();
    if (status != HP_OK)
      BOOST_TEST_MESSAGE(last_message());
    BOOST_REQUIRE(status == HP_OK);
    BOOST_REQUIRE(error == 0);
    BOOST_REQUIRE(stopped >= 3u);
    BOOST_REQUIRE(listed == stopped + 1);
    BOOST_REQUIRE(at_resume == at_stop);
    births_seen += born - before_stop;
    std::this_thread::sleep_for(200us);
  }
  BOOST_TEST(births_seen > 0);  // there were some to be missed
  done = true;
  for (auto& creator : creators)
    creator.join();
}

BOOST_AUTO_TEST_CASE(two_stoppers_take_turns)
{
  std::atomic<long> stops{0};
  std::atomic<int> inside{0};
  std::atomic<bool> overlapped{false};
  const auto stopper = [&] {
    for (int i = 0; i < 200; ++i) {
      stopped_threads others;
      if (others.stop(generous()) != HP_OK)
        continue;
      if (inside.fetch_add(1) != 0)
        overlapped = true;
      --inside;
      ++stops;
    }
  };
  std::thread first(stopper), second(stopper), third(stopper);
  first.join();
  second.join();
  third.join();
  BOOST_TEST(stops == 600);
  BOOST_TEST(!overlapped);
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

BOOST_AUTO_TEST_CASE(a_forked_child_stops_its_own_threads)
{
  counting_threads threads(3);
  {
    stopped_threads others;
    BOOST_REQUIRE(others.stop(generous()) == HP_OK);
  }
  BOOST_TEST(in_child([] {
    {
      stopped_threads nobody;
      if (nobody.stop(generous()) != HP_OK || nobody.count() != 0)
        return false;
    }
    counting_threads own(2);
    stopped_threads others;
    return others.stop(generous()) == HP_OK && others.count() == 2;
  }));
}

BOOST_AUTO_TEST_CASE(a_child_forked_during_stops_finds_the_lock_free)
{
  std::atomic<bool> done{false};
  std::thread stopper([&] {
    while (!done) {
      stopped_threads others;
      (void)others.stop(generous());
    }
  });
  for (int i = 0; i < 50; ++i)
    BOOST_REQUIRE(in_child([] {
      stopped_threads nobody;
      return nobody.stop(generous()) == HP_OK && nobody.count() == 0;
    }));
  done = true;
  stopper.join();
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

BOOST_AUTO_TEST_CASE(the_callers_signals_wait_until_it_has_resumed_the_others)
{
  static std::atomic<int> seen{0};
  signal(SIGUSR1, [](int) { ++seen; });
  stopped_threads others;
  BOOST_REQUIRE(others.stop(generous()) == HP_OK);
  raise(SIGUSR1);
  BOOST_TEST(seen == 0);
  others.resume();
  BOOST_TEST(seen == 1);
}

BOOST_AUTO_TEST_CASE(serialising_reaches_every_thread)
{
  counting_threads threads(4);
  for (int i = 0; i < 20; ++i)
    BOOST_TEST(serialise_threads(generous()) == HP_OK);
}

BOOST_AUTO_TEST_CASE(a_thousand_threads_are_stopped)
{
  std::atomic<bool> done{false};
  std::vector<std::thread> threads;
  std::atomic<int> started{0};
  int ends[2];
  BOOST_REQUIRE(pipe(ends) == 0);
  for (int i = 0; i < 1000; ++i)
    threads.emplace_back([&] {
      ++started;
      char byte;
      while (read(ends[0], &byte, 1) < 0)
        ;
    });
  while (started < 1000)
    std::this_thread::yield();
  for (int i = 0; i < 5; ++i) {
    stopped_threads others;
    BOOST_REQUIRE(others.stop(generous()) == HP_OK);
    BOOST_REQUIRE(others.count() == 1000u);
  }
  close(ends[1]);
  for (auto& thread : threads)
    thread.join();
  close(ends[0]);
}
