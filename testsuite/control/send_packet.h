/* What a client of a control socket sends: one packet, and files with it.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef HOTPATCH_TESTSUITE_SEND_PACKET_H
#define HOTPATCH_TESTSUITE_SEND_PACKET_H

#include <stdint.h>
#include <string.h>
#include <sys/socket.h>

enum { most_files = 16 };

/* Who listens may be gone already: that is not told. */
static inline void send_packet(int connection, const void* text, size_t size,
                               const int* files, size_t count)
{
  struct iovec part = {(void*)(uintptr_t)text, size};
  char control[CMSG_SPACE(most_files * sizeof(int))] = {0};
  struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};
  if (count > 0) {
    message.msg_control = control;
    message.msg_controllen = CMSG_SPACE(count * sizeof(int));
    struct cmsghdr* const header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(count * sizeof(int));
    memcpy(CMSG_DATA(header), files, count * sizeof(int));
  }
  sendmsg(connection, &message, MSG_NOSIGNAL);
}

#endif
