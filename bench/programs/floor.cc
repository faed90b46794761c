// What the system takes for the steps of a change, whoever makes it: system
// calls and stores, on 64 functions of 64 bytes in a page of their own.
//
//     floor STEPS ROUNDS MILLISECONDS
//
// STEPS is a word of letters: p opens the page for writing and closes it behind
// the other steps, a asks how it is protected, s stores a word in each
// function, b serialises all cores.  Reported is what they take the thread that
// makes them, with nobody else there and with one thread that calls the
// functions; and the time that this one loses for each.
//
// SPDX-License-Identifier: MIT
#include <atomic>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <thread>
#include <vector>

#include <linux/membarrier.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "bench/report.h"

namespace {

constexpr std::size_t count = 64;
constexpr std::size_t distance = 64;  // a cache line for each function
constexpr std::size_t page_size = count * distance;

// 0f 1f 84 00 00 00 00 00   nopl 0(%rax,%rax,1)
// 8d 47 01                  lea 1(%rdi),%eax
// c3                        ret
constexpr unsigned char body[] = {0x0f, 0x1f, 0x84, 0,    0,    0,
                                  0,    0,    0x8d, 0x47, 0x01, 0xc3};
// eb 06                     jmp behind the word
// cc cc cc cc cc cc         filler
constexpr unsigned char jump[] = {0xeb, 0x06, 0xcc, 0xcc,
                                  0xcc, 0xcc, 0xcc, 0xcc};

class page_of_functions {
 public:
  page_of_functions()
      : text_(static_cast<unsigned char*>(
            mmap(nullptr, page_size, rwx, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)))
  {
    if (text_ == MAP_FAILED)
      std::abort();
    for (std::size_t i = 0; i < count; ++i)
      std::memcpy(text_ + i * distance, body, sizeof body);
    std::memcpy(&words_[0], body, sizeof words_[0]);
    std::memcpy(&words_[1], jump, sizeof words_[1]);
  }

  void set_writable(bool can) const
  {
    if (mprotect(text_, page_size, can ? rwx : rx) != 0)
      std::abort();
  }
  // Linux 5.14: refused with EINVAL where no page may be written to.
  void ask_protection() const { madvise(text_, page_size, populate_write); }

  void store(bool changed) const
  {
    for (std::size_t i = 0; i < count; ++i)
      *reinterpret_cast<volatile std::uint64_t*>(text_ + i * distance) =
          words_[changed];
  }

  int call(std::size_t i, int x) const
  {
    return reinterpret_cast<int (*)(int)>(text_ + i * distance)(x);
  }

 private:
  static constexpr int rx = PROT_READ | PROT_EXEC;
  static constexpr int rwx = rx | PROT_WRITE;
  static constexpr int populate_write = 23;

  unsigned char* text_;
  std::uint64_t words_[2];
};

const page_of_functions functions;

bool membarrier(int command)
{
  return syscall(SYS_membarrier, command, 0, 0) == 0;
}

class change {
 public:
  explicit change(const char* steps)
      : opens_(std::strchr(steps, 'p') != nullptr),
        asks_(std::strchr(steps, 'a') != nullptr),
        stores_(std::strchr(steps, 's') != nullptr),
        serialises_(std::strchr(steps, 'b') != nullptr)
  {
    // Without opening it for each change it stays open.
    functions.set_writable(stores_ && !opens_);
  }

  void make()
  {
    if (asks_)
      functions.ask_protection();
    if (opens_)
      functions.set_writable(true);
    if (stores_)
      functions.store(changed_ = !changed_);
    if (serialises_ && !membarrier(MEMBARRIER_CMD_PRIVATE_EXPEDITED_SYNC_CORE))
      std::abort();
    if (opens_)
      functions.set_writable(false);
  }

 private:
  const bool opens_, asks_, stores_, serialises_;
  bool changed_ = false;
};

std::atomic<long> calls{0};
std::atomic<bool> stop{false};

void keep_calling()
{
  int x = 0;
  while (!stop.load(std::memory_order_relaxed)) {
    for (std::size_t i = 0; i < count; ++i)
      x = functions.call(i, x);
    calls.fetch_add(count, std::memory_order_relaxed);
  }
}

double median_time(change& one, int rounds)
{
  std::vector<std::int64_t> times;
  for (int i = 0; i < rounds; ++i) {
    const std::int64_t start = bench::now();
    one.make();
    times.push_back(bench::now() - start);
  }
  return bench::percentile(times, 0.5);
}

// Calls per nanosecond, with a change whenever `period` nanoseconds are over.
double call_rate(change* one, std::int64_t duration, std::int64_t period)
{
  const long before = calls;
  const std::int64_t start = bench::now();
  std::int64_t time = start;
  std::int64_t due = start;
  for (; time < start + duration; time = bench::now())
    if (one != nullptr && time >= due) {
      one->make();
      due += period;
    }
  return static_cast<double>(calls - before) /
         static_cast<double>(time - start);
}

// How many nanoseconds of calling each change costs; the two ways take turns,
// as what else happens on the machine shall concern both.
double time_lost(change& one, std::int64_t duration)
{
  constexpr int turns = 41;
  constexpr std::int64_t period = 64'000;
  std::vector<std::int64_t> lost;
  for (int i = 0; i < turns; ++i) {
    const double quiet = call_rate(nullptr, duration / turns / 2, period);
    const double changing = call_rate(&one, duration / turns / 2, period);
    if (quiet > 0)
      lost.push_back(std::llround((1 - changing / quiet) * period));
  }
  return lost.empty() ? 0 : bench::percentile(lost, 0.5);
}

}  // namespace

int main(int argc, char** argv)
{
  if (argc != 4)
    return 64;
  const int rounds = std::atoi(argv[2]);
  const std::int64_t duration = std::atoll(argv[3]) * 1'000'000;
  if (!membarrier(MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED_SYNC_CORE))
    return 1;
  change one(argv[1]);
  bench::report("takes", "alone", median_time(one, rounds), "ns");

  std::thread caller(keep_calling);
  while (calls == 0)
    std::this_thread::yield();
  // In this order: a thread that has just begun shares our processor for a
  // while.
  const double lost = time_lost(one, duration);
  bench::report("takes", "one calling", median_time(one, rounds), "ns");
  bench::report("takes the caller", "one calling", lost, "ns");
  stop = true;
  caller.join();
}
