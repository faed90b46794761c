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
  struct iovec part = {argv[2], unescape(argv[2])};
  char control[CMSG_SPACE(8 * sizeof(int))] = {0};
  struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};
  const int files = argc - 3 < 8 ? argc - 3 : 8;
  if (files > 0) {
    message.msg_control = control;
    message.msg_controllen = CMSG_SPACE((unsigned)files * sizeof(int));
    struct cmsghdr* const header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN((unsigned)files * sizeof(int));
    for (int i = 0; i < files; i++) {
      const int file = open(argv[3 + i], O_RDONLY);
      memcpy(CMSG_DATA(header) + (size_t)i * sizeof file, &file, sizeof file);
    }
  }
  sendmsg(connection, &message, MSG_NOSIGNAL);
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
