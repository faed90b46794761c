/* Listens where a process has its control socket, and answers otherwise.
 *
 *     impostor MODE PROGRAM [ARGUMENT...]
 *
 * In the modes that begin with `child-` it leaves the socket to a child, keeps
 * the descriptor open, and executes PROGRAM: the kernel goes on to name this
 * process as the one that listens.  In the other ones a child executes PROGRAM,
 * and this process itself answers.
 *
 *   lie      says that all went well
 *   endless  reports without end
 *   slow     reports now and then, without end
 *   silent   says nothing
 *   escapes  refuses, with words that do things to terminals
 *
 * What comes in is written to the file `got`: a line for each request, with the
 * number of files that came along.
 *
 * SPDX-License-Identifier: MIT
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

static int send_text(int connection, const char* text)
{
  return send(connection, text, strlen(text), MSG_NOSIGNAL) >= 0;
}

/* The rest is the request's. */
static void take(int connection)
{
  char text[16384];
  struct iovec part = {text, sizeof text - 1};
  char control[CMSG_SPACE(16 * sizeof(int))];
  struct msghdr message = {.msg_iov = &part,
                           .msg_iovlen = 1,
                           .msg_control = control,
                           .msg_controllen = sizeof control};
  const ssize_t got = recvmsg(connection, &message, 0);
  if (got <= 0)
    return;
  text[got] = '\0';
  text[strcspn(text, "\n")] = '\0';
  const struct cmsghdr* const header = CMSG_FIRSTHDR(&message);
  FILE* const file = fopen("got", "a");
  fprintf(file, "%s, with %zu files\n", text,
          header == NULL ? 0 : (header->cmsg_len - CMSG_LEN(0)) / sizeof(int));
  fclose(file);
}

static void answer(const char* mode, int connection)
{
  if (strcmp(mode, "escapes") == 0) {
    send_text(connection,
              "refused 10\nred \033[31m c1 \302\233 turned \342\200\256\n"
              "process 1: fix is applied\n");
    return;
  }
  while (strcmp(mode, "silent") == 0)
    pause();
  send_text(connection, "ready 1\n");
  take(connection);
  if (strcmp(mode, "lie") == 0) {
    send_text(connection, "program /usr/sbin/liar\nimages 1\n");
    send_text(connection,
              "patch fix\nversion 1\nsites 2\nactive 2\nsequence 1\npath /x\n");
    send_text(connection, "done 0\n");
  }
  char endless[12001] = "finding 5\n";
  memset(endless + 10, 'x', sizeof endless - 11);
  while (strcmp(mode, "endless") == 0 && send_text(connection, endless))
    continue;
  while (strcmp(mode, "slow") == 0 && send_text(connection, "finding 5\nno\n"))
    usleep(300000);
}

int main(int argc, char** argv)
{
  if (argc < 3)
    return 64;
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  const int listener = socket(AF_UNIX, SOCK_SEQPACKET, 0);
  snprintf(address.sun_path, sizeof address.sun_path, "%.60s/hotpatch",
           getenv("XDG_RUNTIME_DIR"));
  mkdir(address.sun_path, 0700);
  snprintf(address.sun_path, sizeof address.sun_path, "%.60s/hotpatch/%d.sock",
           getenv("XDG_RUNTIME_DIR"), (int)getpid());
  unlink(address.sun_path);
  if (bind(listener, (struct sockaddr*)&address, sizeof address) != 0 ||
      listen(listener, 5) != 0) {
    perror(address.sun_path);
    return 3;
  }
  const char* mode = argv[1];
  const int is_child = strncmp(mode, "child-", 6) == 0;
  mode += is_child ? 6 : 0;
  const int answers = is_child ? fork() == 0 : fork() != 0;
  if (!answers) {
    execv(argv[2], argv + 2);
    perror(argv[2]);
    return 3;
  }
  for (;;) {
    const int connection = accept(listener, NULL, NULL);
    answer(mode, connection);
    close(connection);
  }
}
