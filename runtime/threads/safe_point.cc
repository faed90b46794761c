// Safe points: a list of registered threads, and a flag that each looks at.
// SPDX-License-Identifier: MIT
#include "runtime/threads/safe_point.h"

#include <pthread.h>

#include "runtime/base/core_serialise.h"
#include "runtime/base/futex.h"
#include "runtime/base/status.h"
#include "runtime/threads/process_lock.h"
#include "runtime/threads/thread_list.h"

// Public only for the load in hp_safepoint().  1: somebody wants all registered
// threads to stand.
unsigned hp_safepoint_requested = 0;

namespace hotpatch {

namespace {

enum class standing : std::uint32_t {
  unregistered,
  running,   // somewhere in the program
  at_point,  // in hp_safepoint_wait() or hp_thread_online()
  offline,   // where it promised not to call replaceable functions
};

// A thread says where it stands, then looks at the request; who requests does
// it the other way round.  Both are sequentially consistent, so one of the two
// sees the other.
struct member {
  std::atomic<standing> where{standing::unregistered};
  pid_t thread = 0;
  member* next = nullptr;
};

constinit thread_local member own;

constinit process_lock members_lock;
constinit member* members = nullptr;

// Changes when a member does something that the requester may be waiting for.
constinit futex_word changes{0};

std::atomic_ref<unsigned> request() noexcept
{
  return std::atomic_ref<unsigned>(hp_safepoint_requested);
}

bool is_requested() noexcept
{
  return request().load() != 0;
}

void move_to(standing where) noexcept
{
  own.where.store(where);
  if (where != standing::running && is_requested()) {
    changes.fetch_add(1);
    futex_wake_all(changes);
  }
}

// Waits until nothing is requested, and is running then.
void pass() noexcept
{
  for (;;) {
    while (is_requested())
      system_call(SYS_futex, &hp_safepoint_requested, FUTEX_WAIT_PRIVATE, 1,
                  nullptr);
    own.where.store(standing::running);
    if (!is_requested())
      break;
    move_to(standing::at_point);
  }
  serialise_core();
}

void unlink_own() noexcept
{
  // First of all, so that nobody waits for a thread that waits for the lock.
  move_to(standing::unregistered);
  const process_lock_guard guard(members_lock);
  for (member** link = &members; *link != nullptr; link = &(*link)->next)
    if (*link == &own) {
      *link = own.next;
      return;
    }
}

// Its value in a thread says that the thread is registered; the destructor runs
// when that thread ends.
constinit pthread_key_t end_of_thread{};
constinit bool has_key = false;

[[gnu::constructor]] void prepare_members()
{
  has_key =
      pthread_key_create(&end_of_thread, [](void*) { unlink_own(); }) == 0;
  // In a child there is only the thread that has called fork().
  pthread_atfork(nullptr, nullptr, [] {
    const bool registered = own.where.load() != standing::unregistered;
    own.next = nullptr;
    own.thread = own_thread_id();
    members = registered ? &own : nullptr;
    request().store(0);
    members_lock.unlock();
  });
}

}  // namespace

offline_scope::offline_scope() noexcept
    : changed_(own.where.load() == standing::running)
{
  if (changed_)
    move_to(standing::offline);
}

offline_scope::~offline_scope()
{
  if (changed_)
    pass();
}

hp_status safe_point_stop::reach(deadline until) noexcept
{
  was_running_ = own.where.load() == standing::running;
  if (was_running_)
    move_to(standing::offline);
  members_lock.lock();
  holding_ = true;
  request().store(1);
  for (const member* each = members; each != nullptr; each = each->next)
    while (each->where.load() == standing::running) {
      const std::uint32_t seen = changes.load();
      if (each->where.load() != standing::running)
        break;
      const std::int64_t left = until.left();
      if (left == 0) {
        const pid_t thread = each->thread;
        release();
        thread_name name;
        read_thread_name(thread, name);
        return fail(HP_BUSY,
                    "thread %d (%s) has not reached a safe point: let it call "
                    "hp_safepoint() more often, or hp_thread_offline() before "
                    "it blocks",
                    thread, name);
      }
      futex_wait(changes, seen, left);
    }
  return HP_OK;
}

void safe_point_stop::release() noexcept
{
  if (!holding_)
    return;
  holding_ = false;
  request().store(0);
  system_call(SYS_futex, &hp_safepoint_requested, FUTEX_WAKE_PRIVATE, INT_MAX);
  members_lock.unlock();
  if (was_running_)
    pass();
}

}  // namespace hotpatch

hp_status hp_thread_register(void)
{
  using namespace hotpatch;
  if (own.where.load() != standing::unregistered)
    return HP_OK;
  if (!has_key || pthread_setspecific(end_of_thread, &own) != 0)
    return fail(HP_NO_MEMORY, "no memory to register a thread");
  const process_lock_guard guard(members_lock);
  own.thread = own_thread_id();
  own.next = members;
  members = &own;
  own.where.store(standing::running);
  return HP_OK;
}

hp_status hp_thread_unregister(void)
{
  using namespace hotpatch;
  if (own.where.load() == standing::unregistered)
    return fail(HP_INVALID, "the calling thread is not registered");
  pthread_setspecific(end_of_thread, nullptr);
  unlink_own();
  return HP_OK;
}

void hp_safepoint_wait(void)
{
  using namespace hotpatch;
  if (own.where.load() != standing::running)
    return;
  move_to(standing::at_point);
  pass();
}

void hp_thread_offline(void)
{
  using namespace hotpatch;
  if (own.where.load() == standing::running)
    move_to(standing::offline);
}

void hp_thread_online(void)
{
  using namespace hotpatch;
  if (own.where.load() == standing::offline)
    pass();
}
