// What is thrown when a file or a process cannot be read or changed: a message
// for the user, complete with the thing, the place and the way out.
//
// Every exception class of processes/ and outside/ derives from tool_error, so
// that one catch clause meets them all; testsuite/style/layers.sh looks at
// that.  Thrown by the layers that read files and processes, caught where one
// file or image is done and the next begins.
//
// SPDX-License-Identifier: MIT
#ifndef HOTPATCH_PROCESSES_ERRORS_H
#define HOTPATCH_PROCESSES_ERRORS_H

#include <stdexcept>

#include "runtime/base/status.h"

namespace hotpatch {

class tool_error : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

// Throws tool_error with the message of a call of the library's layers that has
// just failed.
inline void throw_if_failed(hp_status status)
{
  if (status != HP_OK)
    throw tool_error(last_message());
}

// A thread is inside a function that is to change, or another command changes
// the process, until the end.  No function was changed; later it may succeed.
class process_busy : public tool_error {
 public:
  using tool_error::tool_error;
};

// What the process was made to call, a hook or a constructor, has not come
// back: a thread of it is still in there.  No function was changed.  To try
// again would take another thread away.
class process_held : public process_busy {
 public:
  using process_busy::process_busy;
};

// A change failed after its first step, and so did undoing it.  The message
// says what the process holds.
class half_changed : public tool_error {
 public:
  using tool_error::tool_error;
};

}  // namespace hotpatch

#endif
