/* An allocator that tells of each call while it holds its lock, as profilers of
 * the heap do; it writes to descriptor 9.
 *
 * SPDX-License-Identifier: MIT
 */
#define _GNU_SOURCE
#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

extern void* __libc_malloc(size_t size);
extern void __libc_free(void* memory);

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

static void tell(const char* what)
{
  if (write(9, what, 2) < 0)
    _exit(1);
}

void* malloc(size_t size)
{
  pthread_mutex_lock(&lock);
  void* memory = __libc_malloc(size);
  tell("+\n");
  pthread_mutex_unlock(&lock);
  return memory;
}

void free(void* memory)
{
  pthread_mutex_lock(&lock);
  __libc_free(memory);
  tell("-\n");
  pthread_mutex_unlock(&lock);
}
