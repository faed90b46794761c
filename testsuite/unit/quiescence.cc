// Finding real threads that are inside a function, wherever the trace of it is.
// SPDX-License-Identifier: MIT
#define BOOST_TEST_MODULE quiescence
#include "testsuite/lib/boost_tap.h"

#include <atomic>
#include <chrono>
#include <cstring>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include <pthread.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <ucontext.h>
#include <unistd.h>

#include "runtime/quiescence.h"
#include "runtime/status.h"
#include "runtime/thread_list.h"

using namespace hotpatch;
using namespace std::chrono_literals;

// Functions whose bounds are known.  A body begins where its patch word would
// end.
asm(R"(
        .text
        .p2align 4
# void hold(void (*function)(void*), void* argument): calls it.
hold_begin:
hold:   sub     $8, %rsp
        mov     %rdi, %rax
        mov     %rsi, %rdi
        call    *%rax
        add     $8, %rsp
        ret
hold_end:
        .p2align 4
# void spin(const std::atomic<bool>*): until it is true; never calls.
spin:   cmpb    $0, (%rdi)
spin_begin:
        cmpb    $0, (%rdi)
        je      spin_begin
        ret
spin_end:
        .p2align 4
# The same for a function that ends in a call which never returns.
last_call_begin:
last_call:
        sub     $8, %rsp
        mov     %rdi, %rax
        mov     %rsi, %rdi
        call    *%rax
last_call_end:
        nop
        add     $8, %rsp
        ret
        .p2align 4
# void red_zone(const std::atomic<bool>*, address): keeps the address below the
# stack pointer, and nowhere else, until the flag is set.
red_zone:
        mov     %rsi, -120(%rsp)
        xor     %esi, %esi
1:      cmpb    $0, (%rdi)
        je      1b
        movq    $0, -120(%rsp)
        ret
# void in_register(const std::atomic<bool>*, address): in %r12 only.
in_register:
        push    %r12
        mov     %rsi, %r12
        xor     %esi, %esi
1:      cmpb    $0, (%rdi)
        je      1b
        pop     %r12
        ret
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

namespace {

std::uint64_t address(const void* place)
{
  return reinterpret_cast<std::uint64_t>(place);
}

// Not on anybody's stack.
const code_range hold_range[] = {
    {address(hold_begin), address(hold_end), "hold", code_kind::body}};
const code_range spin_range[] = {
    {address(spin_begin), address(spin_end), "spin", code_kind::body}};
const code_range last_call_range[] = {{address(last_call_begin),
                                       address(last_call_end), "last_call",
                                       code_kind::body}};

// The text of a failure is then in last_message().  Where others load the
// machine, a thread may not get to run in the time of one attempt: that says
// nothing about where it is.
[[gnu::noinline]] hp_status try_reach(std::span<const code_range> ranges,
                                      int milliseconds = 0)
{
  for (;;) {
    quiescence quiet;
    const hp_status status =
        quiet.reach(ranges, deadline::in_milliseconds(milliseconds),
                    __builtin_frame_address(0));
    if (status != HP_BUSY ||
        !std::strstr(last_message(), "did not stop in time"))
      return status;
  }
}

bool message_has(const std::string& part)
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
void stay(void* argument)
{
  auto& thread = *static_cast<thread_inside*>(argument);
  thread.inside = true;
  while (!thread.leave)
    std::this_thread::yield();
}

// The same, a few kilobytes deeper.
void stay_deep(void* argument)
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

// Removes what earlier calls have left behind below the stack pointer.
[[gnu::noinline]] void wipe_stack_below()
{
  volatile char space[64 * 1024];
  std::memset(const_cast<char*>(space), 0, sizeof space);
}

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

}  // namespace

BOOST_AUTO_TEST_CASE(nobody_is_inside)
{
  thread_inside elsewhere([](thread_inside& self) { stay(&self); });
  elsewhere.wait_until_inside();
  BOOST_TEST(try_reach(hold_range) == HP_OK);
  BOOST_TEST(try_reach(spin_range) == HP_OK);
  BOOST_TEST(try_reach({}) == HP_OK);
}

BOOST_AUTO_TEST_CASE(a_thread_that_executes_it)
{
  thread_inside thread([](thread_inside& self) { spin(&self.leave); });
  thread.wait_until_spinning();
  BOOST_TEST(try_reach(spin_range) == HP_BUSY);
  BOOST_TEST(message_has("thread " + thread.id() + " (insider) is in spin"));
  BOOST_TEST(try_reach(hold_range) == HP_OK);
  thread.let_go();
  BOOST_TEST(try_reach(spin_range) == HP_OK);
}

BOOST_AUTO_TEST_CASE(a_thread_that_will_return_to_it)
{
  for (auto* function : {stay, stay_deep}) {
    thread_inside thread(
        [function](thread_inside& self) { hold(function, &self); });
    thread.wait_until_inside();
    BOOST_TEST(try_reach(hold_range) == HP_BUSY);
    BOOST_TEST(
        message_has("thread " + thread.id() + " (insider) has not left hold"));
    BOOST_TEST(try_reach(spin_range) == HP_OK);
  }
}

BOOST_AUTO_TEST_CASE(an_address_in_a_register)
{
  thread_inside thread(
      [](thread_inside& self) { in_register(&self.leave, hold_begin + 1); });
  thread.wait_until_spinning();
  BOOST_TEST(try_reach(hold_range) == HP_BUSY);
  BOOST_TEST(message_has("register"));
}

BOOST_AUTO_TEST_CASE(an_address_in_the_red_zone)
{
  thread_inside thread(
      [](thread_inside& self) { red_zone(&self.leave, hold_begin + 1); });
  thread.wait_until_spinning();
  static const code_range whole[] = {
      {address(hold_begin), address(hold_end), "an image", code_kind::whole}};
  BOOST_TEST(try_reach(whole) == HP_BUSY);
  BOOST_TEST(message_has("on its stack"));
  // What a call that has ended left there: else whoever calls a function again
  // and again would always be inside.
  BOOST_TEST(try_reach(hold_range) == HP_OK);
}

BOOST_AUTO_TEST_CASE(a_pointer_to_the_original_is_no_call_of_it)
{
  // What hp_original() returns: data, unless a signal frame holds it.
  thread_inside thread([](thread_inside& self) {
    const void* volatile original = hold_begin;
    const void* volatile end = hold_end;
    stay(&self);
    (void)original;
    (void)end;
  });
  thread.wait_until_inside();
  BOOST_TEST(try_reach(hold_range) == HP_OK);
}

BOOST_AUTO_TEST_CASE(a_function_that_ends_in_a_call)
{
  thread_inside thread([](thread_inside& self) { last_call(stay, &self); });
  thread.wait_until_inside();
  BOOST_TEST(try_reach(last_call_range) == HP_BUSY);
}

BOOST_AUTO_TEST_CASE(every_address_counts_in_memory_that_is_to_go)
{
  static const code_range whole[] = {
      {address(hold_begin), address(hold_end), "an image", code_kind::whole}};
  thread_inside thread([](thread_inside& self) {
    const void* volatile pointer = hold_begin;
    stay(&self);
    (void)pointer;
  });
  thread.wait_until_inside();
  BOOST_TEST(try_reach(whole) == HP_BUSY);
}

BOOST_AUTO_TEST_CASE(interrupted_at_the_first_instruction)
{
  // Only the signal frame on the stack says that the thread is in spin().  The
  // handler puts it there, because the moment itself is hard to meet.
  static thread_inside* current;
  struct sigaction action {};
  action.sa_flags = SA_SIGINFO;
  action.sa_sigaction = [](int, siginfo_t*, void* context) {
    auto& registers = static_cast<ucontext_t*>(context)->uc_mcontext.gregs;
    const greg_t original = registers[REG_RIP];
    auto* const saved = const_cast<volatile greg_t*>(&registers[REG_RIP]);
    *saved = static_cast<greg_t>(address(spin_begin));
    stay(current);
    *saved = original;
  };
  sigaction(SIGUSR1, &action, nullptr);
  thread_inside thread([&](thread_inside& self) {
    current = &self;
    raise(SIGUSR1);
  });
  thread.wait_until_inside();
  BOOST_TEST(try_reach(spin_range) == HP_BUSY);
  thread.let_go();
  BOOST_TEST(try_reach(spin_range) == HP_OK);
}

BOOST_AUTO_TEST_CASE(interrupted_by_a_handler_on_another_stack)
{
  static thread_inside* current;
  struct sigaction action {};
  action.sa_handler = [](int) { stay(current); };
  action.sa_flags = SA_ONSTACK;
  sigaction(SIGUSR1, &action, nullptr);

  // The alternate stack: on the heap, and a part of the thread's own stack.
  std::vector<char> on_heap(64 * 1024);
  for (const bool in_own_stack : {false, true}) {
    thread_inside thread([&](thread_inside& self) {
      char on_stack[64 * 1024] = {};  // without what older threads left there
      stack_t alternate{};
      alternate.ss_sp = in_own_stack ? on_stack : on_heap.data();
      alternate.ss_size = sizeof on_stack;
      sigaltstack(&alternate, nullptr);
      current = &self;
      hold([](void*) { raise(SIGUSR1); }, nullptr);
      alternate.ss_flags = SS_DISABLE;
      sigaltstack(&alternate, nullptr);
    });
    thread.wait_until_inside();
    BOOST_TEST(try_reach(hold_range) == HP_BUSY);
    BOOST_TEST(try_reach(spin_range) == HP_OK, last_message());
  }
}

BOOST_AUTO_TEST_CASE(a_fiber_that_runs)
{
  for (const bool announced : {false, true}) {
    const auto strand =
        std::make_unique<fiber>([](fiber& self) { stay(self.argument); });
    if (announced)
      BOOST_REQUIRE(hp_stack_announce(strand->stack.base(),
                                      strand->stack.size()) == HP_OK);
    thread_inside thread([&](thread_inside& self) {
      strand->argument = &self;
      strand->run();
    });
    thread.wait_until_inside();
    BOOST_TEST(try_reach(hold_range) == HP_BUSY);
    thread.let_go();
    if (announced)
      BOOST_REQUIRE(hp_stack_withdraw(strand->stack.base()) == HP_OK);
  }
}

BOOST_AUTO_TEST_CASE(the_stack_below_a_fiber)
{
  // The thread is inside on the stack it was started on, and runs on another.
  const auto strand =
      std::make_unique<fiber>([](fiber& self) { stay(self.argument); });
  static const code_range outer_range[] = {{address(last_call_begin),
                                            address(last_call_end), "last_call",
                                            code_kind::body}};
  BOOST_REQUIRE(hp_stack_announce(strand->stack.base(), strand->stack.size()) ==
                HP_OK);
  thread_inside thread([&](thread_inside& self) {
    strand->argument = &self;
    last_call([](void* f) { static_cast<fiber*>(f)->run(); }, strand.get());
  });
  thread.wait_until_inside();
  BOOST_TEST(try_reach(outer_range) == HP_BUSY);
  thread.let_go();
  BOOST_REQUIRE(hp_stack_withdraw(strand->stack.base()) == HP_OK);
}

BOOST_AUTO_TEST_CASE(a_suspended_fiber_is_seen_if_it_was_announced)
{
  const auto strand =
      std::make_unique<fiber>([](fiber& self) { self.suspend(); });
  // Another thread starts it, so that no trace is left on this one's stack.
  std::thread([&] { strand->run(); }).join();

  // The limit that hp_stack_announce() is there for.
  BOOST_TEST(try_reach(hold_range) == HP_OK);
  BOOST_REQUIRE(hp_stack_announce(strand->stack.base(), strand->stack.size()) ==
                HP_OK);
  BOOST_TEST(try_reach(hold_range) == HP_BUSY);
  BOOST_TEST(message_has("announced stack"));
  BOOST_REQUIRE(hp_stack_withdraw(strand->stack.base()) == HP_OK);
  BOOST_TEST(try_reach(hold_range) == HP_OK);
}

BOOST_AUTO_TEST_CASE(announcements_are_checked)
{
  char* const base = reinterpret_cast<char*>(0x10000);
  BOOST_TEST(hp_stack_announce(nullptr, 10) == HP_INVALID);
  BOOST_TEST(hp_stack_announce(base, 0) == HP_INVALID);
  BOOST_TEST(hp_stack_announce(base, SIZE_MAX) == HP_INVALID);
  BOOST_TEST(hp_stack_withdraw(base) == HP_INVALID);
  BOOST_TEST(hp_stack_announce(base + 0x2000, 0x1000) == HP_OK);
  BOOST_TEST(hp_stack_announce(base, 0x1000) == HP_OK);
  BOOST_TEST(hp_stack_announce(base + 0x1000, 0x1000) == HP_OK);
  BOOST_TEST(hp_stack_announce(base + 0xfff, 2) == HP_INVALID);
  BOOST_TEST(hp_stack_withdraw(base + 1) == HP_INVALID);
  // Nothing is mapped there: a search must survive that.
  BOOST_TEST(try_reach(hold_range) == HP_OK);
  BOOST_TEST(hp_stack_withdraw(base + 0x1000) == HP_OK);
  BOOST_TEST(hp_stack_withdraw(base + 0x1000) == HP_INVALID);
  BOOST_TEST(hp_stack_withdraw(base) == HP_OK);
  BOOST_TEST(hp_stack_withdraw(base + 0x2000) == HP_OK);
}

BOOST_AUTO_TEST_CASE(searching_an_idle_stack_does_not_touch_its_pages)
{
  mapped_stack large(64 << 20);
  static_cast<char*>(large.base())[large.size() - 1] = 1;
  BOOST_REQUIRE(hp_stack_announce(large.base(), large.size()) == HP_OK);
  BOOST_TEST(try_reach(hold_range) == HP_OK);
  BOOST_REQUIRE(hp_stack_withdraw(large.base()) == HP_OK);
  std::vector<unsigned char> resident(large.size() / 4096);
  BOOST_REQUIRE(mincore(large.base(), large.size(), resident.data()) == 0);
  std::size_t touched = 0;
  for (unsigned char page : resident)
    touched += page & 1;
  BOOST_TEST(touched == 1u);
}

BOOST_AUTO_TEST_CASE(the_main_thread_is_searched_like_the_others)
{
  // Here the main thread is inside, and another one looks; then the same from
  // within a fiber of the main thread.
  static hp_status seen;
  const auto look = [](void*) {
    std::thread([] { seen = try_reach(hold_range); }).join();
  };
  hold(look, nullptr);
  BOOST_TEST(seen == HP_BUSY);
  wipe_stack_below();
  look(nullptr);
  BOOST_TEST(seen == HP_OK);

  static fiber strand([](fiber&) {
    std::thread([] { seen = try_reach(last_call_range); }).join();
  });
  last_call([](void*) { strand.run(); }, nullptr);
  BOOST_TEST(seen == HP_BUSY);
}

BOOST_AUTO_TEST_CASE(the_caller_itself_is_busy_at_once)
{
  static hp_status status;
  static std::int64_t took;
  hold(
      [](void*) {
        const auto start = monotonic_now();
        status = try_reach(hold_range, 60'000);
        took = monotonic_now() - start;
      },
      nullptr);
  BOOST_TEST(status == HP_BUSY);
  BOOST_TEST(took < 30'000'000'000);  // it did not wait for the deadline
  BOOST_TEST(message_has("thread " + std::to_string(getpid())));
}

BOOST_AUTO_TEST_CASE(it_waits_until_the_last_has_left)
{
  std::atomic<bool> reached{false};
  thread_inside first([](thread_inside& self) { hold(stay, &self); });
  thread_inside second([](thread_inside& self) { spin(&self.leave); });
  first.wait_until_inside();
  static const code_range both[] = {hold_range[0], spin_range[0]};
  hp_status status = HP_INTERNAL;
  std::thread stopper([&] {
    status = try_reach(both, 60'000);
    reached = true;
  });
  std::this_thread::sleep_for(30ms);
  BOOST_TEST(!reached);
  first.let_go();
  std::this_thread::sleep_for(30ms);
  BOOST_TEST(!reached);
  second.let_go();
  stopper.join();
  BOOST_TEST(status == HP_OK);
}

BOOST_AUTO_TEST_CASE(it_gives_up_at_the_deadline)
{
  thread_inside thread([](thread_inside& self) { hold(stay, &self); });
  thread.wait_until_inside();
  const auto start = monotonic_now();
  BOOST_TEST(try_reach(hold_range, 50) == HP_BUSY);
  BOOST_TEST(monotonic_now() - start >= 50'000'000);
  BOOST_TEST(message_has("(insider) has not left hold"));
}

BOOST_AUTO_TEST_CASE(a_thread_that_cannot_be_stopped_is_named)
{
  thread_inside thread([](thread_inside& self) {
    sigset_t all;
    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, nullptr);
    stay(&self);
  });
  thread.wait_until_inside();
  BOOST_TEST(try_reach(hold_range, 10) == HP_BUSY);
  BOOST_TEST(message_has("thread " + thread.id() + " (insider) blocks"));
}

BOOST_AUTO_TEST_CASE(nothing_runs_while_it_is_held)
{
  std::atomic<long> counter{0};
  std::atomic<bool> done{false};
  std::thread thread([&] {
    while (!done)
      ++counter;
  });
  while (counter == 0)
    std::this_thread::yield();
  long before, after;
  hp_status status;
  {
    quiescence quiet;
    status = quiet.reach(hold_range, deadline::in_milliseconds(10'000),
                         __builtin_frame_address(0));
    before = counter;
    const auto start = monotonic_now();
    while (monotonic_now() - start < 1'000'000)
      ;
    after = counter;
  }
  BOOST_TEST(status == HP_OK);
  BOOST_TEST(before == after);
  while (counter == after)
    std::this_thread::yield();
  done = true;
  thread.join();
}

BOOST_AUTO_TEST_CASE(a_child_forked_by_a_thread_finds_itself)
{
  // Its only thread has the number of a main thread and a thread's stack.
  bool good = false;
  std::thread([&] {
    good = in_child([] {
      static hp_status inside;
      hold([](void*) { inside = try_reach(hold_range); }, nullptr);
      wipe_stack_below();
      return inside == HP_BUSY && try_reach(hold_range) == HP_OK;
    });
  }).join();
  BOOST_TEST(good);
}

BOOST_AUTO_TEST_CASE(ranges_may_overlap_and_repeat)
{
  static const code_range ranges[] = {
      {0x1000, 0x9000, "image", code_kind::whole},
      {0x5000, 0x6000, "twice", code_kind::whole},
      {0x5000, 0x6000, "twice", code_kind::whole},
      {0x20000, 0x20001, "small", code_kind::whole},
      {0x30000, 0x30000, "empty", code_kind::whole},
      {0x7fff00000000, 0x7fff10000000, "large", code_kind::whole}};
  const auto prepared = std::make_unique<code_ranges>();
  BOOST_REQUIRE(prepared->prepare(ranges) == HP_OK);
  const auto is_in = [&](std::uint64_t place) {
    const bool found =
        prepared->find(place, code_ranges::role::value) != code_ranges::none;
    // The filter may say yes too often, never no.
    if (found)
      BOOST_TEST(prepared->may_contain(place));
    return found;
  };
  BOOST_TEST(!is_in(0));
  BOOST_TEST(!is_in(0xfff));
  BOOST_TEST(is_in(0x1000));
  BOOST_TEST(is_in(0x5000));
  BOOST_TEST(is_in(0x8fff));
  BOOST_TEST(!is_in(0x9000));
  BOOST_TEST(is_in(0x20000));
  BOOST_TEST(!is_in(0x20001));
  BOOST_TEST(!is_in(0x30000));
  BOOST_TEST(is_in(0x7fff0fffffff));
  BOOST_TEST(!is_in(0x7fff10000000));
  BOOST_TEST(!is_in(~std::uint64_t{0}));
  BOOST_TEST(prepared->find(0x20000, code_ranges::role::value) == 3u);
}
