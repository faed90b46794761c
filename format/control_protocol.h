// What is said through a control socket, by which a process that links
// libhotpatch is patched without being traced.
//
// The socket is of AF_UNIX and SOCK_SEQPACKET: what is sent at once arrives at
// once.  The process speaks first, so that a client can see who it is before it
// sends anything: the kernel says which process a packet came from.  Then the
// client sends one request and gets any number of reports, then an outcome;
// then the process closes the connection.  All are text: lines that end with
// '\n', of a word and, after one blank, the rest.  Unknown words are refused,
// so that what is asked for is never done by halves.
//
//   ready 1               the process's first line: it obeys this client, and
//                         speaks this version
//
//   hotpatch 1 load       the client's first line: version, what to do
//   path /fixes/fix.so    what people call the file that comes along as a file
//                         descriptor (SCM_RIGHTS)
//   level quiescent       if the client has a wish
//   timeout 10000         in milliseconds
//   check                 only check, and report all that does not fit
//   allow-copies          replace functions although copies of them stay where
//                         they were inlined; with `check` those are reported
//
//   hotpatch 1 unload     the same with `level` and `timeout` only, and
//   name fix
//
//   hotpatch 1 status     nothing else
//
//   finding 5             a report: a status number, then what does not fit
//   fix.so: ...
//
//   patch fix             a report: an applied patch; its version, the sites
//   version 3             that it replaces, those where it is active, the order
//   sites 2               in which it was applied among patch objects, and, if
//   active 2              it came from one, which
//   sequence 1
//   path /fixes/fix.so
//
//   program /bin/server   a report: what the process executes, and how many
//   images 2              images with sites it has loaded
//
//   done 0                the outcome: a status number, then its words, if any;
//                         of an `unload` that succeeded why code stays loaded
//
//   refused 10            instead of all that: the process does not obey this
//   process 4711 ...      client
//
// SPDX-License-Identifier: MIT
#ifndef HOTPATCH_FORMAT_CONTROL_PROTOCOL_H
#define HOTPATCH_FORMAT_CONTROL_PROTOCOL_H

#include <cstddef>

namespace hotpatch::format {

inline constexpr char control_greeting[] = "hotpatch 1 ";

// The longest packet in either direction, with two paths of 4096 bytes.
inline constexpr std::size_t control_packet_size = 12 * 1024;

// By default the socket is DIRECTORY/PID.sock, with the number that the process
// has in its own PID namespace, in a directory of this name, or one that begins
// so.
inline constexpr char control_directory[] = "hotpatch";
inline constexpr char control_suffix[] = ".sock";

// How long a process waits, in milliseconds: for a client's request, and for a
// client that does not take the answer.
inline constexpr int control_patience_ms = 2000;

// The longest that one request may have it wait for threads, so that others
// have their turn; who wants to wait longer asks again.
inline constexpr unsigned control_longest_wait_ms = 60'000;

}  // namespace hotpatch::format

#endif
