// A connection to the control socket that a process offers.
//
// Owns the promise that what is asked is asked of that process, and that it is
// that process which answers.  Who listened at the socket once says little: a
// child may have it by now, while the process executes another program.  So the
// process speaks first, the kernel says who sent each packet (SCM_CREDENTIALS
// in unix(7)), and nothing is sent to any other process, least of all a file.
// All answers together have a limit, in time and in size.  One request for each
// connection.  One thread at a time.
//
// SPDX-License-Identifier: MIT
#ifndef HOTPATCH_OUTSIDE_CONTROL_CONNECTION_H
#define HOTPATCH_OUTSIDE_CONTROL_CONNECTION_H

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include <sys/types.h>

#include "runtime/base/deadline.h"
#include "runtime/base/file_descriptor.h"
#include "runtime/include/hotpatch.h"

namespace hotpatch::outside {

// One packet (format/control_protocol.h).
struct control_report {
  std::string kind;     // "finding", "patch", "program"
  std::string subject;  // what follows that word
  std::string rest;     // the lines below

  // What stands after the word in one of these; "" if there is none.
  std::string field(const char* word) const;
};

struct control_outcome {
  bool obeys = true;  // false: not us, or it is not there; `message` says why
  hp_status status = HP_OK;
  std::string message;
};

class control_connection {
 public:
  // Null if the process offers no socket, or none that can be reached.  `path`:
  // where it is, as this process or that one sees it; empty: to be found.  No
  // more than `wait_ms`, but half a second at least, goes by until the process
  // has to have said its first word.
  static std::unique_ptr<control_connection> open(pid_t process,
                                                  const std::string& path,
                                                  std::int64_t wait_ms);

  const std::string& path() const { return path_; }

  // `request` is all lines but the greeting's word; `file` goes with it, or -1.
  // `wait_ms` is how long the process may take.  Throws tool_error if there is
  // no whole answer within that time, or if another process answers.
  control_outcome ask(
      const std::string& request, int file, std::int64_t wait_ms,
      const std::function<void(const control_report&)>& report) const;

 private:
  struct packet;

  // Not connected yet.
  control_connection(pid_t process, std::string path, deadline greeting);
  void send_request(const std::string& request, int file) const;
  packet receive(deadline until) const;
  std::string wrong_sender(const packet& got) const;

  const pid_t process_;
  const deadline greeting_;
  const file_descriptor connection_;
  const std::string path_;
};

}  // namespace hotpatch::outside

#endif
