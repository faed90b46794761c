// Patches a site in the simplest possible way, for tests of what the compiler
// made of its callers.  One thread, no checks but one: not the way to do it.
//
// SPDX-License-Identifier: MIT
#ifndef HOTPATCH_TESTSUITE_PLUGIN_RAW_PATCH_H
#define HOTPATCH_TESTSUITE_PLUGIN_RAW_PATCH_H

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

static void raw_patch(void* function, void* replacement)
{
  // An instruction of four bytes may come first, with a breakpoint in it.
  unsigned char* word = (unsigned char*)(((uintptr_t)function + 7) & ~7ul);
  if (memcmp(word, "\x0f\x1f\x84\x00", 4) != 0)  // nopl id32(%rax,%rax,1)
    exit(99);
  void* page = (void*)((uintptr_t)word & ~(uintptr_t)4095);
  if (mprotect(page, 8192, PROT_READ | PROT_WRITE | PROT_EXEC) != 0)
    exit(98);
  const int32_t distance = (int32_t)((unsigned char*)replacement - (word + 5));
  word[0] = 0xe9;  // jmp rel32
  memcpy(word + 1, &distance, 4);
}

#endif
