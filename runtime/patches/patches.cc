// The states of sites, kept while their images are loaded.
//
// SPDX-License-Identifier: MIT
#include "runtime/patches/patches.h"

#include <algorithm>
#include <cstdlib>
#include <new>

#include "format/patch_word.h"
#include "runtime/base/countermeasure.h"

namespace hotpatch {

// A chained hash table of site states.

site_table::~site_table()
{
  for (site_state* state : states_)
    state->~site_state();
  for (void* slab : slabs_)
    std::free(slab);
}

void site_table::destroy(site_state* state) noexcept
{
  state->~site_state();
  free_ = new (static_cast<void*>(state)) free_place{free_};
}

// What many sites need is pages that the kernel has to clear first: most of
// the time of their first change.
static_assert(sizeof(site_state) == 144);

// The more states there are, the more at once.
bool site_table::add_slab() noexcept
{
  const std::size_t count = std::clamp<std::size_t>(states_.size(), 4, 512);
  void* const memory = std::malloc(count * sizeof(site_state));
  if (memory == nullptr || !slabs_.append(memory)) {
    std::free(memory);
    return false;
  }
  char* const begin = static_cast<char*>(memory);
  for (std::size_t i = count; i-- > 0;)  // the first one is taken first
    free_ = new (begin + i * sizeof(site_state)) free_place{free_};
  return true;
}

std::size_t site_table::bucket_of(std::uint64_t symbol) const noexcept
{
  // Fibonacci hashing: symbols differ in their middle bits.
  return static_cast<std::size_t>(symbol * 0x9e3779b97f4a7c15u >> 32) &
         (buckets_.size() - 1);
}

site_state* site_table::look_up(std::uint64_t symbol) const noexcept
{
  site_state* state = buckets_[bucket_of(symbol)];
  while (state != nullptr && state->site.symbol != symbol)
    state = state->next;
  return state;
}

site_state* site_table::find_from_start(std::uint64_t symbol) noexcept
{
  site_state* const found =
      !states_.empty() && states_[0]->site.symbol == symbol ? states_[0]
                                                            : find(symbol);
  if (found != nullptr)
    recent_ = found->position;
  return found;
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
  free_place* const rest = free_->next;
  site_state* const state = new (static_cast<void*>(free_)) site_state;
  free_ = rest;
  state->site = where.site;
  state->image_id = where.image_id;
  site_state*& bucket = buckets_[bucket_of(where.site.symbol)];
  state->next = bucket;
  bucket = state;
  lowest_ = std::min(lowest_, state->site.symbol);
  highest_ = std::max(highest_, state->site.symbol);
  recent_ = states_.size();
  state->position = static_cast<std::uint32_t>(recent_);
  states_.append_in_place() = state;
  return state;
}

site_state* site_table::take(std::size_t position) noexcept
{
  site_state* const taken = states_[position];
  states_[position] = states_[states_.size() - 1];
  states_[position]->position = static_cast<std::uint32_t>(position);
  states_.truncate(states_.size() - 1);
  site_state** link = &buckets_[bucket_of(taken->site.symbol)];
  while (*link != taken)
    link = &(*link)->next;
  *link = taken->next;
  return taken;
}

const site_state* patches::find(const located_site& where) const noexcept
{
  const site_state* state = table_.find(where.site.symbol);
  if (state == nullptr || outlived(*state, where.image_id, where.site) ||
      state->replacements.empty())
    return nullptr;
  return state;
}

bool patches::in_effect(const named_patch& patch) noexcept
{
  std::size_t there = 0;
  for_each([&](const site_state& state) {
    for (const replacement& each : state.replacements)
      there += each.patch == patch.id;
  });
  return !HP_COUNTERMEASURE(sites_tell) || there == patch.sites;
}

void patches::forget(site_state* state) noexcept
{
  if (state->site.entry == nullptr)  // that of an entry is for ever
    cells_.give_back(state->cell);
  table_.destroy(state);
}

void patches::forget_unloaded() noexcept
{
  const auto unloaded = [this](const site_state& state) {
    return !sites_.loaded(state.image_id);
  };
  while (site_state* state = table_.take_if(unloaded))
    forget(state);
}

// For one more state than there are.
bool patches::make_room() noexcept
{
  if (table_.full())
    forget_unloaded();
  return table_.make_room() && planned_.reserve(table_.room()) &&
         changes_.reserve(table_.room());
}

site_state* patches::make_state(const located_site& where,
                                site_state* outlived) noexcept
{
  if (outlived != nullptr)
    forget(table_.take_if(
        [=](const site_state& each) { return &each == outlived; }));
  site_state* const state = make_room() ? table_.make(where) : nullptr;
  if (state != nullptr)
    state->word = pristine_word(where.site);
  return state;
}

}  // namespace hotpatch
