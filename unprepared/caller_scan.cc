// Following what comes after calls, and what came before.
// SPDX-License-Identifier: MIT
#include "unprepared/caller_scan.h"

#include <cstddef>

#include "runtime/base/array.h"
#include "unprepared/instruction.h"

namespace hotpatch::unprepared {

namespace {

using register_set = std::uint32_t;

// System V ABI for x86-64, figure 3.4: what calls may change, less the results
// rax, rdx, xmm0 and xmm1.
constexpr register_set rcx = 1u << 1;
constexpr register_set rsi = 1u << 6;
constexpr register_set rdi = 1u << 7;
constexpr register_set r8_and_r9 = 0x3u << 8;
constexpr register_set r10_and_r11 = 0x3u << 10;
constexpr register_set xmm2_to_xmm7 = 0xfcu << 16;
constexpr register_set xmm8_to_xmm15 = 0xff00u << 16;
constexpr register_set lost_by_calls =
    rcx | rsi | rdi | r8_and_r9 | r10_and_r11 | xmm2_to_xmm7 | xmm8_to_xmm15;

// What a callee may get; a caller that keeps one of these for the next call has
// no instruction that reads it.
constexpr register_set arguments = rcx | rsi | rdi | r8_and_r9;

// What may hold something when a function begins: arguments, and the static
// chain in r10.
constexpr register_set held_at_entry = arguments | 1u << 10 | xmm2_to_xmm7;

// Addresses that were seen; a path that comes to one of them ends.
class seen_places {
 public:
  // False: it is there, or there are too many.
  bool add(std::uint64_t at)
  {
    for (std::size_t i = 0; i < count_; ++i)
      if (list_[i] == at)
        return false;
    if (count_ == most)
      return false;
    list_[count_++] = at;
    return true;
  }

 private:
  static constexpr std::size_t most = 128;
  std::uint64_t list_[most];
  std::size_t count_ = 0;
};

// --- Forwards ----------------------------------------------------------------

// Which of `wanted` are read before they are written.
class path_scan {
 public:
  path_scan(const code_map& code, bool in_callee)
      : code_(code), in_callee_(in_callee)
  {
  }

  register_set read_from(std::uint64_t at, register_set wanted)
  {
    push(at, wanted);
    while (count_ != 0) {
      const pending next = list_[--count_];
      follow(next.at, next.wanted);
    }
    return read_;
  }

 private:
  struct pending {
    std::uint64_t at;
    register_set wanted;
  };
  static constexpr unsigned most_pending = 16;
  static constexpr unsigned most_steps = 256;

  void push(std::uint64_t at, register_set wanted)
  {
    if (count_ < most_pending && targets_.add(at))
      list_[count_++] = {at, wanted};
  }
  // Another function, whose parameters count.
  void enter(std::uint64_t at, register_set wanted)
  {
    if (!in_callee_ && (wanted & arguments) != 0)
      read_ |= path_scan(code_, true).read_from(at, wanted & arguments);
  }
  void go_to(std::uint64_t at, register_set wanted, const code_extent* from)
  {
    const code_extent* const to = code_.extent_at(at);
    if (to != nullptr && to != from && to->begin == at && !in_callee_)
      enter(at, wanted);
    else
      push(at, wanted);
  }
  void follow(std::uint64_t at, register_set wanted);

  const code_map& code_;
  const bool in_callee_;
  pending list_[most_pending] = {};
  unsigned count_ = 0;
  unsigned steps_ = 0;
  register_set read_ = 0;
  seen_places targets_;
};

void path_scan::follow(std::uint64_t at, register_set wanted)
{
  const code_extent* extent = code_.extent_at(at);
  while ((wanted &= ~read_) != 0 && steps_ < most_steps) {
    // What follows a call that does not come back is another function.
    if (extent == nullptr || at - extent->begin >= extent->end - extent->begin)
      return;
    ++steps_;
    const auto code = code_.code_at(at);
    instruction one;
    register_use use;
    if (!decode(code.data(), code.size(), at, one, use))
      return;
    // The prologue of a function with variable arguments stores all registers
    // that arguments may be in.
    if (!(in_callee_ && use.stores_to_stack))
      read_ |= use.reads & wanted;
    wanted &= ~use.writes;
    switch (one.way) {
      case flow::next:
        at += one.length;
        break;
      case flow::jump:
        go_to(one.target, wanted, extent);
        return;
      case flow::branch:
        go_to(one.target, wanted, extent);
        at += one.length;
        break;
      case flow::call:
        enter(one.target, wanted);
        return;
      case flow::computed_call:
      case flow::computed_jump:
      case flow::end:
        return;
    }
  }
}

// Whether a function may come back.  True where that cannot be told.
bool may_return(const code_map& code, std::uint64_t entry, unsigned depth)
{
  constexpr unsigned most_depth = 4;
  constexpr unsigned most_steps = 512;
  constexpr std::size_t most_pending = 32;
  if (depth == most_depth)
    return true;
  seen_places seen;
  std::uint64_t list[most_pending];
  std::size_t count = 0;
  const auto push = [&](std::uint64_t at) {
    if (seen.add(at))
      list[count++] = at;
    return count < most_pending;
  };
  const code_extent* const own = code.extent_at(entry);
  if (own == nullptr || !push(entry))
    return true;
  for (unsigned steps = 0; count != 0;) {
    std::uint64_t at = list[--count];
    for (bool goes_on = true; goes_on;) {
      const auto bytes = code.code_at(at);
      instruction one;
      if (++steps > most_steps ||
          !decode(bytes.data(), bytes.size(), at, one) || one.returns ||
          one.way == flow::computed_jump)
        return true;
      if (one.way == flow::jump || one.way == flow::branch) {
        const code_extent* const there = code.extent_at(one.target);
        if (one.way == flow::jump && there != nullptr && there != own &&
            there->begin == one.target) {
          if (may_return(code, one.target, depth + 1))
            return true;
        } else if (!push(one.target)) {
          return true;
        }
      }
      goes_on =
          one.way == flow::next || one.way == flow::branch ||
          one.way == flow::computed_call ||
          (one.way == flow::call && may_return(code, one.target, depth + 1));
      at += one.length;
      if (at == own->end)
        goes_on = false;
    }
  }
  return false;
}

// --- Backwards ---------------------------------------------------------------

// The instructions of the function that calls, for the way back.
class caller_body {
 public:
  caller_body(const code_map& code, const code_extent& extent)
      : code_(code), extent_(extent)
  {
    const auto bytes = code.code_at(extent.begin);
    step each{extent.begin};
    while (each.at < extent.end &&
           decode(bytes.data() + (each.at - extent.begin),
                  bytes.size() - (each.at - extent.begin), each.at, each.what,
                  each.use)) {
      if (!steps_.append(each))
        break;
      each.at += each.what.length;
    }
  }

  // Whether a value that was put into one of `registers` may still be there
  // when the call before `after` is made.
  bool may_hold(std::uint64_t after, register_set registers);

 private:
  struct step {
    std::uint64_t at;
    instruction what = {};
    register_use use = {};
    bool seen = false;
  };

  bool push_those_before(std::size_t number);
  static bool goes_on(const step& one)
  {
    return one.what.way == flow::next || one.what.way == flow::branch ||
           one.what.way == flow::call || one.what.way == flow::computed_call;
  }

  const code_map& code_;
  const code_extent& extent_;
  array<step> steps_;
  array<std::size_t> pending_;
};

// True: it may be come to from elsewhere, with anything in the registers.
bool caller_body::push_those_before(std::size_t number)
{
  const std::uint64_t at = steps_[number].at;
  if (number > 0 && goes_on(steps_[number - 1]) && !pending_.append(number - 1))
    return true;
  for (std::size_t i = 0; i < steps_.size(); ++i) {
    const step& each = steps_[i];
    if ((each.what.way == flow::jump || each.what.way == flow::branch) &&
        each.what.target == at && !pending_.append(i))
      return true;
  }
  return false;
}

bool caller_body::may_hold(std::uint64_t after, register_set registers)
{
  std::size_t call = 0;
  while (call < steps_.size() &&
         steps_[call].at + steps_[call].what.length != after)
    ++call;
  // It could not be decoded from its beginning.
  if (call == steps_.size())
    return true;
  for (step& each : steps_)
    each.seen = false;
  pending_.clear();
  if (call == 0 || push_those_before(call))
    return true;
  while (!pending_.empty()) {
    const std::size_t number = pending_[pending_.size() - 1];
    pending_.truncate(pending_.size() - 1);
    step& each = steps_[number];
    if (each.seen)
      continue;
    each.seen = true;
    if (each.what.way == flow::call || each.what.way == flow::computed_call)
      continue;
    if ((each.use.writes & registers) != 0)
      return true;
    if (number == 0 && (registers & held_at_entry) != 0)
      return true;
    if (push_those_before(number))
      return true;
  }
  return false;
}

}  // namespace

std::uint64_t find_keeping_caller(const code_map& code,
                                  std::uint64_t entry) noexcept
{
  bool returns = true;
  bool is_known = false;
  for (const code_reference& each : code.references(entry, entry + 1)) {
    if (each.kind != reference_kind::call)
      continue;
    const register_set read =
        path_scan(code, false).read_from(each.from, lost_by_calls);
    if (read == 0)
      continue;
    if (!is_known)
      returns = may_return(code, entry, 0);
    is_known = true;
    if (!returns)
      return 0;
    const code_extent* const extent = code.extent_at(each.from - 1);
    if (extent == nullptr)
      return each.from;
    caller_body body(code, *extent);
    for (unsigned bit = 0; bit < 32; ++bit)
      if ((read >> bit & 1) != 0 && body.may_hold(each.from, 1u << bit))
        return each.from;
  }
  return 0;
}

}  // namespace hotpatch::unprepared
