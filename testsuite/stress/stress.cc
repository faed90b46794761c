// Calls and changes at full speed: every call runs the old function or the new
// one, and once a change has returned, the new one.
//
//     stress [SECONDS]     default: a few; by hand, as long as one likes
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

// A function that lies far away and adds `increment`.
stress::function far_function(unsigned char increment)
{
  const unsigned char code[] = {0x8d, 0x47, increment,  // lea N(%rdi),%eax
                                0xc3};                  // ret
  static char* hint = reinterpret_cast<char*>(0x100000000000);
  hint += 0x10000;
  void* page = mmap(hint, 4096, PROT_READ | PROT_WRITE,
                    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (page == MAP_FAILED)
    std::abort();
  std::memcpy(page, code, sizeof code);
  mprotect(page, 4096, PROT_READ | PROT_EXEC);
  return reinterpret_cast<stress::function>(page);
}

constexpr int cannot = 77;

struct experiment {
  stress::changer change;
  unsigned callers;
  unsigned changers;
  bool no_writable_code;
};

int in_this_process(const experiment& what, double seconds)
{
  if (what.no_writable_code && prctl(PR_SET_MDWE, 1, 0, 0, 0) != 0)
    return cannot;
  const stress::result got =
      stress::run(what.change, what.callers, what.changers, seconds);
  std::printf("# %ld calls, %ld changes, %ld impossible, %ld stale\n",
              got.calls, got.changes, got.impossible, got.stale);
  std::fflush(stdout);
  return got.impossible == 0 && got.stale == 0 && got.changes > 0 &&
                 got.calls > 0
             ? 0
             : 1;
}

// The exit status; -1 for a crash.
int in_a_child(const experiment& what, double seconds)
{
  std::fflush(stdout);
  const pid_t child = fork();
  if (child == 0)
    _exit(in_this_process(what, seconds));
  int status = 0;
  waitpid(child, &status, 0);
  if (WIFEXITED(status))
    return WEXITSTATUS(status);
  std::printf("# ended by signal %d\n", WTERMSIG(status));
  return -1;
}

void holds(const experiment& what, double seconds, const char* name)
{
  const int status = in_a_child(what, seconds);
  if (status == cannot)
    SKIP(name, "PR_SET_MDWE needs Linux 6.3");
  else
    OK(status == 0, name);
}

void breaks(const experiment& what, double seconds, const char* name)
{
  OK(in_a_child(what, seconds) != 0, name);
}

}  // namespace

int main(int argc, char** argv)
{
  const double seconds = argc > 1 ? std::atof(argv[1]) : 3.0;
  const stress::variant variants[] = {{plus_two, 2},
                                      {plus_three, 3},
                                      {far_function(4), 4},
                                      {far_function(5), 5}};
  stress::variants = variants;

  using namespace stress;
  holds({change_by_library, 2, 1, false}, seconds, "two callers, one changer");
  holds({change_by_library, 3, 4, false}, seconds,
        "three callers, four changers");
  holds({change_by_library, 2, 2, true}, seconds,
        "the same where code may not be writable");
  // The controls stop at the first failure; the limit is for a lucky run.
  breaks({change_opcode_first, 2, 1, false}, 60,
         "control: a jump whose opcode is written first fails");
  breaks({change_too_late, 2, 1, false}, 60,
         "control: a change that is announced too early fails");
  return done_testing();
}
