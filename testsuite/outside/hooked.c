/* A program whose patches have hooks (hooks.c), which says what its function
 * returns.  As long as there is a file "enter", a thread of it is inside the
 * function.  Compiled with -DOFFERS it offers a control socket, and loads the
 * patches named by its arguments in a thread of its own.
 *
 * SPDX-License-Identifier: MIT
 */
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <unistd.h>

#ifdef OFFERS
#include <hotpatch.h>
#endif

/* The calling thread is not borrowed, so that no hook ends it: a thread with a
 * filter is left alone, also if the filter allows everything.  With a socket no
 * thread is borrowed at all. */
static void keep_from_being_borrowed(void)
{
#ifndef OFFERS
  struct sock_filter allow = BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
  const struct sock_fprog all = {1, &allow};
  prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
  prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &all);
#endif
}

/* As long as a thread is in here there is a file "inside". */
static void stay(void)
{
  close(open("inside", O_WRONLY | O_CREAT, 0666));
  while (access("enter", F_OK) == 0)
    usleep(5000);
}

__attribute__((hotpatch)) static int first(int x)
{
  if (x < 0)
    stay();
  return x + 1;
}

static void* enter(void* unused)
{
  keep_from_being_borrowed();
  for (;;) {
    if (access("enter", F_OK) == 0) {
      first(-1);
      unlink("inside");
    }
    usleep(5000);
  }
  return unused;
}

/* To be borrowed, and sometimes lost. */
static void* wait(void* unused)
{
  for (;;)
    pause();
  return unused;
}

static void run(void* (*what)(void*), void* with)
{
  pthread_t thread;
  if (pthread_create(&thread, NULL, what, with) == 0)
    pthread_detach(thread);
}

#ifdef OFFERS
static void* load(void* path)
{
  const hp_status status = hp_load(path, NULL);
  printf("load: %s\n", hp_status_name(status));
  return NULL;
}
#endif

int main(int argc, char** argv)
{
#ifdef OFFERS
  if (hp_control_open(NULL) != HP_OK)
    return 1;
  for (int i = 1; i < argc; ++i)
    run(load, argv[i]);
#endif
  (void)argc, (void)argv;
  run(enter, NULL);
  for (int i = 0; i < 5; ++i)
    run(wait, NULL);
  keep_from_being_borrowed();
  for (;;) {
    printf("%d\n", first(10));
    fflush(stdout);
    usleep(5000);
  }
}
