/* A program that offers a control socket.  It does what its arguments say, one
 * after the other; the last one is mostly `serve`, for ever.
 *
 *   open[:PATH]  close  serve  threads:N  fork  hidden  no-ptrace  signal:N
 *   stop  stops  patches:N  wait-for-signal  wait-for:FILE  descriptors  deaf
 *   exit
 *
 * SPDX-License-Identifier: MIT
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <hotpatch.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "testsuite/hostile/forbid.h"

struct request {
  int size;
  long limit;
};

static int counter;

HP_PATCHABLE static int second(int x)
{
  return x + 2;
}

/* What it returns tells of both: 11012, patched 110210, 110320 or so. */
HP_PATCHABLE static int first(int x)
{
  ++counter;
  return 1000 * (x + 1) + second(x);
}

HP_PATCHABLE int parse(const struct request* request)
{
  return request->size;
}

HP_PATCHABLE static int replaced_by_itself(int x)
{
  return x;
}
static int own_replacement(int x)
{
  return x + 1;
}

static volatile int mixed;

/* Most of the time it is in none of them. */
static void* compute(void* unused)
{
  for (;;) {
    for (volatile int i = 0; i < 20000; ++i)
      ;
    const int now = first(10);
    if (now != 11012 && now != 110210 && now != 110320)
      mixed = now;
  }
  return unused;
}

static void say(const char* what, hp_status status)
{
  printf("%s: %s%s%s\n", what, hp_status_name(status),
         status == HP_OK ? "" : ": ",
         status == HP_OK ? "" : hp_error_message());
}

static void serve(void)
{
  const struct timespec pause = {0, 5000000};
  const struct request request = {1, 2};
  for (;;) {
    printf("%d%s\n", first(10), mixed ? " mixed" : "");
    fflush(stdout);
    if (parse(&request) != 1)
      printf("wrong: parse\n");
    nanosleep(&pause, NULL);
  }
}

static void start_threads(int count)
{
  for (; count > 0; --count) {
    pthread_t thread;
    if (pthread_create(&thread, NULL, compute, NULL) != 0)
      exit(3);
    pthread_detach(thread);
  }
}

/* With every thread stopped, the library's own too. */
static void stop_everybody(void)
{
  hp_transaction* const change = hp_begin();
  hp_commit_options options = {sizeof(hp_commit_options), HP_QUIESCENT, 0,
                               3000};
  hp_add_apply(change, "replaced_by_itself", own_replacement);
  say("stop", hp_commit(change, &options));
  printf("it is %d\n", replaced_by_itself(1));
  say("revert", hp_revert("replaced_by_itself"));
}

/* Again and again, in the background. */
static void* stop_others(void* unused)
{
  const hp_commit_options options = {sizeof(hp_commit_options), HP_QUIESCENT, 0,
                                     3000};
  const struct timespec pause = {0, 1000000};
  for (;;) {
    hp_transaction* const change = hp_begin();
    hp_add_apply(change, "replaced_by_itself", own_replacement);
    hp_commit(change, &options);
    hp_revert("replaced_by_itself");
    nanosleep(&pause, NULL);
  }
  return unused;
}

static void keep_stopping(void)
{
  pthread_t thread;
  if (pthread_create(&thread, NULL, stop_others, NULL) != 0)
    exit(3);
  pthread_detach(thread);
}

/* Patches that replace nothing, named n1, n2 and so on. */
static void make_patches(int count)
{
  hp_transaction* const all = hp_begin();
  for (; count > 0; --count) {
    char name[16];
    snprintf(name, sizeof name, "n%d", count);
    const hp_patch_info info = {.name = name, .version = 1};
    hp_add_patch(all, &info);
  }
  say("patches", hp_commit(all, NULL));
}

/* One for the whole process, which only sigtimedwait() may take. */
static void wait_for_signal(void)
{
  const struct timespec limit = {5, 0};
  sigset_t wanted;
  sigemptyset(&wanted);
  sigaddset(&wanted, SIGRTMIN + 5);
  sigprocmask(SIG_BLOCK, &wanted, NULL);
  kill(getpid(), SIGRTMIN + 5);
  const struct timespec while_others_may = {0, 100000000};
  nanosleep(&while_others_may, NULL);
  printf("signal: %s\n", sigtimedwait(&wanted, NULL, &limit) == SIGRTMIN + 5
                             ? "came"
                             : "is lost");
}

static void count_descriptors(void)
{
  DIR* const directory = opendir("/proc/self/fd");
  int count = 0;
  while (directory != NULL && readdir(directory) != NULL)
    ++count;
  if (directory != NULL)
    closedir(directory);
  printf("descriptors: %d\n", count);
}

/* A socket in the usual place, at which those who come wait for ever. */
static void be_deaf(void)
{
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  const int listener = socket(AF_UNIX, SOCK_SEQPACKET, 0);
  snprintf(address.sun_path, sizeof address.sun_path, "%.60s/hotpatch",
           getenv("XDG_RUNTIME_DIR"));
  mkdir(address.sun_path, 0700);
  snprintf(address.sun_path, sizeof address.sun_path, "%.60s/hotpatch/%d.sock",
           getenv("XDG_RUNTIME_DIR"), (int)getpid());
  if (bind(listener, (struct sockaddr*)&address, sizeof address) != 0 ||
      listen(listener, 0) != 0)
    perror("deaf");
  while (connect(socket(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK, 0),
                 (struct sockaddr*)&address, sizeof address) == 0)
    continue;
}

/* The child goes on with the arguments. */
static void fork_off(void)
{
  fflush(stdout);
  const pid_t child = fork();
  if (child == 0) {
    printf("child: path \"%s\"\n", hp_control_path());
    return;
  }
  int status = 0;
  waitpid(child, &status, 0);
  printf("child ended: %d\n", status);
}

static void obey(const char* command)
{
  if (strcmp(command, "open") == 0) {
    say("open", hp_control_open(NULL));
    printf("at %s\n", hp_control_path());
  } else if (strncmp(command, "open:", 5) == 0) {
    say("open", hp_control_open(command + 5));
  } else if (strcmp(command, "close") == 0) {
    say("close", hp_control_close());
    printf("at \"%s\"\n", hp_control_path());
  } else if (strcmp(command, "serve") == 0) {
    serve();
  } else if (strncmp(command, "threads:", 8) == 0) {
    start_threads(atoi(command + 8));
  } else if (strcmp(command, "fork") == 0) {
    fork_off();
  } else if (strcmp(command, "hidden") == 0) {
    prctl(PR_SET_DUMPABLE, 0);
  } else if (strcmp(command, "no-ptrace") == 0) {
    if (!forbid(SYS_ptrace, 0))
      puts("there are no filters");
  } else if (strncmp(command, "signal:", 7) == 0) {
    say("signal", hp_set_stop_signal(atoi(command + 7)));
  } else if (strcmp(command, "stop") == 0) {
    stop_everybody();
  } else if (strcmp(command, "stops") == 0) {
    keep_stopping();
  } else if (strncmp(command, "patches:", 8) == 0) {
    make_patches(atoi(command + 8));
  } else if (strncmp(command, "wait-for:", 9) == 0) {
    const struct timespec pause = {0, 5000000};
    while (access(command + 9, F_OK) != 0)
      nanosleep(&pause, NULL);
  } else if (strcmp(command, "wait-for-signal") == 0) {
    wait_for_signal();
  } else if (strcmp(command, "descriptors") == 0) {
    count_descriptors();
  } else if (strcmp(command, "deaf") == 0) {
    be_deaf();
  } else if (strcmp(command, "exit") == 0) {
    exit(0);
  } else {
    printf("what is %s?\n", command);
    exit(99);
  }
  fflush(stdout);
}

int main(int argc, char** argv)
{
  for (int i = 1; i < argc; i++)
    obey(argv[i]);
}
