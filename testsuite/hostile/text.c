/* Program text that is not what the loader has mapped: on huge pages, or
 * replaced by a copy in anonymous memory, as programs do that want huge pages.
 * SPDX-License-Identifier: MIT
 */
#define _GNU_SOURCE
#include "testsuite/hostile/subject.h"

#include <errno.h>
#include <sys/mman.h>

#include "testsuite/hostile/child.h"
#include "testsuite/hostile/forbid.h"

#ifndef MADV_COLLAPSE
#define MADV_COLLAPSE 25
#endif

/* Linked with pages of 2 MiB: nothing but text lies in the functions' one. */
#define HUGE 0x200000ul
extern char etext[];

static char* text_page(void)
{
  return (char*)((uintptr_t)answer & ~(HUGE - 1));
}
static size_t text_size(void)
{
  const uintptr_t size = (uintptr_t)etext - (uintptr_t)text_page();
  return size < HUGE ? size : HUGE;
}

/* The lines of /proc/self/smaps about the mapping of answer(). */
static long of_mapping(const char* field)
{
  char line[512];
  long value = -1;
  int here = 0;
  FILE* maps = fopen("/proc/self/smaps", "r");
  while (maps != NULL && fgets(line, sizeof line, maps) != NULL) {
    unsigned long begin;
    unsigned long end;
    if (sscanf(line, "%lx-%lx ", &begin, &end) == 2)
      here = begin <= (uintptr_t)answer && (uintptr_t)answer < end;
    else if (here && strncmp(line, field, strlen(field)) == 0)
      sscanf(line + strlen(field), "%ld", &value);
  }
  if (maps != NULL)
    fclose(maps);
  return value;
}

/* Puts a copy of the text into anonymous memory in its place: mapped elsewhere,
 * filled, and moved over it while it runs. */
static int replace_text(int advice)
{
  char* reserved = mmap(NULL, 2 * HUGE, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (reserved == MAP_FAILED)
    return 0;
  char* copy = (char*)(((uintptr_t)reserved + HUGE - 1) & ~(HUGE - 1));
  if (advice != 0)
    (void)madvise(copy, HUGE, advice);
  memcpy(copy, text_page(), text_size());
  return mprotect(copy, HUGE, PROT_READ | PROT_EXEC) == 0 &&
         mremap(copy, HUGE, HUGE, MREMAP_MAYMOVE | MREMAP_FIXED, text_page()) ==
             text_page();
}

static int in_a_copy(void)
{
  if (!replace_text(0))
    return child_cannot;
  EXPECT(of_mapping("Anonymous:") > 0);
  EXPECT(toggles_at_every_level());
  return child_good;
}

static int in_a_copy_made_later(void)
{
  EXPECT(toggles());
  EXPECT(hp_apply("answer", times_ten) == HP_OK);
  if (!replace_text(0))
    return child_cannot;
  EXPECT(answer(1) == 10);
  EXPECT(hp_revert("answer") == HP_OK && answer(1) == 2);
  EXPECT(toggles_at_every_level());
  return child_good;
}

static int on_a_huge_page(void)
{
  if (!replace_text(MADV_HUGEPAGE) || of_mapping("AnonHugePages:") <= 0)
    return child_cannot;
  EXPECT(toggles_at_every_level());
  printf("# on huge pages afterwards: %ld KiB\n", of_mapping("AnonHugePages:"));
  return child_good;
}

static int on_a_huge_page_through_proc(void)
{
  if (!replace_text(MADV_HUGEPAGE) || of_mapping("AnonHugePages:") <= 0 ||
      !forbid(SYS_mprotect, PROT_EXEC))
    return child_cannot;
  EXPECT(toggles_at_every_level());
  EXPECT(strcmp(hp_writer(), "proc-mem") == 0);
  return child_good;
}

/* Huge pages of the file itself, where the kernel makes them. */
static int on_a_huge_page_of_the_file(void)
{
  if (madvise(text_page(), HUGE, MADV_COLLAPSE) != 0 ||
      of_mapping("FilePmdMapped:") <= 0)
    return child_cannot;
  EXPECT(toggles_at_every_level());
  return child_good;
}

/* What is shared with other processes changes for all of them. */
static int in_shared_memory(void)
{
  char* copy = mmap(NULL, HUGE, PROT_READ | PROT_WRITE,
                    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (copy == MAP_FAILED)
    return child_cannot;
  memcpy(copy, text_page(), text_size());
  if (mprotect(copy, HUGE, PROT_READ | PROT_EXEC) != 0 ||
      mremap(copy, HUGE, HUGE, MREMAP_MAYMOVE | MREMAP_FIXED, text_page()) ==
          MAP_FAILED)
    return child_cannot;
  EXPECT(toggles_at_every_level());
  return child_good;
}

int main(void)
{
  in_child(in_a_copy, "text in a copy, in anonymous memory");
  in_child(in_a_copy_made_later, "made while a function is replaced");
  in_child(on_a_huge_page, "on a huge page");
  in_child(on_a_huge_page_through_proc, "and may not be made writable");
  in_child(on_a_huge_page_of_the_file, "on a huge page of the file");
  in_child(in_shared_memory, "in shared memory");
  return done_testing();
}
