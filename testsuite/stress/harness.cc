// The callers, the library's changes, and the clock.
// SPDX-License-Identifier: MIT
#include "testsuite/stress/harness.h"

#include <hotpatch.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <random>
#include <thread>
#include <vector>

namespace stress {

const variant* variants;

namespace {

std::atomic<bool> stop;
std::atomic<long> impossible;
std::atomic<long> stale;

long call_all()
{
  long calls = 0;
  for (int x = 0; !stop.load(std::memory_order_relaxed); ++x) {
    for (subject& it : subjects) {
      const unsigned before = it.version.load(std::memory_order_acquire);
      const int expected = it.expected.load(std::memory_order_acquire);
      const int got = it.call(x) - x;
      std::atomic_thread_fence(std::memory_order_seq_cst);
      const unsigned behind = it.version.load(std::memory_order_acquire);
      if (got < original_increment || got > original_increment + variant_count)
        ++impossible;
      else if (before == behind && before % 2 == 0 && got != expected)
        ++stale;
      ++calls;
    }
    x &= 0xfffffff;
  }
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

long change_by_library(std::size_t first, std::size_t stride,
                       const std::atomic<bool>& until)
{
  std::mt19937 random(static_cast<unsigned>(first) + 1);
  std::vector<stack_model> models(subject_count);
  long changes = 0;
  for (std::size_t i = first; !until.load(std::memory_order_relaxed);
       i = (i + stride) % subject_count) {
    subject& it = subjects[i];
    stack_model& model = models[i];
    ++it.version;
    if (const auto which = static_cast<int>(random() % 7);
        which < variant_count) {
      model.apply(which);
      must(hp_apply(it.name, variants[which].code));
    } else if (model.revert()) {
      must(hp_revert(it.name));
    }
    it.expected = model.increment();
    ++it.version;
    ++changes;
  }
  // Callers may not have seen the end yet.
  for (std::size_t i = first; i < subject_count; i += stride) {
    ++subjects[i].version;
    while (models[i].revert())
      must(hp_revert(subjects[i].name));
    subjects[i].expected = original_increment;
    ++subjects[i].version;
  }
  return changes;
}

result run(changer change, unsigned callers, unsigned changers, double seconds)
{
  stop = false;
  impossible = stale = 0;
  std::atomic<long> calls{0};
  std::atomic<long> changes{0};
  std::vector<std::thread> threads;
  for (unsigned i = 0; i < callers; ++i)
    threads.emplace_back([&] { calls += call_all(); });
  for (unsigned i = 0; i < changers; ++i)
    threads.emplace_back([&, i] { changes += change(i, changers, stop); });

  const auto end =
      std::chrono::steady_clock::now() + std::chrono::duration<double>(seconds);
  while (impossible == 0 && stale == 0 &&
         std::chrono::steady_clock::now() < end)
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  stop = true;
  for (std::thread& thread : threads)
    thread.join();
  return {calls, changes, impossible, stale};
}

}  // namespace stress
