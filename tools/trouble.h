// What the tools throw when something cannot be read: a message for the user,
// complete with the thing, the place and the way out.
//
// Thrown by the layers that read files and processes, caught where one file or
// image is done and the next begins.
//
// SPDX-License-Identifier: MIT
#ifndef HOTPATCH_TOOLS_TROUBLE_H
#define HOTPATCH_TOOLS_TROUBLE_H

#include <stdexcept>

namespace hotpatch::tools {

class trouble : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

}  // namespace hotpatch::tools

#endif
