// Saving and restoring.
//
// SPDX-License-Identifier: MIT
#include "outside/thread_state.h"

#include "outside/interrupted_call.h"

namespace hotpatch::outside {

thread_state save_state(const tracee& thread)
{
  thread_state state = {thread.registers(), thread.vectors(),
                        thread.blocked_signals(), thread.wait_found()};
  if (thread.at_syscall_entry())
    state.registers = before_entered_call(state.registers);
  return state;
}

void restore_state(tracee& thread, const thread_state& state)
{
  thread.set_vectors(state.vectors);
  thread.block_signals(state.blocked_signals);
  thread.set_registers(state.registers);
  thread.put_back_wait(state.wait);
}

}  // namespace hotpatch::outside
