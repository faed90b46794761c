// The machine's frame, and what the writer can do next.
// SPDX-License-Identifier: MIT
#include "testsuite/model/machine.h"

#include <algorithm>
#include <stdexcept>

namespace hotpatch::model {

namespace {

using enum step::kind;

}  // namespace

std::string state::key(std::size_t caller_count) const
{
  std::string key;
  text.append_key(key);
  const auto put = [&](auto value) { key.push_back(static_cast<char>(value)); };
  // Which caller is which makes no difference.
  std::vector<caller> alike(
      callers.begin(),
      callers.begin() + static_cast<std::ptrdiff_t>(caller_count));
  std::sort(alike.begin(), alike.end());
  for (const caller& each : alike) {
    put(each.at);
    put(each.allowed);
    put(each.earlier);
    put(each.seen);
    put(each.before);
    put(each.after);
    put(each.takes_after);
  }
  put(active);
  put(coming);
  put(cell);
  put(before);
  put(after);
  for (unsigned shift = 0; shift < 32; shift += 8)
    put(happened >> shift & 0xff);
  put(plan);
  put(step);
  put(issued);
  put(stopped);
  put(entered_new);
  return key;
}

machine::machine(const scenario& scenario) : scenario_(scenario)
{
  if (scenario.callers > state::most_callers)
    throw std::length_error("the model has too many callers");
}

state machine::initial() const
{
  state first;
  first.text = model::text(scenario_.site.pristine_text());
  return first;
}

void machine::transitions(const state& from, bool with_text,
                          std::vector<transition>& found)
{
  found.clear();
  found_ = &found;
  with_text_ = with_text;
  if (from.plan == state::no_plan)
    begin_plans(from);
  else
    perform_step(from);
  if (!from.stopped)
    for (std::size_t i = 0; i < scenario_.callers; ++i)
      run_caller(from, i);
}

transition& machine::add(const state& next, std::string text,
                         std::string violation)
{
  found_->push_back({next, std::move(violation), std::move(text)});
  return found_->back();
}

std::uint8_t machine::plan_for(const state& from, std::size_t commit,
                               function to)
{
  const site& site = scenario_.site;
  resting resting{from.active, from.cell, {}};
  const quadword_bytes pad = from.text.load(site.pad(), far_pad_size);
  std::copy_n(pad.begin(), far_pad_size, resting.pad.begin());
  const situation key{commit, resting.active, resting.cell, resting.pad, to};
  const auto known = known_plans_.find(key);
  if (known != known_plans_.end())
    return known->second;
  const auto number = static_cast<std::uint8_t>(plans_.size());
  plans_.push_back(scenario_.commits[commit](site, resting, to));
  known_plans_.emplace(key, number);
  return number;
}

void machine::begin_plans(const state& from)
{
  for (std::size_t commit = 0; commit < scenario_.commits.size(); ++commit)
    for (const function to : scenario_.functions) {
      if (to == from.active)
        continue;
      state next = from;
      next.plan = plan_for(from, commit, to);
      next.step = 0;
      add(next, with_text_ ? std::string("writer  plans to go from ") +
                                 name_of(from.active) + " to " + name_of(to)
                           : "");
    }
}

void machine::next_step(state& next) const
{
  next.issued = 0;
  if (++next.step == plans_[next.plan].size()) {
    next.plan = state::no_plan;
    next.step = 0;
  }
}

void machine::perform_step(const state& from)
{
  const step& step = plans_[from.plan][from.step];
  if (step.what == store || step.what == copy) {
    issue_pieces(from, step);
    return;
  }
  state next = from;
  switch (step.what) {
    case announce:
      next.coming = step.to;
      for (caller& caller : next.callers) {
        if (scenario_.at_one_moment)
          caller.earlier = caller.allowed;
        caller.allowed |= bit(step.to);
      }
      break;
    case cell:
      next.cell = step.to;
      if (scenario_.junctions == junction_rule::of_one_change)
        next.before = next.after = no_function;
      break;
    case due:
      if (scenario_.junctions == junction_rule::never_due_again)
        break;
      next.happened &= ~junction_bit(step.from, step.to);
      break;
    case lead:
      next.cell = a_junction;
      next.before = step.from;
      next.after = step.to;
      break;
    case happen:
      next.happened |= junction_bit(step.from, step.to);
      break;
    case barrier:
      next.text.serialise();
      for (caller& caller : next.callers)
        caller.seen = 0;
      break;
    case stop:
      next.stopped = true;
      break;
    case resume:
      next.stopped = false;
      break;
    case conclude:
      next.active = step.to;
      next.coming = no_function;
      next.entered_new = false;
      for (caller& caller : next.callers)
        caller.earlier = 0;
      forget_junctions(next);
      break;
    case store:
    case copy:
      break;
  }
  next_step(next);
  add(next, with_text_ ? "writer  " + describe(step, scenario_.site) : "");
}

// Under in_order the pieces of one step become visible one by one: those of a
// store in every order, those of a copy upwards.  Otherwise a fetch may see any
// of the pending pieces anyway, so all of them at once is the same.
void machine::issue_pieces(const state& from, const step& step)
{
  const fetch_rule rule = scenario_.fetch;
  const std::vector<piece> pieces = pieces_of(
      step.at, step.bytes, step.what == copy ? fetch_rule::any_bytes : rule);
  const std::string what =
      with_text_ ? "writer  " + describe(step, scenario_.site) : "";
  if (rule != fetch_rule::in_order) {
    state next = from;
    for (const piece& piece : pieces)
      next.text.store(piece, rule);
    next_step(next);
    add(next, what);
    return;
  }
  for (std::size_t i = 0; i < pieces.size(); ++i) {
    if ((from.issued >> i & 1) != 0)
      continue;
    if (step.what == copy && i != 0 && (from.issued >> (i - 1) & 1) == 0)
      break;
    state next = from;
    next.text.store(pieces[i], rule);
    next.issued = static_cast<std::uint8_t>(from.issued | 1u << i);
    if (next.issued + 1u == 1u << pieces.size())
      next_step(next);
    forget_seen(next);
    add(next, pieces.size() == 1 || !with_text_
                  ? what
                  : what + ", of that " +
                        hex(std::span(pieces[i].bytes).first(pieces[i].size)));
  }
}

// Where a junction leads in which nobody stands is told anew when it is used
// again.
void machine::forget_junctions(state& state) const
{
  if (scenario_.junctions != junction_rule::of_one_change)
    return;
  std::uint32_t used = 0;
  for (const caller& caller : state.callers)
    if (caller.at == place::in_junction)
      used |= junction_bit(caller.before, caller.after);
  state.happened &= used;
}

// Stores that every core has seen are no longer pending.
void machine::forget_seen(state& state) const
{
  if (scenario_.fetch != fetch_rule::in_order)
    return;
  std::uint8_t least = state.text.pending();
  for (std::size_t i = 0; i < scenario_.callers; ++i)
    least = std::min(least, state.callers[i].seen);
  state.text.settle(least);
  for (std::size_t i = 0; i < scenario_.callers; ++i)
    state.callers[i].seen =
        static_cast<std::uint8_t>(state.callers[i].seen - least);
}

}  // namespace hotpatch::model
