// Where a thread may be borrowed: outside of the allocator and the dynamic
// linker, and without their locks.
//
// Best is a thread that waits in a system call which neither of them makes, or
// is about to make one: whoever reaches read(2) or epoll_wait(2) is not in the
// middle of malloc().  A thread that makes no system calls is taken where its
// program counter and stack lie in the program's own code.  A thread on a stack
// that the system does not know, in a signal handler, or in a restartable
// sequence (rseq(2)) is left alone.
//
// One thread at a time, while a `ticking` lives.
//
// SPDX-License-Identifier: MIT
#ifndef HOTPATCH_OUTSIDE_BORROW_PLACE_H
#define HOTPATCH_OUTSIDE_BORROW_PLACE_H

#include "outside/target_code.h"
#include "outside/target_images.h"
#include "outside/target_memory.h"
#include "outside/tracee.h"

namespace hotpatch::outside {

class borrow_place {
 public:
  borrow_place(const target_images& images, const target_code& code,
               const target_memory& memory);

  // A thread stopped at such a place.  Throws trouble with the reason if there
  // is none until then.
  tracee find(deadline until);

 private:
  enum class whose { everybodys, programs };
  bool try_thread(tracee& thread, deadline until);
  bool chase(tracee& thread, deadline until);
  bool may_be_borrowed(const tracee& thread);
  bool calls_safely(const user_regs_struct& registers);
  bool computes_safely(const tracee& thread, const user_regs_struct& registers);
  bool has_plain_stack(const tracee& thread, const user_regs_struct& registers);
  bool stack_has_allocator(std::uint64_t from, whose what);
  bool in_handler(std::uint64_t from);
  bool belongs_to_allocator(std::uint64_t address, whose what) const;
  bool sequence_is_over(const tracee& thread,
                        const user_regs_struct& registers) const;
  bool refuse(const tracee& thread, const char* why);

  struct code_part {
    std::uint64_t begin;
    std::uint64_t end;
    bool is_programs;  // not the C library's or the dynamic linker's
  };

  const target_images& images_;
  const target_code& code_;
  const target_memory& memory_;
  std::vector<code_part> allocator_;
  std::string reason_;
};

}  // namespace hotpatch::outside

#endif
