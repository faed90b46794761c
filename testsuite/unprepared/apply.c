/* Functions without a site are replaced from inside, at each level, and
 * reverted to the bytes that they had.  Compiled without the plugin.
 *
 * SPDX-License-Identifier: MIT */
#define _GNU_SOURCE
#include <hotpatch.h>

#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "testsuite/lib/far_code.h"
#include "testsuite/lib/tap.h"

enum { unprepared = HP_ALLOW_UNPREPARED | HP_ANY_PROTOTYPE };

/* One for each form; what they return tells which code ran. */
__asm__(
    "  .text\n"
    ".macro f name\n"
    "  .p2align 5, 0x90\n"
    "  .globl \\name\n"
    "  .type \\name, @function\n"
    "\\name:\n"
    "  .cfi_startproc\n"
    ".endm\n"
    ".macro e name\n"
    "  .cfi_endproc\n"
    "  .size \\name, . - \\name\n"
    ".endm\n"
    "f one_store\n"
    "  mov $1, %eax\n"
    "  ret\n"
    "e one_store\n"
    "f two_bytes\n"
    "  xor %eax, %eax\n"
    "  add $2, %eax\n"
    "  ret\n"
    "e two_bytes\n"
    "f with_endbr\n"
    "  endbr64\n"
    "  mov value_3(%rip), %eax\n"
    "  ret\n"
    "e with_endbr\n"
    "f several\n"
    "  push %rbx\n"
    "  test %edi, %edi\n"
    "  jne 1f\n"
    "  mov $4, %eax\n"
    "  pop %rbx\n"
    "  ret\n"
    "1: call *%rsi\n"
    "  mov $4, %eax\n"
    "  pop %rbx\n"
    "  ret\n"
    "e several\n"
    "f taken\n"
    "  mov $5, %eax\n"
    "  ret\n"
    "e taken\n"
    "f entered_inside\n"
    "  push %rbx\n"
    "  pop %rbx\n"
    "  mov $6, %eax\n"
    "  ret\n"
    "e entered_inside\n"
    "f enters\n"
    "  push %rbx\n"
    "  jmp entered_inside + 1\n"
    "e enters\n"
    "  .p2align 5, 0x90\n"
    "value_3: .long 3\n");

int one_store(int, void (*)(void));
int two_bytes(int, void (*)(void));
int with_endbr(int, void (*)(void));
int several(int, void (*)(void));
int taken(int, void (*)(void));
int entered_inside(int, void (*)(void));
extern const int value_3;

typedef int (*function)(int, void (*)(void));
static const struct {
  const char* name;
  function code;
  int result;
} all[] = {{"one_store", one_store, 1},
           {"two_bytes", two_bytes, 2},
           {"with_endbr", with_endbr, 3},
           {"several", several, 4}};
enum { easy = 3, count = 4 };

static int new_one(int x, void (*f)(void))
{
  (void)x;
  (void)f;
  return 100;
}
static int new_two(int x, void (*f)(void))
{
  (void)x;
  (void)f;
  return 200;
}

static int call(int i)
{
  const volatile function code = all[i].code;
  return code(0, NULL);
}

static hp_status change(const char* name, function to, hp_level level,
                        unsigned timeout)
{
  const hp_commit_options options = {sizeof options, level, 0, timeout};
  hp_transaction* steps = hp_begin();
  if (to != NULL)
    hp_add_apply_flags(steps, name, to, unprepared);
  else
    hp_add_revert(steps, name);
  const hp_status status = hp_commit(steps, &options);
  if (status != HP_OK)
    hp_abort(steps);
  return status;
}

/* --- Bytes ------------------------------------------------------------------
 */

static unsigned char before[1024];
static const unsigned char* code_begin(void)
{
  return (const unsigned char*)((uintptr_t)one_store - 32);
}
static int as_before(void)
{
  return memcmp(before, code_begin(), 512) == 0;
}

/* --- Threads
 * ------------------------------------------------------------------ */

static volatile int stop;
static volatile int failures;
static volatile long calls;
static void* keep_calling(void* data)
{
  (void)data;
  while (!stop) {
    for (int i = 0; i < count; ++i) {
      const int result = call(i);
      if (result != all[i].result && result != 100 && result != 200)
        ++failures;
    }
    ++calls;
  }
  return NULL;
}

static int gate[2];
static volatile int inside;
static void wait_inside(void)
{
  char byte;
  inside = 1;
  while (read(gate[0], &byte, 1) != 1)
    continue;
}
static void* stay_inside(void* data)
{
  several(1, wait_inside);
  return data;
}

static int maps_contain(const char* text)
{
  static char line[4096];
  int found = 0;
  FILE* maps = fopen("/proc/self/maps", "r");
  while (maps != NULL && fgets(line, sizeof line, maps))
    found = found || strstr(line, text) != NULL;
  if (maps != NULL)
    fclose(maps);
  return found;
}

int main(int argc, char** argv)
{
  const int rounds = argc > 1 ? atoi(argv[1]) : 300;
  memcpy(before, code_begin(), sizeof before);

  IS(hp_apply("one_store", new_one), HP_NOT_FOUND,
     "without the flag a function without a site is not found");
  OK(!maps_contain("Zydis"), "until it is needed there is no disassembler");
  IS(hp_apply_flags("one_store", new_one, unprepared), HP_OK,
     "one aligned store, at the level immediate");
  OK(maps_contain("Zydis"), "then it is loaded");
  OK(call(0) == 100, "calls enter the replacement");
  const function original = (function)hp_original("one_store");
  OK(original != NULL && original(0, NULL) == 1,
     "the relocated beginning runs the original");
  IS(hp_revert("one_store"), HP_OK, "it is reverted");
  OK(call(0) == 1, "calls enter the original again");
  OK(as_before(), "and every byte is as it was");
  OK(original != NULL && original(0, NULL) == 1,
     "what hp_original() gave stays callable");

  for (int i = 1; i < easy; ++i) {
    IS(hp_apply_flags(all[i].name, new_one, unprepared), HP_OK, all[i].name);
    OK(call(i) == 100, "calls enter the replacement");
    const function moved = (function)hp_original(all[i].name);
    OK(moved != NULL && moved(0, NULL) == all[i].result,
       "the relocated beginning runs the original");
    IS(hp_apply_flags(all[i].name, new_two, unprepared), HP_OK,
       "a second replacement");
    OK(call(i) == 200, "is the active one");
    IS(hp_remove(all[i].name, new_one), HP_OK, "the first one is taken away");
    OK(call(i) == 200, "the second one stays");
    IS(hp_revert(all[i].name), HP_OK, "it is reverted");
    OK(call(i) == all[i].result, "calls enter the original again");
    OK(as_before(), "every byte is as it was, also in the pad");
  }

  IS(hp_apply_flags("several", new_one, unprepared), HP_UNSUPPORTED,
     "several instructions are not overwritten while threads run");
  SAYS("quiescent", "the message says at which level they are");
  OK(as_before(), "nothing was changed");
  IS(change("several", new_one, HP_QUIESCENT, 2000), HP_OK,
     "they are at the level quiescent");
  OK(call(3) == 100, "calls enter the replacement");
  IS(change("several", new_two, HP_IMMEDIATE, 0), HP_OK,
     "another replacement comes at any level");
  OK(call(3) == 200, "and is the active one");
  IS(hp_revert("several"), HP_OK, "and goes at any level");
  IS(hp_revert("several"), HP_UNSUPPORTED, "but not the last one");
  OK(call(3) == 100, "which stays");
  const function moved = (function)hp_original("several");
  OK(moved(0, NULL) == 4, "the relocated beginning runs the original");
  IS(change("several", NULL, HP_QUIESCENT, 2000), HP_OK, "it is reverted");
  OK(call(3) == 4 && as_before(), "and every byte is as it was");

  pthread_t thread;
  OK(pipe(gate) == 0, "a thread can be made to wait");
  pthread_create(&thread, NULL, stay_inside, NULL);
  while (!inside)
    usleep(1000);
  IS(change("several", new_one, HP_QUIESCENT, 50), HP_BUSY,
     "a thread inside is waited for");
  OK(as_before(), "nothing was changed");
  OK(write(gate[1], "x", 1) == 1, "it is let go");
  pthread_join(thread, NULL);
  IS(change("several", new_one, HP_QUIESCENT, 2000), HP_OK,
     "when it has left the change is made");
  /* In the original by way of the moved instructions. */
  inside = 0;
  IS(change("several", NULL, HP_QUIESCENT, 2000), HP_OK, "it is reverted");

  hp_transaction* steps = hp_begin();
  for (int i = 0; i < easy; ++i)
    hp_add_apply_flags(steps, all[i].name, new_one, unprepared);
  hp_commit_options strict = {sizeof strict, HP_STRICT, 0, 0};
  IS(hp_commit(steps, &strict), HP_OK, "all at one moment: the level strict");
  OK(call(0) == 100 && call(1) == 100 && call(2) == 100,
     "all lead to the replacement");
  IS(hp_revert_all(), HP_OK, "all are reverted");
  OK(call(0) == 1 && call(1) == 2 && call(2) == 3 && as_before(),
     "to what they were");

  const int_function far = far_times_three();
  if (far == NULL) {
    SKIP("a replacement more than 2 GiB away", "no memory there");
  } else {
    IS(hp_apply_as("two_bytes", (hp_function)far, NULL, unprepared), HP_OK,
       "a replacement more than 2 GiB away");
    OK(two_bytes(7, NULL) == 21, "is called");
    IS(hp_revert("two_bytes"), HP_OK, "and reverted");
  }

  IS(hp_apply_flags("entered_inside", new_one, unprepared), HP_UNSUPPORTED,
     "a function that is entered inside is refused");
  SAYS("enters", "with the function that enters it");
  IS(hp_apply_flags("srandom_r", new_one, unprepared), HP_UNSUPPORTED,
     "srandom_r(), whose caller keeps a register, is refused");
  IS(hp_apply_flags("memcpy", new_one, unprepared), HP_UNSUPPORTED,
     "memcpy() is no function");
  SAYS("here it is", "the message names the one that was chosen");
  IS(hp_apply_flags("there_is_none", new_one, unprepared), HP_NOT_FOUND,
     "a name that nothing has is not found");

  unsigned char* byte = (unsigned char*)(uintptr_t)taken;
  unsigned char* page = (unsigned char*)((uintptr_t)byte & ~(uintptr_t)4095);
  mprotect(page, 4096, PROT_READ | PROT_WRITE | PROT_EXEC);
  const unsigned char old = *byte;
  *byte = 0xcc;
  IS(hp_apply_flags("taken", new_one, unprepared), HP_FOREIGN,
     "a breakpoint is not overwritten");
  OK(*byte == 0xcc, "it stays");
  *byte = old;
  mprotect(page, 4096, PROT_READ | PROT_EXEC);
  IS(hp_apply_flags("taken", new_one, unprepared), HP_OK,
     "without it the function is replaced");
  IS(hp_revert("taken"), HP_OK, "and reverted");

  IS(hp_apply_flags("libc.so.6!getppid", new_one, unprepared), HP_OK,
     "a function of the C library, named with it");
  OK(getppid() == 100, "is replaced");
  IS(hp_revert("getppid"), HP_OK, "and reverted by its name alone");
  OK(getppid() != 100, "calls enter the original again");

  pthread_t callers[2];
  for (int i = 0; i < 2; ++i)
    pthread_create(&callers[i], NULL, keep_calling, NULL);
  int bad = 0;
  for (int round = 0; round < rounds; ++round)
    for (int i = 0; i < count; ++i) {
      if (i == easy && round % 8 != 0)
        continue;
      const hp_level level = i == easy        ? HP_QUIESCENT
                             : round % 5 == 4 ? HP_STRICT
                                              : HP_IMMEDIATE;
      const long seen = calls;
      bad += change(all[i].name, new_one, level, 10000) != HP_OK;
      bad += call(i) != 100;
      while (calls == seen)
        continue;
      bad += change(all[i].name, NULL, level, 10000) != HP_OK;
      bad += call(i) != all[i].result;
    }
  OK(bad == 0, "changes succeed while threads call the functions");
  stop = 1;
  for (int i = 0; i < 2; ++i)
    pthread_join(callers[i], NULL);
  OK(failures == 0 && calls > 0,
     "each call ran the old function or the new one");
  /* A pad in which a thread stood is cleared by a later change. */
  IS(hp_apply_flags("one_store", new_one, unprepared), HP_OK, "once more");
  IS(hp_revert("one_store"), HP_OK, "and back");
  OK(as_before(), "after all that every byte is as it was");
  return done_testing();
}
