// Calling the hooks of patches that come and go.
// SPDX-License-Identifier: MIT
#include "runtime/transactions/patch_hooks.h"

#include <algorithm>
#include <atomic>
#include <cstdio>
#include <pthread.h>
#include <unistd.h>

#include "runtime/base/countermeasure.h"
#include "runtime/base/status.h"
#include "runtime/threads/locks.h"
#include "runtime/threads/safe_point.h"
#include "runtime/threads/thread_list.h"

namespace hotpatch {

namespace {

constinit process_lock turn(lock_rank::turn);
constinit std::atomic<pid_t> whose_turn{0};  // for messages

// pthread_self() of the thread that has the turn, which is the same in a child
// that a hook forks; 0: none.
constinit std::atomic<pthread_t> turn_holder{};

bool has_turn()
{
  return turn_holder.load() == pthread_self();
}

// A thread's last message, which a hook that calls the library overwrites.
struct kept_text {
  char text[2048];

  explicit kept_text(const char* from) noexcept
  {
    std::snprintf(text, sizeof text, "%s", from);
  }
};

// Null: it consents.
const char* ask(const hp_patch_info& patch, format::hook_time when)
{
  const hp_before_hook hook = when == format::hook_time::before_apply
                                  ? patch.before_apply
                                  : patch.before_revert;
  return hook != nullptr ? hook(&patch) : nullptr;
}

void tell(const hp_patch_info& patch, format::hook_time when)
{
  const hp_after_hook hook = when == format::hook_time::after_apply
                                 ? patch.after_apply
                                 : patch.after_revert;
  if (hook != nullptr)
    hook(&patch);
}

bool has_hooks(const named_patch* patch)
{
  const hook_addresses hooks = hooks_of(patch->info);
  return std::any_of(hooks.begin(), hooks.end(),
                     [](std::uint64_t hook) { return hook != 0; });
}

hp_status vetoed(const named_patch* patch, const char* what, const char* reason)
{
  return fail(HP_VETOED, "patch \"%s\" (version %u) %s: %s", patch->info.name,
              patch->info.version, what, reason);
}

}  // namespace

hp_status patch_turn::take(std::uint32_t timeout_ms) noexcept
{
  if (has_turn())
    return fail(HP_BUSY,
                "a hook of a patch cannot change named patches: the "
                "transaction that called it has not ended");
  {
    // Who has the turn may be waiting for this thread to reach a safe point.
    const offline_scope offline;
    if (timeout_ms == 0) {
      if (HP_COUNTERMEASURE(hook_turn))
        turn.lock();
    } else if (!turn.lock_until(deadline::in_milliseconds(timeout_ms))) {
      const pid_t thread = whose_turn.load();
      thread_name name;
      read_thread_name(thread, name);
      return fail(HP_BUSY,
                  "thread %d (%s) has not ended its transaction with named "
                  "patches; if its hook is waiting for this thread, this is a "
                  "deadlock",
                  thread, name);
    }
  }
  turn_holder.store(pthread_self());
  whose_turn.store(own_thread_id());
  process_ = getpid();
  // A thread that ended in a hook would keep the turn for ever.
  if (HP_COUNTERMEASURE(hook_cancellation))
    pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &cancel_state_);
  return HP_OK;
}

patch_turn::~patch_turn()
{
  if (process_ == 0)
    return;
  turn_holder.store({});
  // A hook may have forked: the child finds the lock free, and may have taken
  // it elsewhere.
  if (process_ == getpid())
    turn.unlock();
  pthread_setcancelstate(cancel_state_, nullptr);
}

bool patch_hooks::any() const noexcept
{
  for (const named_patch* each : gone)
    if (has_hooks(each))
      return true;
  for (const named_patch* each : come)
    if (has_hooks(each))
      return true;
  return false;
}

hp_status patch_hooks::before() noexcept
{
  sequence_ = hook_sequence(gone.size(), come.size());
  hp_status status = HP_OK;
  const bool all =
      sequence_.before([&](std::size_t number, format::hook_time when) {
        const named_patch* patch = (*this)[number];
        const char* reason = ask(patch->info, when);
        if (reason != nullptr)
          status = vetoed(patch,
                          sequence_.comes(number)
                              ? "does not let itself be applied"
                              : "does not let itself be taken away",
                          kept_text(reason).text);
        return reason == nullptr;
      });
  return all ? HP_OK : abandon(status);
}

void patch_hooks::after() noexcept
{
  sequence_.after([&](std::size_t number, format::hook_time when) {
    tell((*this)[number]->info, when);
  });
}

hp_status patch_hooks::abandon(hp_status status) noexcept
{
  if (gone.empty() && come.empty())
    return status;
  const kept_text kept(last_message());
  take_back();
  return fail(status, "%s", kept.text);
}

void patch_hooks::take_back() noexcept
{
  sequence_.take_back([&](std::size_t number, format::hook_time when) {
    tell((*this)[number]->info, when);
  });
}

}  // namespace hotpatch
