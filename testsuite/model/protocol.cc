// The plans of the commit protocols.
// SPDX-License-Identifier: MIT
#include "testsuite/model/protocol.h"

#include <cstdio>

namespace hotpatch::model {

namespace {

using enum step::kind;

// The pad is dead until a word leads to it, so its bytes may come before
// anything is promised.
void prepare_pad(steps& plan, const site& site, const resting& from,
                 function to)
{
  if (is_far(to) && from.pad != site.far_pad())
    plan.push_back(copy_of(site.pad(), site.far_pad()));
}

bool only_the_cell_changes(const resting& from, function to)
{
  return is_far(from.active) && is_far(to);
}

steps change_of_cell(function to)
{
  return {{announce, to}, {cell, to}, {conclude, to}};
}

// A word that leads through the pad to where it led before.
void lead_through_the_pad(steps& plan, const site& site, const resting& from,
                          bool junction, function to)
{
  if (from.pad != site.far_pad()) {
    plan.push_back(copy_of(site.pad(), site.far_pad()));
    plan.push_back({barrier});
  }
  if (junction) {
    plan.push_back({due, to, from.active});
    plan.push_back({lead, to, from.active});
  } else {
    plan.push_back({cell, from.active});
  }
  if (!is_far(from.active)) {
    plan.push_back(store_of(site.word(), site.word_for(function::far_c)));
    plan.push_back({barrier});
  }
}

steps at_one_moment(const site& site, const resting& from, function to,
                    bool junction)
{
  if (only_the_cell_changes(from, to) && !junction)
    return change_of_cell(to);
  steps plan;
  lead_through_the_pad(plan, site, from, junction, to);
  plan.push_back({announce, to});
  if (junction)
    plan.push_back({happen, to, from.active});
  plan.push_back({cell, to});
  if (!is_far(to))
    plan.push_back(store_of(site.word(), site.word_for(to)));
  if (!only_the_cell_changes(from, to))
    plan.push_back({barrier});
  plan.push_back({conclude, to});
  return plan;
}

steps give_up(const site& site, const resting& from, function to, bool junction)
{
  steps plan;
  lead_through_the_pad(plan, site, from, junction, to);
  plan.push_back({cell, from.active});
  if (!is_far(from.active))
    plan.push_back(store_of(site.word(), site.word_for(from.active)));
  plan.push_back({barrier});
  plan.push_back({conclude, from.active});
  return plan;
}

}  // namespace

step store_of(std::size_t at, std::span<const std::uint8_t> bytes)
{
  return {store,
          no_function,
          no_function,
          static_cast<std::uint8_t>(at),
          {bytes.begin(), bytes.end()}};
}

step copy_of(std::size_t at, std::span<const std::uint8_t> bytes)
{
  step result = store_of(at, bytes);
  result.what = copy;
  return result;
}

steps immediate(const site& site, const resting& from, function to)
{
  if (only_the_cell_changes(from, to))
    return change_of_cell(to);
  steps plan;
  prepare_pad(plan, site, from, to);
  if (!plan.empty())
    plan.push_back({barrier});
  plan.push_back({announce, to});
  if (is_far(to))
    plan.push_back({cell, to});
  plan.push_back(store_of(site.word(), site.word_for(to)));
  plan.push_back({barrier});
  plan.push_back({conclude, to});
  return plan;
}

steps strict(const site& site, const resting& from, function to)
{
  return at_one_moment(site, from, to, false);
}

steps strict_of_several(const site& site, const resting& from, function to)
{
  return at_one_moment(site, from, to, true);
}

steps strict_given_up(const site& site, const resting& from, function to)
{
  return give_up(site, from, to, false);
}

steps strict_of_several_given_up(const site& site, const resting& from,
                                 function to)
{
  return give_up(site, from, to, true);
}

steps stopped(const site& site, const resting& from, function to)
{
  steps plan{{stop}};
  prepare_pad(plan, site, from, to);
  plan.push_back({announce, to});
  if (is_far(to))
    plan.push_back({cell, to});
  plan.push_back(copy_of(site.word(), site.word_for(to)));
  plan.push_back({barrier});
  plan.push_back({conclude, to});
  plan.push_back({resume});
  return plan;
}

protocol without(protocol whole, step::kind kind, std::size_t count)
{
  return [=](const site& site, const resting& from, function to) {
    steps plan = whole(site, from, to);
    std::size_t met = 0;
    std::erase_if(plan, [&](const step& step) {
      return step.what == kind && ++met == count;
    });
    return plan;
  };
}

std::string describe(const step& step, const site& site)
{
  char where[16];
  std::snprintf(where, sizeof where, "word%+d",
                static_cast<int>(step.at) - static_cast<int>(site.word()));
  switch (step.what) {
    case announce:
      return std::string("begins the change to ") + name_of(step.to);
    case store:
      return std::string("stores ") + hex(step.bytes) + " at " + where;
    case copy:
      return std::string("copies ") + hex(step.bytes) + " to " + where;
    case cell:
      return std::string("stores the address of ") + name_of(step.to) +
             " in the cell";
    case due:
      return std::string("makes the junction lead to ") + name_of(step.from) +
             ", and " + name_of(step.to) + " due";
    case lead:
      return "stores the address of that junction in the cell";
    case happen:
      return std::string("stores the number: the junction leads to ") +
             name_of(step.to);
    case barrier:
      return "makes every core serialise";
    case stop:
      return "stops every thread";
    case resume:
      return "lets every thread run";
    case conclude:
      return std::string("returns; calls must now enter ") + name_of(step.to);
  }
  return "";
}

}  // namespace hotpatch::model
