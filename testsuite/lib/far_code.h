/* Machine code more than 2 GiB away from the program, in a page of its own.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef HOTPATCH_TESTSUITE_FAR_CODE_H
#define HOTPATCH_TESTSUITE_FAR_CODE_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>

/* Sixteen terabytes up: far from executables and from shared objects. */
#define FAR_AWAY ((uintptr_t)0x100000000000)

enum { far_page = 4096 };

/* NULL: there can be no such page. */
static inline void* far_code_at(uintptr_t where, const unsigned char* code,
                                size_t size)
{
  void* page = mmap((void*)where, far_page, PROT_READ | PROT_WRITE,
                    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (page == MAP_FAILED)
    return NULL;
  memcpy(page, code, size);
  return mprotect(page, far_page, PROT_READ | PROT_EXEC) == 0 ? page : NULL;
}

/* For one piece of code in a program. */
static inline void* far_code(const unsigned char* code, size_t size)
{
  return far_code_at(FAR_AWAY, code, size);
}

/* int f(int x): returns 3 * x; likewise. */
typedef int (*int_function)(int);
static inline int_function far_times_three(void)
{
  static const unsigned char code[] = {0x8d, 0x04,
                                       0x7f,  /* lea (%rdi,%rdi,2),%eax */
                                       0xc3}; /* ret */
  return (int_function)(uintptr_t)far_code(code, sizeof code);
}

#endif
