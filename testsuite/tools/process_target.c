/* A program whose functions are replaced as its standard input says, for the
 * tests of hp-list --pid.  Says "ready" after each command.
 *
 * SPDX-License-Identifier: MIT
 */
#define _GNU_SOURCE
#include <hotpatch.h>

#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

HP_PATCHABLE int answer(void)
{
  return 1;
}

HP_PATCHABLE int question(void)
{
  return 2;
}

int new_answer(void);
int new_answer(void)
{
  return 11;
}

/* Code more than 2 GiB away from everything else. */
static int (*far_code(void))(void)
{
  /* b8 0c 00 00 00    mov $12,%eax
   * c3                ret */
  static const unsigned char code[] = {0xb8, 12, 0, 0, 0, 0xc3};
  void* far =
      mmap((void*)0x200000000000, 4096, PROT_READ | PROT_WRITE | PROT_EXEC,
           MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (far == MAP_FAILED)
    return NULL;
  memcpy(far, code, sizeof code);
  mprotect(far, 4096, PROT_READ | PROT_EXEC);
  return (int (*)(void))far;
}

/* What a debugger does: int3 in the first byte. */
static void put_breakpoint(void)
{
  hp_site site;
  unsigned char* page;
  if (hp_site_find("question", &site) != HP_OK)
    return;
  page = (unsigned char*)((uintptr_t)site.word & ~(uintptr_t)4095);
  mprotect(page, 8192, PROT_READ | PROT_WRITE | PROT_EXEC);
  *(unsigned char*)(uintptr_t)site.word = 0xcc;
  mprotect(page, 8192, PROT_READ | PROT_EXEC);
}

/* Never rests: question leads near, far, and to the original. */
static void* toggle(void* far_away)
{
  int (*function)(void);
  memcpy(&function, &far_away, sizeof function);
  for (;;) {
    hp_apply("question", new_answer);
    hp_apply("question", function);
    hp_revert("question");
    hp_revert("question");
  }
  return NULL;
}

static hp_status start_toggling(void)
{
  pthread_t thread;
  int (*function)(void) = far_code();
  void* far_away;
  memcpy(&far_away, &function, sizeof far_away);
  return pthread_create(&thread, NULL, toggle, far_away) == 0 ? HP_OK
                                                              : HP_INTERNAL;
}

static hp_status obey(const char* command)
{
  if (strcmp(command, "near") == 0)
    return hp_apply("answer", new_answer);
  if (strcmp(command, "far") == 0)
    return hp_apply("question", far_code());
  if (strcmp(command, "revert") == 0) {
    hp_status status = hp_revert("answer");
    return status != HP_OK ? status : hp_revert("question");
  }
  if (strcmp(command, "toggle") == 0)
    return start_toggling();
  if (strcmp(command, "breakpoint") == 0)
    put_breakpoint();
  return HP_OK;
}

int main(void)
{
  char command[32];
  puts("ready");
  fflush(stdout);
  while (scanf("%31s", command) == 1) {
    hp_status status = obey(command);
    puts(status == HP_OK ? "ready" : hp_error_message());
    fflush(stdout);
  }
  return 0;
}
