/* Clients of a control socket that mean no good: junk, requests cut anywhere,
 * silence, too many at once, gone before the answer, files without end.
 *
 *     hostile SOCKET PATCH ROUNDS SEED
 *
 * Prints TAP.  After each sort of trouble a decent client has to be answered.
 * It waits its turn, which may take long on a machine that is busy: what came
 * before is dealt with first, one after the other, and silent clients are given
 * two seconds each (control_patience_ms).
 *
 * SPDX-License-Identifier: MIT
 */
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include "testsuite/control/send_packet.h"
#include "testsuite/lib/tap.h"

static struct sockaddr_un address = {.sun_family = AF_UNIX};
static const char* patch;
static uint64_t state;

/* xorshift64, Marsaglia 2003 */
static uint32_t any_number(void)
{
  state ^= state << 13;
  state ^= state >> 7;
  state ^= state << 17;
  return (uint32_t)(state >> 16);
}

static int come(void)
{
  const int connection = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
  const struct timeval limit = {120, 0}; /* not answered at all */
  setsockopt(connection, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
  setsockopt(connection, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
  if (connect(connection, (struct sockaddr*)&address, sizeof address) == 0)
    return connection;
  close(connection);
  return -1;
}

/* The patch goes with it `times` times. */
static void say(int connection, const void* text, size_t size, size_t times)
{
  int files[most_files];
  for (size_t i = 0; i < times; i++)
    files[i] = open(patch, O_RDONLY | O_CLOEXEC);
  send_packet(connection, text, size, files, times);
  for (size_t i = 0; i < times; i++)
    close(files[i]);
}

/* The number of packets, -1: the last one is no outcome. */
static int listen_to(int connection)
{
  char answer[16384];
  int packets = 0;
  int outcome = 0;
  for (;;) {
    const ssize_t got = recv(connection, answer, sizeof answer, 0);
    if (got <= 0)
      return got == 0 && outcome ? packets : -1;
    ++packets;
    outcome = strncmp(answer, "done ", 5) == 0;
  }
}

static int is_answered(void)
{
  static const char request[] = "hotpatch 1 status\n";
  const int connection = come();
  if (connection < 0)
    return 0;
  say(connection, request, sizeof request - 1, 0);
  const int packets = listen_to(connection);
  close(connection);
  return packets >= 2;
}

static const char* const decent[] = {
    "hotpatch 1 status\n",
    "hotpatch 1 unload\nname fix\nlevel immediate\ntimeout 0\n",
    "hotpatch 1 load\npath /fix.so\ncheck\n",
    "hotpatch 1 load\npath /fix.so\nlevel immediate\ntimeout 0\n",
};

static size_t any_request(char* into)
{
  const char* const chosen =
      decent[any_number() % (sizeof decent / sizeof decent[0])];
  const size_t size = strlen(chosen);
  memcpy(into, chosen, size);
  return size;
}

/* A request with some of its bytes changed, doubled, left out or cut off. */
static void send_damaged(int connection)
{
  char text[512];
  size_t size = any_request(text);
  for (uint32_t changes = 1 + any_number() % 4; changes > 0 && size > 1;
       --changes) {
    const size_t at = any_number() % size;
    switch (any_number() % 4) {
      case 0:
        text[at] = (char)any_number();
        break;
      case 1:
        memmove(text + at + 1, text + at, size - at);
        ++size;
        break;
      case 2:
        memmove(text + at, text + at + 1, size - at - 1);
        --size;
        break;
      default:
        size = at;
        break;
    }
  }
  say(connection, text, size, any_number() % 3);
}

static void send_noise(int connection)
{
  static char noise[64 * 1024];
  const size_t size = any_number() % sizeof noise;
  for (size_t i = 0; i < size; i++)
    noise[i] = (char)any_number();
  say(connection, noise, size, any_number() % most_files);
}

static void rounds_of(const char* name, void (*send_it)(int), int rounds,
                      int stays)
{
  int answered = 0;
  for (int i = 0; i < rounds; i++) {
    const int connection = come();
    send_it(connection);
    if (stays)
      answered += listen_to(connection) >= 0;
    close(connection);
  }
  char text[128];
  snprintf(text, sizeof text, "%s: others are answered", name);
  OK(is_answered(), text);
  if (stays) {
    /* What is empty is no message, and is not answered. */
    snprintf(text, sizeof text, "%s: each is answered, nearly", name);
    OK(answered >= rounds * 8 / 10, text);
  }
}

static void send_decent(int connection)
{
  char text[512];
  const size_t size = any_request(text);
  say(connection, text, size, 1);
}

static void be_silent(int connection)
{
  (void)connection;
}

static void crowd(int size)
{
  int silent[256];
  for (int i = 0; i < size; i++) {
    silent[i] = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
    fcntl(silent[i], F_SETFL, O_NONBLOCK);
    connect(silent[i], (struct sockaddr*)&address, sizeof address);
  }
  OK(is_answered(),
     "a crowd that says nothing: others are answered in the end");
  for (int i = 0; i < size; i++)
    close(silent[i]);
}

/* A client that asks and does not read. */
static void ask_without_reading(int count)
{
  int asking[64];
  for (int i = 0; i < count; i++) {
    asking[i] = come();
    const int tiny = 1;
    setsockopt(asking[i], SOL_SOCKET, SO_RCVBUF, &tiny, sizeof tiny);
    say(asking[i], decent[2], strlen(decent[2]), 1);
  }
  OK(is_answered(), "clients that do not read: others are answered");
  for (int i = 0; i < count; i++)
    close(asking[i]);
}

int main(int argc, char** argv)
{
  if (argc != 5)
    return 64;
  strncpy(address.sun_path, argv[1], sizeof address.sun_path - 1);
  patch = argv[2];
  const int rounds = atoi(argv[3]);
  state = (uint64_t)atoll(argv[4]) * 2654435761u + 1;
  printf("# seed %s\n", argv[4]);
  OK(is_answered(), "a decent client is answered");
  rounds_of("noise", send_noise, rounds, 1);
  rounds_of("damaged requests", send_damaged, rounds, 1);
  rounds_of("gone after noise", send_noise, rounds, 0);
  rounds_of("gone after a request", send_decent, rounds, 0);
  rounds_of("gone without a word", be_silent, rounds, 0);
  crowd(100);
  ask_without_reading(20);
  return done_testing();
}
