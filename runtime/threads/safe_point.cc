// Safe points: a list of registered threads, and a flag that each looks at.
// SPDX-License-Identifier: MIT
#include "runtime/threads/safe_point.h"

#include <cstdlib>
#include <new>
#include <pthread.h>

#include "runtime/base/core_serialise.h"
#include "runtime/base/countermeasure.h"
#include "runtime/base/futex.h"
#include "runtime/base/status.h"
#include "runtime/threads/locks.h"
#include "runtime/threads/thread_list.h"

// Public only for the load in hp_safepoint().  1: a thread wants all registered
// threads to stand.
unsigned hp_safepoint_requested = 0;

namespace hotpatch {

namespace {

enum class standing : std::uint32_t {
  running,   // somewhere in the program
  at_point,  // in hp_safepoint_wait() or hp_thread_online()
  offline,   // where it promised not to call replaceable functions
};

// A thread says where it stands, then looks at the request; who requests does
// it the other way round.  Both are sequentially consistent, so one of the two
// sees the other.
struct member {
  std::atomic<standing> where{standing::offline};
  pid_t thread = 0;
  member* next = nullptr;
};

// Its value in a thread says that the thread is registered; the destructor runs
// when that thread ends.  Not thread_local: see status.cc.
constinit pthread_key_t member_of_thread{};
constinit bool has_key = false;

// The calling thread's; null: it is not registered.
member* own() noexcept
{
  return has_key ? static_cast<member*>(pthread_getspecific(member_of_thread))
                 : nullptr;
}

bool is_running(const member* self) noexcept
{
  return self != nullptr && self->where.load() == standing::running;
}

constinit process_lock members_lock(lock_rank::members);
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

void move(member& self, standing where) noexcept
{
  self.where.store(where);
  if (where != standing::running && is_requested()) {
    changes.fetch_add(1);
    futex_wake_all(changes);
  }
}

// Waits until nothing is requested, and is running then.
void pass(member& self) noexcept
{
  for (;;) {
    while (is_requested())
      system_call(SYS_futex, &hp_safepoint_requested, FUTEX_WAIT_PRIVATE, 1,
                  nullptr);
    self.where.store(standing::running);
    if (!is_requested())
      break;
    move(self, standing::at_point);
  }
  serialise_core();
}

void remove(member& self) noexcept
{
  // First of all, so that none waits for a thread that waits for the lock.
  move(self, standing::offline);
  {
    const process_lock_guard guard(members_lock);
    for (member** link = &members; *link != nullptr; link = &(*link)->next)
      if (*link == &self) {
        *link = self.next;
        break;
      }
  }
  self.~member();
  std::free(&self);
}

[[gnu::constructor]] void prepare_members()
{
  has_key = pthread_key_create(&member_of_thread, [](void* data) {
              remove(*static_cast<member*>(data));
            }) == 0;
  // In a child there is only the thread that has called fork().
  const auto keep_only_this = [] {
    member* const self = own();
    if (self != nullptr) {
      self->next = nullptr;
      self->thread = own_thread_id();
    }
    members = self;
    request().store(0);
    members_lock.unlock();
  };
  handle_forks(lock_rank::members, {nullptr, nullptr, keep_only_this});
}

}  // namespace

offline_scope::offline_scope() noexcept : changed_(is_running(own()))
{
  if (changed_)
    move(*own(), standing::offline);
}

offline_scope::~offline_scope()
{
  if (changed_)
    pass(*own());
}

hp_status safe_point_stop::reach(deadline until) noexcept
{
  was_running_ = is_running(own());
  if (was_running_)
    move(*own(), standing::offline);
  members_lock.lock();
  holding_ = true;
  request().store(1);
  for (const member* each = members; each != nullptr; each = each->next)
    while (HP_COUNTERMEASURE(wait_for_members) &&
           each->where.load() == standing::running) {
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
    pass(*own());
}

}  // namespace hotpatch

hp_status hp_thread_register(void)
{
  using namespace hotpatch;
  if (own() != nullptr)
    return HP_OK;
  void* const memory = has_key ? std::malloc(sizeof(member)) : nullptr;
  if (memory == nullptr || pthread_setspecific(member_of_thread, memory) != 0) {
    std::free(memory);
    return fail(HP_NO_MEMORY, "no memory to register a thread");
  }
  auto* const self = new (memory) member;
  const process_lock_guard guard(members_lock);
  self->thread = own_thread_id();
  self->next = members;
  members = self;
  self->where.store(standing::running);
  return HP_OK;
}

hp_status hp_thread_unregister(void)
{
  using namespace hotpatch;
  member* const self = own();
  if (self == nullptr)
    return fail(HP_INVALID, "the calling thread is not registered");
  pthread_setspecific(member_of_thread, nullptr);
  remove(*self);
  return HP_OK;
}

void hp_safepoint_wait(void)
{
  using namespace hotpatch;
  member* const self = own();
  if (!is_running(self))
    return;
  move(*self, standing::at_point);
  pass(*self);
}

void hp_thread_offline(void)
{
  using namespace hotpatch;
  if (is_running(own()))
    move(*own(), standing::offline);
}

void hp_thread_online(void)
{
  using namespace hotpatch;
  member* const self = own();
  if (self != nullptr && self->where.load() == standing::offline)
    pass(*self);
}
