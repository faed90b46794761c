// What is thrown when a file or a process cannot be read or changed: a message
// for the user, complete with the thing, the place and the way out.
//
// Thrown by the layers that read files and processes, caught where one file or
// image is done and the next begins.
//
// SPDX-License-Identifier: MIT
#ifndef HOTPATCH_PROCESSES_TROUBLE_H
#define HOTPATCH_PROCESSES_TROUBLE_H

#include <stdexcept>

namespace hotpatch {

class trouble : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

}  // namespace hotpatch

#endif
