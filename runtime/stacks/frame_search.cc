// Choosing memory and comparing its words with ranges of code.
// SPDX-License-Identifier: MIT
#include "runtime/stacks/frame_search.h"

#include <algorithm>

#include "runtime/base/countermeasure.h"
#include "runtime/base/valgrind_request.h"
#include "runtime/stacks/frame_walk.h"

namespace hotpatch {

namespace {

// The System V ABI for x86-64, 3.2.2: what lies there belongs to the function.
constexpr std::uint64_t red_zone = 128;

// More than this is not searched around a stack pointer, neither above nor
// below it: all threads stand for as long as that takes.
constexpr std::uint64_t largest_half = std::uint64_t{128} << 20;

// A function that has a fiber's stack in a local array has its return address
// not farther above the array.
constexpr std::uint64_t largest_frame = std::uint64_t{64} << 20;

constexpr std::uint64_t cache_line = 64;
constexpr std::size_t ahead = 96;  // words: twelve lines

constexpr std::uint64_t align_down(std::uint64_t address)
{
  return address & ~std::uint64_t{7};
}

}  // namespace

bool frame_search::find(const searched_thread& thread,
                        frame_finding& finding) noexcept
{
  thread_ = &thread;
  finding_ = &finding;
  pointer_count_ = 0;
  searched_count_ = 0;
  place_ = frame_place::stack;
  if (thread.running && (search_registers() ||
                         search_red_zone(thread.registers.value[dwarf_rsp])))
    return true;
  walked_frames frames = walk_frames(thread.registers, tables_, memory_);
  if (thread.frames_begin != 0)
    frames.parts[0].begin = thread.frames_begin;
  current_ = {};
  if (const walked_frames::part& top = frames.parts[frames.count - 1];
      frames.complete)
    current_ = {top.begin, top.end};
  bool first_too = false;
  stretch last;
  if (are_all(frames, last) ? search_known(frames, last, first_too)
                            : search_around(frames, first_too))
    return true;
  return first_too && search_first_stack();
}

bool frame_search::find_in(std::uint64_t begin, std::uint64_t end,
                           frame_finding& finding) noexcept
{
  static constexpr searched_thread no_thread;
  thread_ = &no_thread;
  finding_ = &finding;
  place_ = frame_place::stack;
  // What is not mapped is passed over.
  for (memory_region region = memory_.region_or_next(memory_.self, begin);
       region.exists() && region.begin < end;
       region = memory_.region_or_next(memory_.self, region.end)) {
    if (region.readable &&
        search_up(std::max(begin, region.begin), std::min(end, region.end),
                  scope::everything))
      return true;
    if (region.end >= end)
      break;
  }
  return false;
}

// --- Registers ---------------------------------------------------------------

bool frame_search::search_registers() noexcept
{
  using role = code_ranges::role;
  const frame_registers& registers = thread_->registers;
  if (registers.has(dwarf_rip) &&
      HP_COUNTERMEASURE(search_instruction_pointer)) {
    const std::uint64_t here = registers.value[dwarf_rip];
    const std::size_t range = code_.find(here, role::instruction_pointer);
    if (range != code_ranges::none)
      return report(frame_place::instruction_pointer, here, range);
  }
  if (!HP_COUNTERMEASURE(search_registers))
    return false;
  for (unsigned i = 0; i < dwarf_rip; ++i) {
    if (!registers.has(i))
      continue;
    const std::size_t range = code_.find(registers.value[i], role::value);
    if (range != code_ranges::none)
      return report(frame_place::other_register, registers.value[i], range);
  }
  return false;
}

bool frame_search::search_red_zone(std::uint64_t pointer) noexcept
{
  const std::uint64_t end = align_down(pointer);
  if (!HP_COUNTERMEASURE(search_red_zone))
    return false;
  for (std::uint64_t at = align_down(pointer - red_zone); at < end;) {
    const memory_words words = memory_.words(memory_.self, at, end, false);
    if (words.unreadable || words.count == 0)
      break;
    if (search_words(words, at, code_ranges::role::below_stack, false))
      return true;
    at += 8 * words.count;
  }
  return false;
}

// --- Which memory ------------------------------------------------------------

// Readable memory around the pointer.  What has other protections, or another
// file, is not the same stack; but a part of a stack may be a mapping of its
// own, for example because it is locked (mlock(2)).
bool frame_search::find_stretch(std::uint64_t pointer,
                                stretch& found) const noexcept
{
  if (memory_.known_stack(memory_.self, pointer, found.begin, found.end))
    return true;
  const memory_region region = memory_.region_at(pointer);
  if (!region.exists() || !region.readable)
    return false;
  found = {region.begin, region.end};
  const auto continues = [&](const memory_region& next) {
    return next.exists() && next.readable && next.writable && region.writable &&
           next.inode == region.inode && next.anonymous == region.anonymous;
  };
  while (found.end - pointer <= largest_half) {
    const memory_region next = memory_.region_at(found.end);
    if (!continues(next))
      break;
    found.end = next.end;
  }
  while (found.begin != 0 && pointer - found.begin <= largest_half) {
    const memory_region next = memory_.region_at(found.begin - 1);
    if (!continues(next))
      break;
    found.begin = next.begin;
  }
  return true;
}

// No stack contains the control block of its own thread.  What lies on the
// other side, without a gap, is of others: a heap, or another thread's stack
// that has no guard, and both may be full of addresses of code.
void frame_search::end_at_control_block(stretch& stack,
                                        std::uint64_t pointer) const noexcept
{
  if (!stack.contains(thread_->thread_pointer) ||
      !HP_COUNTERMEASURE(end_at_control_block))
    return;
  if (thread_->thread_pointer > pointer)
    stack.end = thread_->thread_pointer;
  else
    stack.begin = thread_->thread_pointer;
}

// The memory that the frames lie in, as far as it is of interest above them.
bool frame_search::find_frames(const walked_frames::part& frames,
                               stretch& found) const noexcept
{
  if (memory_.known_stack(memory_.self, frames.begin, found.begin, found.end))
    return frames.end <= found.end;
  const memory_region region = memory_.region_at(frames.begin);
  found = {region.begin, region.end};
  if (region.exists() && region.readable && frames.end <= region.end &&
      (region.main_stack || region.contains(thread_->thread_pointer)))
    return true;
  return find_stretch(frames.begin, found) && frames.end <= found.end;
}

// Above a thread pointer lies what the C library keeps about the thread.
std::uint64_t frame_search::top_of(
    const stretch& stack, const walked_frames::part& frames) const noexcept
{
  std::uint64_t top = std::min(stack.end, frames.end + largest_frame);
  if (thread_->thread_pointer >= frames.end)
    top = std::min(top, thread_->thread_pointer);
  return top;
}

// Whether no other frames can be on the stacks that the walk has seen.  `last`
// is the memory of the last one.
bool frame_search::are_all(const walked_frames& frames,
                           stretch& last) const noexcept
{
  if (!frames.complete)
    return false;
  for (std::size_t i = 0; i < frames.count; ++i)
    if (!find_frames(frames.parts[i], last))
      return false;
  const walked_frames::part& end = frames.parts[frames.count - 1];
  return !HP_COUNTERMEASURE(look_for_older_frames) ||
         !has_return_address(align_down(end.end + 7), top_of(last, end));
}

bool frame_search::has_return_address(std::uint64_t from,
                                      std::uint64_t to) const noexcept
{
  constexpr std::uint64_t entry_point = 9;  // AT_ENTRY, of the auxiliary vector
  std::uint64_t before = 0;
  for (std::uint64_t at = from; at + 8 <= to;) {
    const memory_words words = memory_.words(memory_.self, at, to, true);
    if (words.unreadable)
      return false;
    if (words.count == 0) {
      at = (at / page_size + 1) * page_size;
      continue;
    }
    for (std::size_t i = 0; i < words.count; ++i) {
      const std::uint64_t word = words.first[i];
      if (word >> 47 == 0 && word > page_size && before != entry_point &&
          may_be_returned_to(word, tables_, memory_))
        return true;
      before = word;
    }
    at += 8 * words.count;
  }
  return false;
}

bool frame_search::search_known(const walked_frames& frames,
                                const stretch& last, bool& first_too) noexcept
{
  for (std::size_t i = 0; i + 1 < frames.count; ++i)
    if (search_up(align_down(frames.parts[i].begin), frames.parts[i].end,
                  scope::frames) ||
        search_red_zone(frames.parts[i + 1].begin))
      return true;
  const walked_frames::part& top = frames.parts[frames.count - 1];
  first_too = !is_first_stack(last, top.begin, frames);
  return search_up(align_down(top.begin), top_of(last, top), scope::frames);
}

bool frame_search::search_around(const walked_frames& frames,
                                 bool& first_too) noexcept
{
  for (std::size_t i = 0; i < frames.count; ++i)
    follow(frames.parts[i].begin);
  first_too = true;
  for (std::size_t i = 0; i < pointer_count_; ++i) {
    const std::uint64_t pointer = pointers_[i];
    stretch stack;
    if (!find_stretch(pointer, stack)) {
      // After a stack overflow a signal frame leads to a guard page.
      if (i == 0)
        return report(frame_place::unreadable, pointer, code_ranges::none);
      continue;
    }
    first_too = first_too && !is_first_stack(stack, pointer, frames);
    end_at_control_block(stack, pointer);
    const bool done = std::any_of(
        searched_, searched_ + searched_count_, [&](const stretch& each) {
          return each.begin == stack.begin && each.end == stack.end;
        });
    if (done)
      continue;
    if (stack.end - pointer > largest_half ||
        pointer - stack.begin > largest_half)
      return report(frame_place::too_large, pointer, code_ranges::none,
                    stack.end - stack.begin);
    if (searched_count_ < most_stretches)
      searched_[searched_count_++] = stack;
    place_ = frame_place::stack;
    if (search_up(align_down(pointer), stack.end, scope::around))
      return true;
    place_ = frame_place::below_stack;
    if (HP_COUNTERMEASURE(search_below_stack) &&
        search_down(align_down(pointer), stack.begin))
      return true;
  }
  return false;
}

void frame_search::follow(std::uint64_t pointer) noexcept
{
  if (pointer_count_ != 0 && !HP_COUNTERMEASURE(follow_signal_frames))
    return;
  if (pointer_count_ < most_stretches)
    pointers_[pointer_count_++] = pointer;
}

// Whether this is the stack that the thread was started on.  A child forked by
// another thread than the first one goes on with that thread's stack.
bool frame_search::is_first_stack(const stretch& stack, std::uint64_t pointer,
                                  const walked_frames& frames) const noexcept
{
  const bool below_control_block = stack.contains(thread_->thread_pointer) &&
                                   thread_->thread_pointer > pointer;
  if (!thread_->first)
    return below_control_block;
  return memory_.region_at(pointer).main_stack ||
         (below_control_block && frames.complete && frames.ends_thread);
}

bool frame_search::search_first_stack() noexcept
{
  place_ = frame_place::first_stack;
  if (!HP_COUNTERMEASURE(search_first_stack))
    return false;
  stretch stack;
  if (thread_->first) {
    const memory_region region = memory_.main_stack(memory_.self);
    return region.exists() &&
           search_up(region.begin, region.end, scope::everything);
  }
  const std::uint64_t top = thread_->thread_pointer;
  if (!find_stretch(top, stack))
    return false;
  if (top - stack.begin > 2 * largest_half)
    return report(frame_place::too_large, top, code_ranges::none,
                  top - stack.begin);
  return search_down(align_down(top), stack.begin);
}

// --- Words -------------------------------------------------------------------

// Frames do not reach over a page that cannot be read.
bool frame_search::search_up(std::uint64_t from, std::uint64_t to,
                             scope how) noexcept
{
  const bool sparse = how != scope::frames;
  for (std::uint64_t at = from; at < to && to - at >= 8;) {
    const memory_words words =
        memory_.words(memory_.self, at, align_down(to), sparse);
    if (words.unreadable && how != scope::everything)
      return at == from &&
             report(frame_place::unreadable, from, code_ranges::none);
    if (words.count == 0) {
      at = (at / page_size + 1) * page_size;
      continue;
    }
    if (search_words(words, at, code_ranges::role::value, how == scope::around))
      return true;
    at += 8 * words.count;
  }
  return false;
}

bool frame_search::search_down(std::uint64_t from, std::uint64_t to) noexcept
{
  for (std::uint64_t end = from; end > to;) {
    const std::uint64_t page = (end - 1) / page_size * page_size;
    const std::uint64_t begin = std::max(page, to);
    for (std::uint64_t at = (begin + 7) & ~std::uint64_t{7}; at < end;) {
      const memory_words words = memory_.words(memory_.self, at, end, true);
      if (words.unreadable)
        return false;
      if (words.count == 0)
        break;
      if (search_words(words, at, code_ranges::role::value, false))
        return true;
      at += 8 * words.count;
    }
    end = begin;
  }
  return false;
}

// Reads memory that other threads wrote: no sanitizer may check.
[[gnu::no_sanitize("address", "thread", "undefined")]] bool
frame_search::search_words(const memory_words& words, std::uint64_t at,
                           code_ranges::role how, bool signals) noexcept
{
  const valgrind_silence here;
  const code_ranges::hull around = code_.around();
  const std::uint64_t* const first = words.first;
  for (std::size_t i = 0; i < words.count; ++i) {
    // The words are in the cache of the core that the thread ran on.
    if (reinterpret_cast<std::uint64_t>(first + i) % cache_line == 0)
      __builtin_prefetch(first + i + ahead);
    const bool complete = i + signal_frame_words < words.count;
    if (signals && i != 0 && complete &&
        is_signal_frame(first[i + 1], first[i + 2]))
      follow(first[i - 1]);
    if (!around.contains(first[i]) || !code_.may_contain(first[i]))
      continue;
    const std::uint64_t place = at + 8 * i;
    if (place >= thread_->own_begin && place < thread_->own_end)
      continue;
    // Where the words that follow cannot be read, it may be one.
    std::uint64_t next[signal_frame_words] = {};
    bool from_signal = true;
    if (complete)
      from_signal = is_signal_frame(first[i + 1], first[i + 2]);
    else if (memory_.load(place + 8, next))
      from_signal = is_signal_frame(next[0], next[1]);
    if (!HP_COUNTERMEASURE(signal_frames))
      from_signal = false;
    const std::size_t range = code_.find(
        first[i], from_signal ? code_ranges::role::instruction_pointer : how);
    if (range != code_ranges::none && !is_left_over(place, first[i]))
      return report(place_, first[i], range);
  }
  return false;
}

bool frame_search::is_left_over(std::uint64_t place,
                                std::uint64_t word) const noexcept
{
  if (place_ != frame_place::below_stack || current_.end == 0 ||
      place >= current_.begin || !HP_COUNTERMEASURE(pass_ended_calls))
    return false;
  frame_registers caller;
  caller.set(dwarf_rip, word);
  caller.set(dwarf_rsp, place + 8);
  return has_caller_in(caller, current_.begin, current_.end, tables_, memory_);
}

bool frame_search::report(frame_place how, std::uint64_t address,
                          std::size_t range, std::uint64_t size) noexcept
{
  *finding_ = {how, address, range, size};
  return true;
}

}  // namespace hotpatch
