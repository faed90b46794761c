// Who called whom, in a thread of another process that stands still.
//
// By the unwinding tables of the process's images, through libdw of elfutils.
// Each frame is found in the tables or not at all: where they have nothing, as
// for code that was made at run time, the chain ends, and says that it is not
// complete.  (libdw would go on by frame pointers, which such code need not
// have.)
//
// Owns libdw's view of the images; refers to them and to the memory.  One
// thread at a time.
//
// SPDX-License-Identifier: MIT
#ifndef HOTPATCH_OUTSIDE_CALL_CHAIN_H
#define HOTPATCH_OUTSIDE_CALL_CHAIN_H

#include <cstdint>
#include <memory>
#include <vector>

#include <sys/user.h>

#include "outside/target_images.h"
#include "outside/target_memory.h"

struct Dwfl;

namespace hotpatch::outside {

struct call_frame {
  std::uint64_t counter;  // the next instruction of this function
  // It did not call: it was interrupted there, by a signal or to be stopped.
  bool interrupted;

  // An address inside the function, which a call at its very end may not be.
  std::uint64_t inside() const { return interrupted ? counter : counter - 1; }
};

struct call_chain {
  std::vector<call_frame> frames;  // the innermost comes first
  bool complete = false;           // up to where the thread began
};

class call_chains {
 public:
  call_chains(const target_images& images, const target_memory& memory);
  ~call_chains();
  call_chains(const call_chains&) = delete;
  call_chains& operator=(const call_chains&) = delete;

  // Of a thread with these registers.
  call_chain find(const user_regs_struct& registers);

 private:
  struct state;
  std::unique_ptr<state> state_;
};

}  // namespace hotpatch::outside

#endif
