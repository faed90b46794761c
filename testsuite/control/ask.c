/* A client that says whatever one likes, and prints what it is told.
 *
 *     ask SOCKET TEXT [FILE...]
 *
 * \n in TEXT is a line's end.  Exit status 1: there is no such socket; 2: no
 * answer came within ten seconds.
 *
 * SPDX-License-Identifier: MIT
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>

#include "testsuite/control/send_packet.h"

static size_t unescape(char* text)
{
  char* into = text;
  for (const char* at = text; *at != '\0'; ++at)
    if (at[0] == '\\' && at[1] == 'n') {
      *into++ = '\n';
      ++at;
    } else {
      *into++ = *at;
    }
  return (size_t)(into - text);
}

int main(int argc, char** argv)
{
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  const struct timeval limit = {10, 0};
  const int connection = socket(AF_UNIX, SOCK_SEQPACKET, 0);
  if (argc < 3)
    return 64;
  strncpy(address.sun_path, argv[1], sizeof address.sun_path - 1);
  if (connect(connection, (struct sockaddr*)&address, sizeof address) != 0) {
    perror(argv[1]);
    return 1;
  }
  setsockopt(connection, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
  int files[most_files];
  size_t count = 0;
  for (int i = 3; i < argc && count < most_files; i++)
    files[count++] = open(argv[i], O_RDONLY);
  send_packet(connection, argv[2], unescape(argv[2]), files, count);
  for (int resets = 0;;) {
    char answer[16384];
    const ssize_t got = recv(connection, answer, sizeof answer, 0);
    if (got == 0)
      return 0;
    if (got < 0 && errno == ECONNRESET && resets++ == 0)
      continue; /* closed without reading; the reason is still to come */
    if (got < 0) {
      perror("no answer");
      return 2;
    }
    fwrite(answer, 1, (size_t)got, stdout);
  }
}
