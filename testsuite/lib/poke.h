/* Another writer of program text.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef HOTPATCH_TESTSUITE_POKE_H
#define HOTPATCH_TESTSUITE_POKE_H

#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <unistd.h>

/* Whatever the protection of its page is. */
static inline void poke(const void* address, unsigned char byte)
{
  const int memory = open("/proc/self/mem", O_RDWR);
  if (pwrite(memory, &byte, 1, (off_t)(uintptr_t)address) != 1)
    abort();
  close(memory);
}

#endif
