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
    case place::in_junction:
      look_in_junction(from, index);
      break;
    case place::decided:
      leave_junction(from, index);
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

void machine::look_in_junction(const state& from, std::size_t index)
{
  state next = from;
  caller& caller = next.callers[index];
  caller.takes_after =
      (from.happened & junction_bit(caller.before, caller.after)) != 0;
  caller.at = place::decided;
  add(next,
      with_text_ ? core(index, "looks at the number in the junction") : "");
}

void machine::leave_junction(const state& from, std::size_t index)
{
  const caller& caller = from.callers[index];
  const bool rewritten = scenario_.junctions == junction_rule::rewritten;
  const function before = rewritten ? from.before : caller.before;
  const function after = rewritten ? from.after : caller.after;
  arrive(from, index, {action::enter, caller.takes_after ? after : before},
         with_text_ ? core(index, "leaves the junction") : "");
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
    case action::trap:
      add(next, text, "int3");
      return;
    case action::enter:
      break;
  }
  if (execution.entered == a_junction) {
    caller.at = place::in_junction;
    caller.before = next.before;
    caller.after = next.after;
    add(next, with_text_ ? text + ": jumps into the junction" : "");
    return;
  }
  const bool allowed = (caller.allowed & bit(execution.entered)) != 0;
  const bool new_only = (caller.earlier & bit(execution.entered)) == 0;
  caller = {.seen = caller.seen};
  if (scenario_.at_one_moment && execution.entered == next.coming && new_only)
    next.entered_new = true;
  add(next, with_text_ ? text + ": enters " + name_of(execution.entered) : "",
      allowed ? ""
              : std::string("the call enters ") + name_of(execution.entered) +
                    ", which is not the site's function")
      .entered = execution.entered;
}

}  // namespace hotpatch::model
