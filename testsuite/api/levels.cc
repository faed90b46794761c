// What each level promises about threads that call functions which change
// together, and that a lower level does not promise it.
//
// SPDX-License-Identifier: MIT
#include <hotpatch.h>

#include <array>
#include <atomic>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "testsuite/lib/tap.h"

// Version 0 of everything.  `early` and `late` are the first and the last in
// the order of a commit, with a crowd between them, so that a commit which is
// not one moment takes its time.  `outer` calls `inner`.
extern "C" {
HP_PATCHABLE int early()
{
  return 0;
}
#define FILLER(n)               \
  HP_PATCHABLE int filler_##n() \
  {                             \
    return n;                   \
  }
#define TEN(n) \
  FILLER(n##0) \
  FILLER(n##1) \
  FILLER(n##2) \
  FILLER(n##3) \
  FILLER(n##4) FILLER(n##5) FILLER(n##6) FILLER(n##7) FILLER(n##8) FILLER(n##9)
TEN(1)
TEN(2) TEN(3) TEN(4) TEN(5) TEN(6) TEN(7) TEN(8) TEN(9) HP_PATCHABLE int inner()
{
  return 0;
}
HP_PATCHABLE int outer()
{
  return 0 + inner();
}
HP_PATCHABLE int late()
{
  return 0;
}
}

namespace {

constexpr int versions = 48;
constexpr int outer_unit = 1000;

template <int N>
int number()
{
  return N;
}
template <int N>
int outer_number()
{
  return N * outer_unit + inner();
}

using function = int (*)();

template <int... N>
std::array<function, versions> numbers(std::integer_sequence<int, N...>)
{
  return {number<N>...};
}
template <int... N>
std::array<function, versions> outer_numbers(std::integer_sequence<int, N...>)
{
  return {outer_number<N>...};
}
const auto every_number = numbers(std::make_integer_sequence<int, versions>());
const auto every_outer =
    outer_numbers(std::make_integer_sequence<int, versions>());

hp_status change_to(int version, hp_level level)
{
  const auto at = static_cast<std::size_t>(version);
  hp_transaction* all = hp_begin();
  for (const char* name : {"early", "late", "inner"})
    (void)hp_add_apply(all, name, every_number[at]);
  (void)hp_add_apply(all, "outer", every_outer[at]);
  for (int i = 10; i < 100; ++i) {
    char name[16];
    snprintf(name, sizeof name, "filler_%d", i);
    (void)hp_add_apply(all, name, every_number[at]);
  }
  const hp_commit_options options = {sizeof(hp_commit_options), level, 0, 2000};
  const hp_status status = hp_commit(all, &options);
  if (status != HP_OK)
    hp_abort(all);
  return status;
}

// One look at the versions: true if it is a mix.
using look = bool (*)();

// A thread that has entered the new `early` enters the new `late`.
bool later_is_older()
{
  const int first = early();
  return late() < first;
}
// Within one call.
bool inner_differs()
{
  const int both = outer();
  return both / outer_unit != both % outer_unit;
}
// Between two safe points.
bool differs_between_safe_points()
{
  const int first = early();
  const bool differ = late() != first;
  hp_safepoint();
  return differ;
}

struct outcome {
  long mixes = 0;
  long looks = 0;
  int refused = 0;
};

// Goes through all versions, again and again, under the eyes of two threads.
outcome watch(look once, hp_level level, int rounds)
{
  std::atomic<bool> stop{false};
  std::atomic<long> mixes{0};
  std::atomic<long> looks{0};
  std::atomic<int> looking{0};
  std::atomic<bool> pause{false};
  std::vector<std::thread> watchers;
  for (int i = 0; i < 2; ++i)
    watchers.emplace_back([&] {
      (void)hp_thread_register();
      while (!stop) {
        if (pause) {
          hp_thread_offline();
          while (pause && !stop)
            std::this_thread::yield();
          hp_thread_online();
          continue;
        }
        ++looking;
        if (!pause) {
          mixes += once();
          ++looks;
        }
        --looking;
      }
    });
  outcome result;
  while (looks == 0)
    std::this_thread::yield();
  for (int round = 0; round < rounds && mixes == 0; ++round) {
    for (int version = 1; version < versions; ++version)
      result.refused += change_to(version, level) != HP_OK;
    // Back to the start while nobody looks.
    pause = true;
    while (looking != 0)
      std::this_thread::yield();
    result.refused += hp_revert_all() != HP_OK;
    pause = false;
  }
  stop = true;
  for (std::thread& each : watchers)
    each.join();
  result.mixes = mixes;
  result.looks = looks;
  return result;
}

void promised(look once, hp_level level, int rounds, const char* name)
{
  const outcome seen = watch(once, level, rounds);
  printf("# %ld looks, %ld mixes, %d commits refused\n", seen.looks, seen.mixes,
         seen.refused);
  if (seen.refused != 0)
    printf("# %s\n", hp_error_message());
  OK(seen.mixes == 0 && seen.refused == 0 && seen.looks > 100, name);
}

void not_promised(look once, hp_level level, const char* name)
{
  const outcome seen = watch(once, level, 2000);
  printf("# control: %ld mixes in %ld looks\n", seen.mixes, seen.looks);
  OK(seen.mixes != 0, name);
}

}  // namespace

// "many": strict alone, for as long as the controls look for a mix.
int main(int argc, char** argv)
{
  const bool many = argc > 1 && std::string_view(argv[1]) == "many";
  promised(later_is_older, HP_STRICT, many ? 2000 : 4,
           "strict: who has met one new function meets no old one");
  if (many)
    return done_testing();
  not_promised(later_is_older, HP_IMMEDIATE, "immediate does not promise that");
  promised(inner_differs, HP_QUIESCENT, 1,
           "quiescent: no call of an old function meets a new one");
  not_promised(inner_differs, HP_STRICT, "strict does not promise that");
  promised(differs_between_safe_points, HP_SAFEPOINT, 4,
           "safe point: nothing changes between two of them");
  not_promised(differs_between_safe_points, HP_STRICT,
               "strict does not promise that");
  return done_testing();
}
