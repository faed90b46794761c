// The callers, the library's changes, and the clock.
// SPDX-License-Identifier: MIT
#include "testsuite/stress/harness.h"

#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <pthread.h>
#include <random>
#include <thread>
#include <vector>

namespace stress {

const variant* variants;

namespace {

std::atomic<bool> stop;
std::atomic<long> impossible;
std::atomic<long> stale;
std::atomic<long> signals;
std::atomic<long> changes;
hp_level level;

bool possible(int increment)
{
  return increment >= original_increment &&
         increment <= original_increment + variant_count;
}

// Comes at any instruction of the callers, also inside the functions, and calls
// them too.
void on_signal(int)
{
  const long number = signals.fetch_add(1, std::memory_order_relaxed);
  subject& it = subjects[static_cast<std::size_t>(number) % subject_count];
  if (!possible(it.call(7) - 7))
    ++impossible;
}

void send_signals(std::vector<std::thread>& to)
{
  while (!stop.load(std::memory_order_relaxed))
    for (std::thread& each : to) {
      pthread_kill(each.native_handle(), SIGUSR1);
      std::this_thread::sleep_for(std::chrono::microseconds(10));
    }
}

long call_all()
{
  long calls = 0;
  if (level == HP_SAFEPOINT)
    hp_thread_register();
  for (int x = 0; !stop.load(std::memory_order_relaxed); ++x) {
    hp_safepoint();
    for (subject& it : subjects) {
      const unsigned before = it.version.load(std::memory_order_acquire);
      const int expected = it.expected.load(std::memory_order_acquire);
      const int got = it.call(x) - x;
      std::atomic_thread_fence(std::memory_order_seq_cst);
      const unsigned behind = it.version.load(std::memory_order_acquire);
      if (!possible(got))
        ++impossible;
      else if (before == behind && before % 2 == 0 && got != expected)
        ++stale;
      ++calls;
    }
    x &= 0xfffffff;
  }
  if (level == HP_SAFEPOINT)
    hp_thread_unregister();
  return calls;
}

void must(hp_status status)
{
  if (status == HP_OK)
    return;
  std::printf("# %s: %s\n", hp_status_name(status), hp_error_message());
  std::fflush(stdout);
  std::_Exit(3);
}

// A transaction of one at the level; `replacement` null: a step back.
void change(const char* name, function replacement)
{
  const hp_commit_options options = {sizeof(hp_commit_options), level, 0,
                                     60'000};
  hp_transaction* const one = hp_begin();
  must(replacement != nullptr ? hp_add_apply(one, name, replacement)
                              : hp_add_revert(one, name));
  must(hp_commit(one, &options));
  count_change();
}

// What the library should have on the stack of one subject.
class stack_model {
 public:
  void apply(int which)
  {
    std::erase(applied_, which);
    applied_.push_back(which);
  }
  bool revert()
  {
    if (applied_.empty())
      return false;
    applied_.pop_back();
    return true;
  }
  int increment() const
  {
    return applied_.empty() ? original_increment
                            : variants[applied_.back()].increment;
  }

 private:
  std::vector<int> applied_;
};

}  // namespace

void change_by_library(std::size_t first, std::size_t stride,
                       const std::atomic<bool>& until)
{
  std::mt19937 random(static_cast<unsigned>(first) + 1);
  std::vector<stack_model> models(subject_count);
  for (std::size_t i = first; !until.load(std::memory_order_relaxed);
       i = (i + stride) % subject_count) {
    subject& it = subjects[i];
    stack_model& model = models[i];
    ++it.version;
    if (const auto which = static_cast<int>(random() % 7);
        which < variant_count) {
      model.apply(which);
      change(it.name, variants[which].code);
    } else if (model.revert()) {
      change(it.name, nullptr);
    }
    it.expected = model.increment();
    ++it.version;
  }
  // Callers may not have seen the end yet.
  for (std::size_t i = first; i < subject_count; i += stride) {
    ++subjects[i].version;
    while (models[i].revert())
      must(hp_revert(subjects[i].name));
    subjects[i].expected = original_increment;
    ++subjects[i].version;
  }
}

void count_change()
{
  changes.fetch_add(1, std::memory_order_relaxed);
}

result run(const experiment& what, limits until)
{
  stop = false;
  impossible = stale = signals = changes = 0;
  level = what.level;
  std::signal(SIGUSR1, on_signal);
  std::atomic<long> calls{0};
  std::vector<std::thread> callers;
  std::vector<std::thread> others;
  for (unsigned i = 0; i < what.callers; ++i)
    callers.emplace_back([&] { calls += call_all(); });
  for (unsigned i = 0; i < what.changers; ++i)
    others.emplace_back([&, i] { what.change(i, what.changers, stop); });
  if (what.flood)
    others.emplace_back([&] { send_signals(callers); });

  const auto end = std::chrono::steady_clock::now() +
                   std::chrono::duration<double>(until.seconds);
  while (impossible == 0 && stale == 0 &&
         (changes < until.changes || std::chrono::steady_clock::now() < end))
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  stop = true;
  for (std::thread& thread : others)
    thread.join();
  for (std::thread& thread : callers)
    thread.join();
  return {calls, signals, changes, impossible, stale};
}

}  // namespace stress
