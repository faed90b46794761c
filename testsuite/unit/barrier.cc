// Barriers where membarrier(2) is refused: threads are reached by a signal, and
// if one is not, it is told and no protocol relies on it.
// SPDX-License-Identifier: MIT
#include "testsuite/lib/boost_tap.h"

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdarg>
#include <cstring>
#include <ctime>
#include <pthread.h>
#include <string>
#include <sys/syscall.h>
#include <thread>

#include "runtime/base/status.h"
#include "runtime/base/system_call.h"
#include "runtime/commit/commit.h"
#include "runtime/text/barrier.h"
#include "runtime/text/encode.h"
#include "runtime/text/near_memory.h"
#include "runtime/threads/thread_list.h"
#include "testsuite/lib/asm_site.h"

ASM_SITE_PLAIN(subject, 1);

namespace {

std::atomic<bool> refused{false};
std::atomic<int> asked{0};
// Called at the n-th barrier from now on, counted from one.
void (*meanwhile)(int) = nullptr;

}  // namespace

// The library calls it for membarrier(2) only.
extern "C" long syscall(long number, ...) noexcept
{
  std::va_list arguments;
  va_start(arguments, number);
  const int command = va_arg(arguments, int);
  va_end(arguments);
  if (number == SYS_membarrier) {
    const int count = ++asked;
    if (meanwhile != nullptr)
      meanwhile(count);
    if (refused) {
      errno = EPERM;
      return -1;
    }
  }
  const long result = hotpatch::system_call(number, command);
  if (result >= 0)
    return result;
  errno = static_cast<int>(-result);
  return -1;
}

namespace {

using namespace std::chrono_literals;

struct without_membarrier {
  without_membarrier() { refused = true; }
  without_membarrier(const without_membarrier&) = delete;
  without_membarrier& operator=(const without_membarrier&) = delete;
  ~without_membarrier()
  {
    refused = false;
    meanwhile = nullptr;
  }
};

void set_all_signals_blocked(bool blocked)
{
  sigset_t all;
  sigfillset(&all);
  pthread_sigmask(blocked ? SIG_BLOCK : SIG_UNBLOCK, &all, nullptr);
}

// A thread that does as it is told.
class companion {
 public:
  companion() : thread_([this] { run(); })
  {
    while (!ready_)
      std::this_thread::yield();
  }
  companion(const companion&) = delete;
  companion& operator=(const companion&) = delete;
  ~companion()
  {
    done_ = true;
    thread_.join();
  }

  void block(bool wanted)
  {
    wanted_ = wanted;
    while (blocked_ != wanted)
      std::this_thread::yield();
  }
  int interruptions() const { return interruptions_; }

 private:
  void run()
  {
    pthread_setname_np(pthread_self(), "companion");
    ready_ = true;
    while (!done_) {
      if (blocked_ != wanted_) {
        set_all_signals_blocked(wanted_);
        blocked_ = wanted_.load();
      }
      // A system call that never goes on by itself: signal(7).
      const timespec pause{0, 2'000'000};
      if (nanosleep(&pause, nullptr) != 0)
        ++interruptions_;
    }
  }

  std::atomic<bool> ready_{false};
  std::atomic<bool> done_{false};
  std::atomic<bool> wanted_{false};
  std::atomic<bool> blocked_{false};
  std::atomic<int> interruptions_{0};
  std::thread thread_;
};
companion* obstinate = nullptr;

bool says(const char* text, const char* part)
{
  BOOST_TEST_MESSAGE(text);
  return std::strstr(text, part) != nullptr;
}

int near_forty()
{
  return 40;
}

hotpatch::commit_order order_of(hp_level level)
{
  hotpatch::commit_order order{level};
  order.call.frame = __builtin_frame_address(0);
  return order;
}

const hotpatch::site site = hotpatch_test::plain_site("subject", subject, 1);

hotpatch::commit_outcome apply(const hotpatch::commit_order& order)
{
  static hotpatch::text_writer writer;
  static hotpatch::junctions junctions;
  static hotpatch::near_memory memory;
  static const std::uint64_t cell = memory.take_cell(site);
  const std::uint64_t word = hotpatch::load_word(site.word);
  const std::uint64_t forty = hotpatch_test::address_of(near_forty);
  const std::uint64_t body = site.word + hotpatch::format::word_size;
  const bool back = subject() == 40;
  hotpatch::change change{&site, site.word, word,
                          back ? hotpatch::format::pristine_word(site.id)
                               : hotpatch::encode_near(site, forty)};
  if (order.level == HP_STRICT) {
    change.cell = cell;
    change.cell_target = back ? body : forty;
  }
  return hotpatch::commit(writer, {&change, 1}, {}, junctions, order);
}

hp_status apply(hp_level level)
{
  return apply(order_of(level)).status;
}

// Barriers interrupt the companion until it has noticed one, for which it has
// to run between two of them.
bool reaches(const companion& other)
{
  for (int i = 0; i < 2000 && other.interruptions() == 0; ++i) {
    if (!hotpatch::serialise_cores())
      return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  return other.interruptions() != 0;
}

}  // namespace

BOOST_AUTO_TEST_CASE(membarrier_needs_no_signal)
{
  companion other;
  const int before = asked;
  for (int i = 0; i < 1000; ++i)
    BOOST_REQUIRE(hotpatch::serialise_cores());
  BOOST_TEST(asked == before + 1000);
  BOOST_TEST(other.interruptions() == 0);
  BOOST_TEST(std::string(hotpatch::barrier_name()) == "membarrier");
  BOOST_TEST(std::string(hotpatch::barrier_reason()) == "");
}

BOOST_AUTO_TEST_CASE(without_it_a_signal_reaches_the_others)
{
  const without_membarrier here;
  companion other;
  BOOST_TEST(reaches(other));
  BOOST_TEST(std::string(hotpatch::barrier_name()) == "signals");
  BOOST_TEST(
      says(hotpatch::barrier_reason(), "membarrier(2) is refused: Operation"));
}

BOOST_AUTO_TEST_CASE(a_thread_that_blocks_the_signal_is_named)
{
  const without_membarrier here;
  companion other;
  other.block(true);
  BOOST_TEST(!hotpatch::serialise_cores());
  BOOST_TEST(std::string(hotpatch::barrier_name()) == "none");
  BOOST_TEST(says(hotpatch::barrier_reason(), "membarrier(2) is refused"));
  BOOST_TEST(says(hotpatch::barrier_reason(), "(companion)"));
  other.block(false);
  BOOST_TEST(hotpatch::serialise_cores());
  BOOST_TEST(std::string(hotpatch::barrier_name()) == "signals");
}

BOOST_AUTO_TEST_CASE(immediate_goes_on_and_tells_it)
{
  const without_membarrier here;
  companion other;
  const auto warns = [](const hotpatch::commit_outcome& outcome) {
    bool found = false;
    outcome.warnings.for_each([&](const auto& each) {
      found |= each.level == HP_LOG_ERROR &&
               says(each.text, "may enter an old function");
    });
    return found;
  };
  hotpatch::commit_outcome outcome = apply(order_of(HP_IMMEDIATE));
  BOOST_TEST(outcome.status == HP_OK);
  BOOST_TEST(!warns(outcome));
  BOOST_TEST(subject() == 40);
  other.block(true);
  outcome = apply(order_of(HP_IMMEDIATE));
  BOOST_TEST(outcome.status == HP_OK);
  BOOST_TEST(warns(outcome));
  BOOST_TEST(subject() == 1);
}

BOOST_AUTO_TEST_CASE(strict_uses_signals)
{
  const without_membarrier here;
  companion other;
  for (int i = 0; i < 100; ++i) {
    BOOST_REQUIRE(apply(HP_STRICT) == HP_OK);
    BOOST_REQUIRE(subject() == 40);
    BOOST_REQUIRE(apply(HP_STRICT) == HP_OK);
    BOOST_REQUIRE(subject() == 1);
  }
}

BOOST_AUTO_TEST_CASE(strict_is_refused_where_a_thread_cannot_be_reached)
{
  const without_membarrier here;
  companion other;
  other.block(true);
  const std::uint64_t before = hotpatch::load_word(site.word);
  BOOST_TEST(apply(HP_STRICT) == HP_DENIED);
  BOOST_TEST(says(hotpatch::last_message(), "every thread to be reached"));
  BOOST_TEST(says(hotpatch::last_message(), "(companion)"));
  BOOST_TEST(hotpatch::load_word(site.word) == before);
  BOOST_TEST(subject() == 1);
}

// From the barrier on that lets all calls go through the pad, the companion
// blocks signals for a while: the protocol waits, and callers enter the old
// function.
BOOST_AUTO_TEST_CASE(strict_waits_in_the_middle)
{
  const without_membarrier here;
  companion other;
  obstinate = &other;
  static std::atomic<int> waited{0};
  waited = 0;
  // Afterwards the pad is there, which else takes a barrier of its own.
  BOOST_TEST(apply(HP_STRICT) == HP_OK);
  BOOST_TEST(apply(HP_STRICT) == HP_OK);
  asked = 0;
  meanwhile = [](int count) {
    if (count != 2)
      return;
    obstinate->block(true);
    std::thread([] {
      std::this_thread::sleep_for(300ms);
      waited = subject() == 1 ? 1 : 2;  // through the pad
      obstinate->block(false);
    }).detach();
  };
  BOOST_TEST(apply(HP_STRICT) == HP_OK);
  BOOST_TEST(waited == 1);
  BOOST_TEST(subject() == 40);
  meanwhile = nullptr;
  BOOST_TEST(apply(HP_STRICT) == HP_OK);
}
