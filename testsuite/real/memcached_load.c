/* Four clients of memcached who check every answer, each on a connection of its
 * own:
 *
 *   memcached_load SOCKET
 *
 * They go on until the file "finished" exists.  Each prints the versions that
 * it was told, in order and without repetitions; the last line counts wrong
 * answers.
 *
 * SPDX-License-Identifier: MIT
 */
#include "patcher.h"

#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

static const char* socket_path;
static atomic_int clients_started;
static atomic_ulong wrong, answers;

struct connection {
  int socket;
  char seen[256];
  char last_version[64];
};

static void give_up(void)
{
  perror("memcached is gone");
  exit(1);
}

/* Sends a request and reads the answer, as far as `last` of it. */
static void ask(struct connection* server, const char* request,
                const char* last, char* answer, size_t size)
{
  size_t length = strlen(request);
  size_t got = 0;
  answer[0] = '\0';
  if (write(server->socket, request, length) != (ssize_t)length)
    give_up();
  while (strstr(answer, last) == NULL && got + 1 < size) {
    ssize_t more = read(server->socket, answer + got, size - got - 1);
    if (more <= 0)
      give_up();
    got += (size_t)more;
    answer[got] = '\0';
  }
}

static void expect(struct connection* server, const char* request,
                   const char* expected)
{
  char answer[256];
  ask(server, request, expected, answer, sizeof answer);
  ++answers;
  if (strcmp(answer, expected) != 0)
    ++wrong;
}

static void note_version(struct connection* server)
{
  char answer[64];
  ask(server, "version\r\n", "\r\n", answer, sizeof answer);
  ++answers;
  if (strncmp(answer, "VERSION ", 8) != 0)
    ++wrong;
  if (strcmp(answer, server->last_version) == 0)
    return;
  strcpy(server->last_version, answer);
  const char* name =
      strcmp(answer, "VERSION patched\r\n") == 0 ? " patched" : " original";
  strncat(server->seen, name, sizeof server->seen - strlen(server->seen) - 1);
}

static void run_rounds(struct connection* server, int client, int count)
{
  static _Thread_local unsigned number;
  char request[128];
  char expected[128];
  for (int i = 0; i < count; ++i) {
    ++number;
    snprintf(request, sizeof request, "set key%d 0 0 10\r\n%010u\r\n", client,
             number);
    expect(server, request, "STORED\r\n");
    snprintf(request, sizeof request, "get key%d\r\n", client);
    snprintf(expected, sizeof expected, "VALUE key%d 0 10\r\n%010u\r\nEND\r\n",
             client, number);
    expect(server, request, expected);
    note_version(server);
  }
}

static void* run_client(void* argument)
{
  int client = *(const int*)argument;
  struct connection server = {.socket = socket(AF_UNIX, SOCK_STREAM, 0)};
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  strncpy(address.sun_path, socket_path, sizeof address.sun_path - 1);
  if (connect(server.socket, (struct sockaddr*)&address, sizeof address) != 0)
    give_up();

  run_rounds(&server, client, 200);
  ++clients_started;
  while (access("finished", F_OK) != 0)
    run_rounds(&server, client, 20);
  run_rounds(&server, client, 200);

  printf("versions:%s\n", server.seen);
  close(server.socket);
  return NULL;
}

int main(int argc, char** argv)
{
  enum { clients = 4 };
  if (argc != 2)
    return 64;
  socket_path = argv[1];

  pthread_t threads[clients];
  int numbers[clients];
  for (int i = 0; i < clients; ++i) {
    numbers[i] = i;
    if (pthread_create(&threads[i], NULL, run_client, &numbers[i]) != 0)
      return 1;
  }
  while (clients_started < clients)
    usleep(1000);
  make_file("started");
  for (int i = 0; i < clients; ++i)
    pthread_join(threads[i], NULL);
  printf("wrong answers: %lu\n", wrong);
  return answers == 0;
}
