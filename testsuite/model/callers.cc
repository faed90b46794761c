// What a caller of the site can do next.
// SPDX-License-Identifier: MIT
#include "testsuite/model/machine.h"

namespace hotpatch::model {

std::string machine::core(std::size_t index, const char* what) const
{
  return "core " + std::to_string(index) + "  " + what;
}

void machine::run_caller(const state& from, std::size_t index)
{
  switch (from.callers[index].at) {
    case place::outside:
      begin_call(from, index);
      break;
    case place::at_word:
      fetch_word(from, index);
      break;
    case place::at_pad:
      fetch_pad(from, index);
      break;
    case place::trapped:
      handle_trap(from, index);
      break;
  }
}

void machine::begin_call(const state& from, std::size_t index)
{
  state next = from;
  caller& caller = next.callers[index];
  caller.at = place::at_word;
  caller.allowed = bit(from.active);
  if (from.coming != no_function) {
    if (scenario_.at_one_moment)
      caller.earlier = bit(from.active);
    caller.allowed |= bit(from.coming);
    if (from.entered_new)
      caller.allowed = bit(from.coming);
  }
  add(next, with_text_ ? core(index, "calls the function") : "");
}

void machine::fetch_word(const state& from, std::size_t index)
{
  const site& site = scenario_.site;
  from.text.each_fetch(
      scenario_.fetch, from.callers[index].seen, site.word(), word_size,
      [&](const quadword_bytes& bytes, std::uint8_t seen) {
        state next = from;
        next.callers[index].seen = seen;
        forget_seen(next);
        arrive(
            next, index, site.execute_word(bytes),
            with_text_ ? core(index, "at the word fetches ") + hex(bytes) : "");
      });
}

void machine::fetch_pad(const state& from, std::size_t index)
{
  const site& site = scenario_.site;
  from.text.each_fetch(
      scenario_.fetch, from.callers[index].seen, site.pad(), far_pad_size,
      [&](const quadword_bytes& bytes, std::uint8_t seen) {
        state next = from;
        next.callers[index].seen = seen;
        forget_seen(next);
        arrive(next, index, site.execute_pad(bytes, from.cell),
               with_text_ ? core(index, "in the pad fetches ") +
                                hex(std::span(bytes).first(far_pad_size))
                          : "");
      });
}

void machine::handle_trap(const state& from, std::size_t index)
{
  const std::string text =
      with_text_ ? core(index, "comes to the SIGTRAP handler") : "";
  if (from.detour == through_the_pad) {
    arrive(from, index, {action::go_to_pad}, text);
    return;
  }
  if (from.detour != no_function) {
    arrive(from, index, {action::enter, from.detour}, text);
    return;
  }
  state next = from;
  next.callers[index].at = place::at_word;
  if (scenario_.traps == trap_rule::hand_on)
    add(next, text, "a trap of ours counts as somebody else's");
  else
    add(next, with_text_ ? text + " and is to try again" : "");
}

void machine::arrive(state next, std::size_t index, const execution& execution,
                     const std::string& text)
{
  caller& caller = next.callers[index];
  switch (execution.what) {
    case action::nonsense:
      add(next, text, "a mix of bytes that is no instruction of the site");
      return;
    case action::empty_cell:
      add(next, text, "a jump through an empty cell");
      return;
    case action::go_to_pad:
      caller.at = place::at_pad;
      add(next, with_text_ ? text + ": jumps into the pad" : "");
      return;
    case action::trap: {
      caller.at = place::trapped;
      const char* violation = "";
      if (scenario_.traps == trap_rule::fatal)
        violation = "int3, and no handler";
      else if (next.detour == no_function)
        violation = "int3, and nowhere to go on";
      add(next, with_text_ ? text + ": int3" : "", violation).trapped = true;
      return;
    }
    case action::enter:
      break;
  }
  const bool allowed = (caller.allowed & bit(execution.entered)) != 0;
  const bool new_only = (caller.earlier & bit(execution.entered)) == 0;
  caller = {place::outside, 0, 0, caller.seen};
  if (scenario_.at_one_moment && execution.entered == next.coming && new_only)
    next.entered_new = true;
  add(next, with_text_ ? text + ": enters " + name_of(execution.entered) : "",
      allowed ? ""
              : std::string("the call enters ") + name_of(execution.entered) +
                    ", which is not the site's function")
      .entered = execution.entered;
}

}  // namespace hotpatch::model
