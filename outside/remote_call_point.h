// Where a thread may be borrowed: outside of the allocator, the dynamic linker
// and other functions whose locks a thread that loads an object takes.
//
// The callers of a thread that stands are found by the unwinding tables,
// through signal handlers, up to where it began (call_chain.h).  It may be
// borrowed
//   * at a system call, if none of its callers is such a function or was called
//     as one; and
//   * in the program's own code, if that holds for its callers, too.
// Every image that defines malloc() counts as an allocator: in code of it that
// has no name, or where a handler has interrupted it in the middle, a thread is
// left alone.  Where tables end, because there are none or the code was made at
// run time, every word of the rest of the stack counts as a return address, and
// only a thread that waits in one of some system calls is taken.
//
// A thread with a seccomp(2) filter, in a restartable sequence (rseq(2)), or in
// vfork(2) is left alone, and so is one for whose return frame there is no room
// (frame_room).  That frame, which brings a thread back also if we are killed,
// has to be there before the first register changes, and so before the thread
// can be given memory for it.  So a thread other than the first one is not
// borrowed while it runs on a fiber.
//
// Refers to what it is made of.  One thread at a time.
//
// SPDX-License-Identifier: MIT
#ifndef HOTPATCH_OUTSIDE_REMOTE_CALL_POINT_H
#define HOTPATCH_OUTSIDE_REMOTE_CALL_POINT_H

#include <set>
#include <string>
#include <vector>

#include "outside/call_chain.h"
#include "outside/remote_call.h"
#include "outside/target_images.h"
#include "outside/target_memory.h"
#include "outside/tracee.h"

namespace hotpatch::outside {

struct remote_call_rules {
  bool suspend_seccomp = false;  // the caller will suspend_filters()
};

// Whether a thread has a seccomp(2) filter.
bool is_filtered(pid_t process, pid_t thread);

class remote_call_point {
 public:
  remote_call_point(const target_images& images, const target_code& code,
                    const target_memory& memory, remote_call_rules rules = {});

  // A thread stopped at such a place.  Throws not_in_time with the reason if
  // there is none until then, tool_error if there will be none.
  tracee find(deadline until);

 private:
  struct code_part {
    std::uint64_t begin;
    std::uint64_t end;

    bool has(std::uint64_t address) const
    {
      return address - begin < end - begin;
    }
  };
  enum class owner { program, library, loader, unknown };

  bool try_thread(tracee& thread, deadline until);
  bool chase(tracee& thread, deadline until);
  bool sample(tracee& thread, deadline until);
  bool may_be_borrowed(const tracee& thread);
  bool sequence_is_over(const tracee& thread,
                        const user_regs_struct& registers) const;
  std::string why_not(const call_chain& chain,
                      const user_regs_struct& registers, bool calls) const;
  std::string why_not_library(const call_chain& chain, std::size_t first,
                              std::size_t last,
                              const user_regs_struct& registers,
                              bool calls) const;
  std::string why_not_by_words(const user_regs_struct& registers,
                               bool calls) const;
  owner owner_of(std::uint64_t address) const;
  bool is_forbidden(std::uint64_t address) const;
  bool called_forbidden(std::uint64_t return_address) const;
  std::uint64_t called_function(std::uint64_t return_address) const;
  bool has_name(std::uint64_t address) const;
  bool at_system_call(std::uint64_t counter) const;
  bool reject_thread(const tracee& thread, const std::string& why);

  const target_images& images_;
  const target_code& code_;
  const target_memory& memory_;
  const remote_call_rules rules_;
  call_chains chains_;
  std::vector<code_part> forbidden_;
  std::set<std::uint64_t> forbidden_entries_;
  std::vector<const target_image*> libraries_;  // the C library, allocators
  std::string reason_;
};

}  // namespace hotpatch::outside

#endif
