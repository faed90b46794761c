/* Another writer, a debugger or a second tool, stores to a patch word in the
 * moment between our store and the look at it: its bytes stay, every other word
 * is put back, and that is told.
 * SPDX-License-Identifier: MIT
 */
#define _GNU_SOURCE
#include <hotpatch.h>

#include <errno.h>
#include <pthread.h>
#include <stdarg.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "testsuite/hostile/child.h"
#include "testsuite/hostile/forbid.h"
#include "testsuite/lib/far_code.h"
#include "testsuite/lib/own_text.h"
#include "testsuite/lib/poke.h"
#include "testsuite/lib/three_functions.h"

static int (*far_one)(int);

/* --- The other writer -----------------------------------------------------
 */

static const unsigned char* words[3];
static unsigned char before[3][8];
static int waiting; /* for the moment in which all words have changed */

/* Another jump is there, near or into the pad, and no breakpoint of ours. */
static int has_changed(int which)
{
  unsigned char now[8];
  for (int i = 0; i < 8; i++)
    now[i] = ((const volatile unsigned char*)words[which])[i];
  return memcmp(now, before[which], sizeof now) != 0 &&
         (now[0] == 0xe9 || now[0] == 0xeb);
}

static void perhaps_write(void)
{
  if (!waiting || !has_changed(0) || !has_changed(1) || !has_changed(2))
    return;
  waiting = 0;
  poke(words[1], 0xcc);
}

/* The library's barrier comes by here, and its writes to /proc/self/mem: both
 * are made when words have been stored, and before they are read back. */
static long raw_call(long number, long a, long b, long c, long d)
{
  long result;
  register long fourth __asm__("r10") = d;
  __asm__ volatile("syscall"
                   : "=a"(result)
                   : "a"(number), "D"(a), "S"(b), "d"(c), "r"(fourth)
                   : "rcx", "r11", "memory");
  if (result >= 0)
    return result;
  errno = (int)-result;
  return -1;
}
long syscall(long number, ...)
{
  va_list arguments;
  va_start(arguments, number);
  const long a = va_arg(arguments, long);
  const long b = va_arg(arguments, long);
  const long c = va_arg(arguments, long);
  const long d = va_arg(arguments, long);
  va_end(arguments);
  if (number == SYS_membarrier)
    perhaps_write();
  return raw_call(number, a, b, c, d);
}
ssize_t pwrite64(int file, const void* bytes, size_t size, off64_t offset)
{
  const ssize_t result =
      raw_call(SYS_pwrite64, file, (long)bytes, (long)size, offset);
  perhaps_write();
  return result;
}
ssize_t pwrite(int file, const void* bytes, size_t size, off_t offset)
{
  return pwrite64(file, bytes, size, offset);
}

/* --- One change that meets it ---------------------------------------------
 */

static void* wait_for_ever(void* unused)
{
  for (;;)
    pause();
  return unused;
}

static hp_status change(int (*to)(int), hp_level level)
{
  const hp_commit_options options = {sizeof(hp_commit_options), level, 0, 1000};
  hp_transaction* all = hp_begin();
  if (to == NULL) {
    hp_add_revert_all(all);
  } else {
    hp_add_apply(all, "first", to);
    hp_add_apply(all, "second", to);
    hp_add_apply(all, "third", to);
  }
  const hp_status status = hp_commit(all, &options);
  if (status != HP_OK)
    hp_abort(all);
  return status;
}

/* What the other one wrote to, and, since a thread may be in them, the dead
 * bytes before the symbols. */
static int is_excused(const char* at)
{
  static const int pad_and_lead = 16;
  for (int i = 0; i < 3; i++) {
    const char* const word = (const char*)words[i];
    if (word - at > 0 && word - at <= pad_and_lead)
      return 1;
  }
  return at >= (const char*)words[1] && at < (const char*)words[1] + 8;
}

static hp_level level;
static int no_window;     /* text is written through /proc/self/mem */
static int (*under)(int); /* what was applied before; may be null */
static int (*over)(int);

static int results(int of_first, int of_third)
{
  return first(1) == of_first && third(1) == of_third;
}

static int meets_another_writer(void)
{
  static const char* const names[] = {"first", "second", "third"};
  pthread_t other;
  hp_site site;
  if (pthread_create(&other, NULL, wait_for_ever, NULL) != 0 ||
      (no_window && !forbid(SYS_mprotect, PROT_EXEC)))
    return child_cannot;
  EXPECT(under == NULL || change(under, HP_IMMEDIATE) == HP_OK);
  for (int i = 0; i < 3; i++) {
    EXPECT(hp_site_find(names[i], &site) == HP_OK);
    words[i] = site.word;
    memcpy(before[i], words[i], 8);
  }
  copy_text();
  waiting = 1;
  EXPECT(change(over, level) == HP_INTERNAL);
  EXPECT(!waiting);
  EXPECT_SAYS("second: the patch word");
  EXPECT_SAYS("another writer is at work");
  EXPECT(words[1][0] == 0xcc);
  EXPECT(text_is_as_it_was(is_excused));
  EXPECT(text_is_protected());
  EXPECT(under != NULL ? results(under(1), under(1)) : results(2, 4));
  EXPECT(hp_site_find("first", &site) == HP_OK);
  EXPECT(site.replacements == (under != NULL));

  /* It puts its word right, and everything works again. */
  for (int i = 0; i < 8; i++)
    poke(words[1] + i, before[1][i]);
  EXPECT(change(times_twenty, level) == HP_OK && results(20, 20));
  EXPECT(second(1) == 20);
  EXPECT(change(NULL, level) == HP_OK && results(2, 4));
  EXPECT(second(1) == 3);
  return child_good;
}

/* At the level and with the writer of the moment. */
static void try_to(int (*from)(int), int (*to)(int), const char* way)
{
  static const char* const levels[] = {"immediate", "strict", "quiescent",
                                       "safe point"};
  char name[96];
  under = from;
  over = to;
  snprintf(name, sizeof name, "%s, %s, %s: the others are put back",
           levels[level], no_window ? "/proc/self/mem" : "rwx window", way);
  in_child(meets_another_writer, name);
}

int main(void)
{
  far_one = far_times_three();
  for (no_window = 0; no_window < 2; no_window++)
    for (int each = HP_IMMEDIATE; each <= HP_SAFEPOINT; each++) {
      /* While all stand, nothing of ours runs between store and look. */
      if (each == HP_QUIESCENT && !no_window)
        continue;
      level = (hp_level)each;
      try_to(NULL, times_ten, "near");
      try_to(NULL, far_one, "far");
      try_to(times_ten, far_one, "near to far");
      try_to(far_one, times_ten, "far to near");
    }
  return done_testing();
}
