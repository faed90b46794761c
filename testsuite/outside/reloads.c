/* A program that loads module.so and says what its function and its own one
 * return.  A thread of it is inside slow() while there is a file "inside".
 *     SIGHUP   loads the module again, at another address
 *     SIGUSR1  loads it again, at the same address
 *     SIGUSR2  unloads it
 * Compiled with -DOFFERS it offers a control socket.
 *
 * SPDX-License-Identifier: MIT
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <link.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

#ifdef OFFERS
#include <hotpatch.h>
#endif

__attribute__((hotpatch)) static int slow(int waits)
{
  while (waits && access("inside", F_OK) == 0)
    usleep(5000);
  return 1;
}

static volatile sig_atomic_t asked;

static void ask(int signal)
{
  asked = signal;
}

static void* wait_inside(void* unused)
{
  for (;; usleep(1000))
    slow(1);
  return unused;
}

static int none(void)
{
  return 0;
}

int main(void)
{
#ifdef OFFERS
  if (hp_control_open(NULL) != HP_OK)
    return 1;
#endif
  void* module = dlopen("./module.so", RTLD_NOW);
  int (*function)(void) = (int (*)(void))dlsym(module, "module");
  if (function == NULL)
    return 1;
  signal(SIGHUP, ask);
  signal(SIGUSR1, ask);
  signal(SIGUSR2, ask);
  pthread_t thread;
  if (pthread_create(&thread, NULL, wait_inside, NULL) != 0)
    return 1;
  for (;; usleep(5000)) {
    const int how = asked;
    asked = 0;
    if (how != 0) {
      struct link_map* map;
      void* place = NULL;
      if (module != NULL) {
        dlinfo(module, RTLD_DI_LINKMAP, &map);
        place = (void*)map->l_addr;
        dlclose(module);
      }
      module = NULL;
      function = none;
      if (how == SIGHUP && place != NULL)
        mmap(place, 4096, PROT_NONE,
             MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
      if (how != SIGUSR2) {
        module = dlopen("./module.so", RTLD_NOW);
        function = (int (*)(void))dlsym(module, "module");
        dlinfo(module, RTLD_DI_LINKMAP, &map);
        if ((how == SIGUSR1) != ((void*)map->l_addr == place))
          printf("not where it should be\n");
      }
      printf("reloaded\n");
    }
    printf("slow %d module %d\n", slow(0), function());
    fflush(stdout);
  }
}
