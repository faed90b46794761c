/* A program closes descriptors that it does not know, as daemons do, and gets
 * their numbers for files of its own: the library neither reads, writes nor
 * closes those.
 *
 * Argument: the name of one case, or none for all.
 *
 * SPDX-License-Identifier: MIT
 */
#define _GNU_SOURCE
#include <hotpatch.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "testsuite/lib/tap.h"

HP_PATCHABLE int answer(int x)
{
  return x + 1;
}
static int new_answer(int x)
{
  return x * 10;
}

enum { most = 64, size = 4096 };

static void rest(void)
{
  const struct timespec millisecond = {0, 1000000};
  nanosleep(&millisecond, NULL);
}

/* The descriptors from 3 on that are open; their number. */
static int list_open(int* into)
{
  int count = 0;
  DIR* const directory = opendir("/proc/self/fd");
  const struct dirent* entry;
  while (directory != NULL && (entry = readdir(directory)) != NULL) {
    const int number = atoi(entry->d_name);
    if (number > 2 && number != dirfd(directory) && count < most)
      into[count++] = number;
  }
  closedir(directory);
  return count;
}

static char path[sizeof(((struct sockaddr_un*)0)->sun_path)];
static int before[most]; /* open before the socket was offered */
static int before_count;
static int own[most]; /* the library's */
static int own_count;

static int is_own(int number)
{
  for (int i = 0; i < before_count; i++)
    if (before[i] == number)
      return 0;
  return 1;
}

static int offers(void)
{
  int all[most];
  before_count = list_open(before);
  if (hp_control_open(NULL) != HP_OK) {
    printf("# %s\n", hp_error_message());
    return 0;
  }
  snprintf(path, sizeof path, "%s", hp_control_path());
  own_count = 0;
  const int count = list_open(all);
  for (int i = 0; i < count; i++)
    if (is_own(all[i]))
      own[own_count++] = all[i];
  return own_count != 0;
}

/* A client comes and goes. */
static void knock(void)
{
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  const int client = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
  strcpy(address.sun_path, path);
  (void)!connect(client, (const struct sockaddr*)&address, sizeof address);
  close(client);
  for (int i = 0; i < 20; i++)
    rest();
}

/* A file of the program's with one block in it, under each of the numbers. */
static void take_numbers(const int* numbers, int count)
{
  static const char block[size] = "program";
  for (int i = 0; i < count; i++) {
    char name[64];
    snprintf(name, sizeof name, "own%d-%d", (int)getpid(), numbers[i]);
    const int file = open(name, O_RDWR | O_CREAT | O_TRUNC, 0600);
    (void)!write(file, block, sizeof block);
    lseek(file, 0, SEEK_SET);
    unlink(name);
    if (file != numbers[i]) {
      dup2(file, numbers[i]);
      close(file);
    }
  }
}

static int untouched(const int* numbers, int count)
{
  for (int i = 0; i < count; i++) {
    struct stat about;
    char text[8] = "";
    const off_t at = lseek(numbers[i], 0, SEEK_CUR);
    if (fstat(numbers[i], &about) != 0 || !S_ISREG(about.st_mode)) {
      printf("# descriptor %d was closed\n", numbers[i]);
      return 0;
    }
    if (at != 0 || about.st_size != size ||
        pread(numbers[i], text, sizeof text, 0) != sizeof text ||
        strcmp(text, "program") != 0) {
      printf("# descriptor %d: offset %ld, size %ld, \"%.8s\"\n", numbers[i],
             (long)at, (long)about.st_size, text);
      return 0;
    }
  }
  return 1;
}

static int commits(void)
{
  const hp_commit_options options = {.size = sizeof(hp_commit_options),
                                     .level = HP_QUIESCENT,
                                     .timeout_ms = 5000};
  hp_transaction* change = hp_begin();
  hp_add_apply(change, "answer", new_answer);
  if (hp_commit(change, &options) != HP_OK) {
    printf("# %s\n", hp_error_message());
    hp_abort(change);
    return 0;
  }
  return answer(3) == 30 && hp_revert("answer") == HP_OK;
}

static int closes(void)
{
  const hp_status status = hp_control_close();
  if (status != HP_OK)
    printf("# %s\n", hp_error_message());
  return status == HP_OK && access(path, F_OK) != 0;
}

static int closed_and_reused(void)
{
  if (!offers())
    return 0;
  close_range(3, ~0U, 0);
  take_numbers(own, own_count);
  knock();
  return untouched(own, own_count) && closes() && untouched(own, own_count);
}
static int replaced_by_dup2(void)
{
  if (!offers())
    return 0;
  take_numbers(own, own_count);
  knock();
  return untouched(own, own_count) && closes() && untouched(own, own_count);
}
static int closed_one_by_one(void)
{
  for (int i = 0;; i++) {
    if (!offers())
      return 0;
    if (i == own_count)
      return closes();
    const int number = own[i];
    close(number);
    take_numbers(&number, 1);
    knock();
    if (!untouched(&number, 1) || !closes() || !untouched(&number, 1)) {
      printf("# the one with number %d\n", number);
      return 0;
    }
    close(number);
  }
}
static int closed_without_use(void)
{
  for (int i = 0;; i++) {
    if (!offers())
      return 0;
    if (i == own_count)
      return closes();
    close(own[i]);
    if (!closes())
      return 0;
  }
}
/* What eventfd(2) makes has one inode for all. */
static int replaced_by_eventfds(void)
{
  if (!offers())
    return 0;
  for (int i = 0; i < own_count; i++) {
    const int file = eventfd(0, EFD_NONBLOCK);
    dup2(file, own[i]);
    close(file);
  }
  knock();
  if (!closes())
    return 0;
  for (int i = 0; i < own_count; i++) {
    uint64_t value = 0;
    if (read(own[i], &value, sizeof value) != -1 || errno != EAGAIN) {
      printf("# eventfd %d: %lu, %s\n", own[i], (unsigned long)value,
             strerror(errno));
      return 0;
    }
  }
  return 1;
}
static int another_stop_signal(void)
{
  if (!offers())
    return 0;
  close_range(3, ~0U, 0);
  take_numbers(own, own_count);
  const int good = commits() && hp_set_stop_signal(SIGUSR2) == HP_OK &&
                   commits() && untouched(own, own_count);
  return good && closes() && untouched(own, own_count);
}
static int offered_again(void)
{
  if (!offers())
    return 0;
  close_range(3, ~0U, 0);
  take_numbers(own, own_count);
  int files[most];
  const int count = own_count;
  memcpy(files, own, sizeof files);
  while (strcmp(hp_control_path(), "") != 0)
    rest();
  if (access(path, F_OK) == 0 || !offers())
    return 0;
  return access(path, F_OK) == 0 && closes() && untouched(files, count);
}

static int listens(int number)
{
  return listen(number, 5) == 0;
}
/* A service: closes what it inherited, listens, forks its workers. */
static int workers_listen(void)
{
  int status = 1;
  if (!offers())
    return 0;
  close_range(3, ~0U, 0);
  int first = -1;
  for (int i = 0; i < own_count; i++) {
    const int listener = socket(AF_INET, SOCK_STREAM, 0);
    if (!listens(listener))
      return 0;
    first = first < 0 ? listener : first;
  }
  const pid_t worker = fork();
  if (worker == 0) {
    for (int i = 0; i < own_count; i++)
      if (!listens(first + i)) {
        printf("# %d: %s\n", first + i, strerror(errno));
        _exit(1);
      }
    _exit(0);
  }
  waitpid(worker, &status, 0);
  return status == 0 && closes() && listens(first);
}

/* A child that no handler of fork() has seen keeps all that is open, so nothing
 * tells the thread that the parent has closed it. */
static int held_by_a_raw_child(void)
{
  int ends[2];
  char byte;
  if (pipe(ends) != 0 || !offers())
    return 0;
  const pid_t child = (pid_t)syscall(SYS_fork);
  if (child == 0) {
    close(ends[1]);
    (void)!read(ends[0], &byte, 1);
    _exit(0);
  }
  for (int i = 0; i < own_count; i++)
    close(own[i]);
  take_numbers(own, own_count);
  const int good = closes() && untouched(own, own_count);
  close(ends[1]);
  waitpid(child, NULL, 0);
  return good;
}

static const struct {
  const char* name;
  int (*run)(void);
} cases[] = {
    {"closed by close_range, and reused", closed_and_reused},
    {"replaced by dup2", replaced_by_dup2},
    {"closed one by one, and reused", closed_one_by_one},
    {"closed one by one", closed_without_use},
    {"replaced by eventfds", replaced_by_eventfds},
    {"reused, and the stop signal changes", another_stop_signal},
    {"closed, and the socket is offered again", offered_again},
    {"reused by a server, whose workers go on to listen", workers_listen},
    {"closed, and held open by a child", held_by_a_raw_child},
};

int main(int argc, char** argv)
{
  setvbuf(stdout, NULL, _IONBF, 0);
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    int status = 1;
    if (argc > 1 && strstr(cases[i].name, argv[1]) == NULL)
      continue;
    const pid_t child = fork();
    if (child == 0) {
      alarm(60);
      _exit(cases[i].run() ? 0 : 1);
    }
    waitpid(child, &status, 0);
    if (status != 0)
      printf("# status %#x\n", (unsigned)status);
    OK(status == 0, cases[i].name);
  }
  return done_testing();
}
