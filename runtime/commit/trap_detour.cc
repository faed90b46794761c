// The words that had breakpoints, and where each leads at this moment.
// SPDX-License-Identifier: MIT
#include "runtime/commit/trap_detour.h"

#include <atomic>
#include <cstdlib>
#include <new>

#include "format/patch_word.h"
#include "runtime/commit/commit.h"
#include "runtime/commit/trap_handler.h"
#include "runtime/text/encode.h"

namespace hotpatch {

namespace {

// A word that once had a breakpoint.  Never freed: a thread that met the int3
// may come to the handler long after the commit.
struct trap_point {
  std::uint64_t word;
  std::atomic<std::uint64_t> old_place;  // 0: run the word
  std::atomic<std::uint64_t> new_place;
  trap_point* next;
};

constexpr std::size_t bucket_bits = 12;
constinit std::atomic<trap_point*> buckets[1u << bucket_bits] = {};

// Odd: threads are sent to the new places.  Every change of what is meant
// counts it up, so that the handler can tell that it has read one state.
constinit std::atomic<std::uint64_t> stage{0};

std::atomic<trap_point*>& bucket_of(std::uint64_t word)
{
  // Fibonacci hashing: words differ in their middle bits.
  return buckets[word * 0x9e3779b97f4a7c15u >> (64 - bucket_bits)];
}

trap_point* find_trap_point(std::uint64_t word)
{
  trap_point* point = bucket_of(word).load(std::memory_order_acquire);
  while (point != nullptr && point->word != word)
    point = point->next;
  return point;
}

bool make_trap_point(std::uint64_t word)
{
  if (find_trap_point(word) != nullptr)
    return true;
  void* memory = std::malloc(sizeof(trap_point));
  if (memory == nullptr)
    return false;
  std::atomic<trap_point*>& bucket = bucket_of(word);
  auto* made = new (memory)
      trap_point{word, 0, 0, bucket.load(std::memory_order_relaxed)};
  bucket.store(made, std::memory_order_release);
  return true;
}

// 0: nothing is going on there.
std::uint64_t place_of(const trap_point& point)
{
  for (;;) {
    const std::uint64_t before = stage.load(std::memory_order_acquire);
    const std::uint64_t place =
        (before % 2 != 0 ? point.new_place : point.old_place)
            .load(std::memory_order_acquire);
    if (stage.load(std::memory_order_acquire) == before)
      return place;
  }
}

// For the handler.  A thread that comes late runs the word again; an int3 that
// is there without us is somebody else's.
std::uint64_t detour_at(std::uint64_t address)
{
  const trap_point* point = find_trap_point(address);
  if (point == nullptr)
    return 0;
  if (const std::uint64_t place = place_of(*point))
    return place;
  const bool breakpoint =
      static_cast<std::uint8_t>(load_word(point->word)) == format::filler;
  return breakpoint ? place_of(*point) : point->word;
}

// Where a thread goes that was to run this word.
std::uint64_t destination(const site_code& site, std::uint64_t word)
{
  const decoded_word decoded = decode_word(site, word);
  return decoded.form == word_form::pristine ? site.word + format::word_size
                                             : decoded.target;
}

void next_stage(std::uint64_t odd)
{
  const std::uint64_t now = stage.load(std::memory_order_relaxed);
  stage.store(now + 1 + (now % 2 == odd), std::memory_order_seq_cst);
}

}  // namespace

const char* prepare_trap_detours(std::span<const change> changes) noexcept
{
  for (const change& each : changes)
    if (!make_trap_point(each.site->word))
      return "there is no memory for the breakpoint protocol";
  return own_trap_signal(detour_at) != trap_signal::refused
             ? nullptr
             : "a handler for SIGTRAP cannot be installed";
}

bool regain_trap_signal() noexcept
{
  return own_trap_signal(detour_at) == trap_signal::taken_over;
}

void send_trapped_to_old(std::span<const change> changes) noexcept
{
  next_stage(0);
  for (const change& each : changes) {
    trap_point* point = find_trap_point(each.site->word);
    point->old_place.store(destination(*each.site, each.old_word),
                           std::memory_order_release);
    // Not through the pad, whose cell still leads to the old function.
    point->new_place.store(each.cell != 0
                               ? each.cell_target
                               : destination(*each.site, each.new_word),
                           std::memory_order_release);
  }
}

void send_trapped_to_new() noexcept
{
  next_stage(1);
}

void keep_trapped_old(std::span<const change> changes) noexcept
{
  next_stage(0);
  for (const change& each : changes) {
    trap_point* point = find_trap_point(each.site->word);
    point->new_place.store(point->old_place.load(), std::memory_order_release);
  }
}

void forget_trapped(std::span<const change> changes) noexcept
{
  next_stage(0);
  for (const change& each : changes) {
    trap_point* point = find_trap_point(each.site->word);
    point->old_place.store(0, std::memory_order_release);
    point->new_place.store(0, std::memory_order_release);
  }
}

}  // namespace hotpatch
