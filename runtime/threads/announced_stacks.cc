// The list of announced stacks, and its public functions.
// SPDX-License-Identifier: MIT
#include "runtime/threads/announced_stacks.h"

#include <algorithm>

#include "runtime/base/mapped_array.h"
#include "runtime/base/status.h"
#include "runtime/include/hotpatch.h"
#include "runtime/threads/locks.h"

namespace hotpatch {

namespace {

constinit process_lock list_lock(lock_rank::announced);
constinit mapped_array<announced_stack> list;  // sorted, without overlaps

void lock_list()
{
  list_lock.lock();
}
void unlock_list()
{
  list_lock.unlock();
}

// A child must not inherit a list that another thread was changing.
[[gnu::constructor]] void keep_whole_over_fork()
{
  handle_forks(lock_rank::announced, {lock_list, unlock_list, unlock_list});
}

// The first stack that ends after the address.
announced_stack* first_behind(std::uint64_t address)
{
  return std::upper_bound(
      list.begin(), list.end(), address,
      [](std::uint64_t wanted, const announced_stack& each) {
        return wanted < each.end;
      });
}

hp_status announce(std::uint64_t base, std::uint64_t size)
{
  const std::uint64_t end = base + size;
  if (base == 0 || size == 0 || end < base)
    return fail(HP_INVALID, "no stack can begin at %#lx and be %lu bytes long",
                base, size);
  const process_lock_guard guard(list_lock);
  const announced_stack* next = first_behind(base);
  if (next != list.end() && next->base < end)
    return fail(HP_INVALID,
                "the stack at %#lx overlaps the one announced at %#lx: "
                "withdraw that one first",
                base, next->base);
  const std::size_t place = static_cast<std::size_t>(next - list.begin());
  if (!list.append({base, end, false}))
    return fail(HP_NO_MEMORY, "no memory to note the stack at %#lx", base);
  std::rotate(list.begin() + place, list.end() - 1, list.end());
  return HP_OK;
}

hp_status withdraw(std::uint64_t base)
{
  const process_lock_guard guard(list_lock);
  announced_stack* const found = first_behind(base);
  if (found == list.end() || found->base != base)
    return fail(HP_INVALID, "no stack is announced at %#lx", base);
  list.remove(static_cast<std::size_t>(found - list.begin()));
  return HP_OK;
}

}  // namespace

locked_stacks::locked_stacks() noexcept
{
  lock_list();
}
locked_stacks::~locked_stacks()
{
  unlock_list();
}

std::span<announced_stack> locked_stacks::all() noexcept
{
  return {list.begin(), list.end()};
}

announced_stack* locked_stacks::find(std::uint64_t address) noexcept
{
  announced_stack* const found = first_behind(address);
  return found != list.end() && found->base <= address ? found : nullptr;
}

}  // namespace hotpatch

hp_status hp_stack_announce(const void* base, size_t size)
{
  return hotpatch::announce(reinterpret_cast<std::uint64_t>(base), size);
}

hp_status hp_stack_withdraw(const void* base)
{
  return hotpatch::withdraw(reinterpret_cast<std::uint64_t>(base));
}
