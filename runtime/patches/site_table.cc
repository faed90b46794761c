// A chained hash table of site states.
// SPDX-License-Identifier: MIT
#include "runtime/patches/site_table.h"

#include <cstdlib>
#include <new>

namespace hotpatch {

site_table::~site_table()
{
  while (site_state* state = take_if([](const site_state&) { return true; }))
    destroy(state);
}

void site_table::destroy(site_state* state) noexcept
{
  state->~site_state();
  std::free(state);
}

std::size_t site_table::bucket_of(std::uint64_t symbol) const noexcept
{
  // Fibonacci hashing: symbols differ in their middle bits.
  return static_cast<std::size_t>(symbol * 0x9e3779b97f4a7c15u >> 32) &
         (buckets_.size() - 1);
}

site_state* site_table::find(std::uint64_t symbol) const noexcept
{
  if (buckets_.empty())
    return nullptr;
  site_state* state = buckets_[bucket_of(symbol)];
  while (state != nullptr && state->site.symbol != symbol)
    state = state->next;
  return state;
}

bool site_table::grow() noexcept
{
  array<site_state*> larger;
  const std::size_t size = buckets_.empty() ? 64 : 2 * buckets_.size();
  if (!states_.reserve(size) || !larger.resize(size))
    return false;
  buckets_.swap(larger);
  for (site_state* state : larger)
    while (state != nullptr) {
      site_state* next = state->next;
      site_state*& bucket = buckets_[bucket_of(state->site.symbol)];
      state->next = bucket;
      bucket = state;
      state = next;
    }
  return true;
}

site_state* site_table::make(const located_site& where) noexcept
{
  if (full() && !grow())
    return nullptr;
  void* memory = std::malloc(sizeof(site_state));
  if (memory == nullptr)
    return nullptr;
  auto* state = new (memory) site_state;
  state->site = where.site;
  state->image_id = where.image_id;
  site_state*& bucket = buckets_[bucket_of(where.site.symbol)];
  state->next = bucket;
  bucket = state;
  return states_.append(state) ? state : nullptr;  // there is room
}

site_state* site_table::take(std::size_t position) noexcept
{
  site_state* const taken = states_[position];
  states_[position] = states_[states_.size() - 1];
  states_.truncate(states_.size() - 1);
  site_state** link = &buckets_[bucket_of(taken->site.symbol)];
  while (*link != taken)
    link = &(*link)->next;
  *link = taken->next;
  return taken;
}

}  // namespace hotpatch
