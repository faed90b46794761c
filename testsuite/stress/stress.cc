// Calls and changes at full speed: every call runs the old function or the new
// one, and once a change has returned, the new one.
//
// Every run is a child of its own: a crash is a result too.
//
// SPDX-License-Identifier: MIT
#include <hotpatch.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "testsuite/lib/far_code.h"
#include "testsuite/lib/tap.h"
#include "testsuite/stress/harness.h"

#ifndef PR_SET_MDWE
#define PR_SET_MDWE 65
#endif

#define STRESS_FUNCTIONS(prefix)                                          \
  extern "C" {                                                            \
  int prefix##_0(int), prefix##_1(int), prefix##_2(int), prefix##_3(int); \
  int prefix##_4(int), prefix##_5(int), prefix##_6(int), prefix##_7(int); \
  }
STRESS_FUNCTIONS(plain)
STRESS_FUNCTIONS(endbr)

namespace stress {

#define STRESS_SUBJECT(name) \
  {                          \
#name, name              \
  }
subject subjects[subject_count] = {
    STRESS_SUBJECT(plain_0), STRESS_SUBJECT(endbr_0), STRESS_SUBJECT(plain_1),
    STRESS_SUBJECT(endbr_1), STRESS_SUBJECT(plain_2), STRESS_SUBJECT(endbr_2),
    STRESS_SUBJECT(plain_3), STRESS_SUBJECT(endbr_3), STRESS_SUBJECT(plain_4),
    STRESS_SUBJECT(endbr_4), STRESS_SUBJECT(plain_5), STRESS_SUBJECT(endbr_5),
    STRESS_SUBJECT(plain_6), STRESS_SUBJECT(endbr_6), STRESS_SUBJECT(plain_7),
    STRESS_SUBJECT(endbr_7),
};

}  // namespace stress

namespace {

int plus_two(int x)
{
  return x + 2;
}
int plus_three(int x)
{
  return x + 3;
}

// A function that lies far away and adds `increment`.  In a mapping of its own,
// because without unwinding tables all of the mapping counts as the function.
stress::function far_function(unsigned char increment)
{
  const unsigned char code[] = {0x8d, 0x47, increment,  // lea N(%rdi),%eax
                                0xc3};                  // ret
  static char* hint = reinterpret_cast<char*>(FAR_AWAY);
  hint += 0x10000;
  void* const pages =
      mmap(hint, 3 * 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (pages == MAP_FAILED)
    std::abort();
  void* const page = static_cast<char*>(pages) + 4096;
  mprotect(page, 4096, PROT_READ | PROT_WRITE);
  std::memcpy(page, code, sizeof code);
  mprotect(page, 4096, PROT_READ | PROT_EXEC);
  return reinterpret_cast<stress::function>(page);
}

constexpr int cannot = 77;

using stress::experiment;
using stress::limits;

int in_this_process(const experiment& what, limits until)
{
  if (what.no_writable_code && prctl(PR_SET_MDWE, 1, 0, 0, 0) != 0)
    return cannot;
  if (what.change == stress::change_across_lines)
    stress::place_across_lines();
  const stress::result got = stress::run(what, until);
  std::printf(
      "# %ld calls, %ld changes, %ld signals: %ld impossible, "
      "%ld stale\n",
      got.calls, got.changes, got.signals, got.impossible, got.stale);
  std::fflush(stdout);
  return got.impossible == 0 && got.stale == 0 && got.changes > 0 &&
                 got.calls > 0 && (got.signals > 0) == what.flood
             ? 0
             : 1;
}

// The exit status; -1 for a crash.
int in_a_child(const experiment& what, limits until)
{
  std::fflush(stdout);
  const pid_t child = fork();
  if (child == 0)
    _exit(in_this_process(what, until));
  int status = 0;
  waitpid(child, &status, 0);
  if (WIFEXITED(status))
    return WEXITSTATUS(status);
  std::printf("# ended by signal %d\n", WTERMSIG(status));
  return -1;
}

// The sanitizer has a thread of its own, which blocks all signals.
#if defined(__SANITIZE_THREAD__)
constexpr bool signals_stop_all = false;
#else
constexpr bool signals_stop_all = true;
#endif

bool needs_signals(const experiment& what)
{
  return what.level == HP_STRICT || what.level == HP_QUIESCENT ||
         what.no_writable_code;
}

void holds(const experiment& what, limits until, const char* name)
{
  if (!signals_stop_all && needs_signals(what)) {
    SKIP(name, "a thread of the thread sanitizer blocks all signals");
    return;
  }
  const int status = in_a_child(what, until);
  if (status == cannot)
    SKIP(name, "PR_SET_MDWE needs Linux 6.3");
  else
    OK(status == 0, name);
}

void breaks(const experiment& what, const char* name)
{
#if defined(__SANITIZE_THREAD__) || defined(__SANITIZE_ADDRESS__)
  (void)what;
  SKIP(name, "the sanitizer would report the crash");
#else
  // They stop at the first failure; the limit is for a lucky run.
  OK(in_a_child(what, {60.0, 1}) != 0, name);
#endif
}

// Where in a cache line the words of a layout begin: every multiple of eight,
// of the 64 offsets, is one that it allows.
void show_offsets(const char* layout, const char* name)
{
  unsigned offsets = 0;
  for (const stress::subject& each : stress::subjects) {
    hp_site site;
    if (std::strncmp(each.name, layout, std::strlen(layout)) == 0 &&
        hp_site_find(each.name, &site) == HP_OK)
      offsets |= 1u << (reinterpret_cast<std::uintptr_t>(site.word) % 64 / 8);
  }
  std::printf("# words at eighths %#x of a cache line\n", offsets);
  OK(offsets == 0xff, name);
}

}  // namespace

// stress                 a few seconds for each experiment
// stress SECONDS         so long for each
// stress SECONDS CHANGES and at least so many changes at the level immediate,
//                        a thousandth of them at the others
int main(int argc, char** argv)
{
  using namespace stress;
  limits usual{argc > 1 ? std::atof(argv[1]) : 2.0,
               argc > 2 ? std::atol(argv[2]) : 1};
  const limits few{usual.seconds, usual.changes / 1000 + 1};
  // Not on a stack, where an address of a replacement looks like a call of it.
  static const stress::variant all[] = {{plus_two, 2},
                                        {plus_three, 3},
                                        {far_function(4), 4},
                                        {far_function(5), 5}};
  variants = all;

  show_offsets("plain", "words begin at every eighth of a cache line");
  show_offsets("endbr", "and so do those after endbr64");
  const changer change = change_by_library;
  holds({change, 2, 1}, usual, "two callers, one changer");
  holds({change, 3, 4}, few, "three callers, four changers");
  holds({change, 2, 2, HP_IMMEDIATE, true}, few, "a flood of signals");
  holds({change, 2, 2, HP_STRICT, true}, few, "strict, a flood of signals");
  holds({change, 2, 2, HP_QUIESCENT, true}, few,
        "quiescent, a flood of signals");
  holds({change, 2, 2, HP_SAFEPOINT, true}, few,
        "safe points, a flood of signals");
  const char* const without_writable_code[] = {
      "immediate, where code may not be writable",
      "strict, where code may not be writable",
      "quiescent, where code may not be writable",
      "safe points, where code may not be writable"};
  for (int level = HP_IMMEDIATE; level <= HP_SAFEPOINT; ++level)
    holds({change, 2, 2, static_cast<hp_level>(level), true, true}, few,
          without_writable_code[level]);
  breaks({change_opcode_first, 2, 1},
         "control: a jump whose opcode is written first fails");
  breaks({change_across_lines, 2, 1},
         "control: a word across two cache lines fails");
  breaks({change_too_late, 2, 1},
         "control: a change that is announced too early fails");
  return done_testing();
}
