// The plans of the commit protocols.
// SPDX-License-Identifier: MIT
#include "testsuite/model/protocol.h"

#include <cstdio>

namespace hotpatch::model {

namespace {

using enum step::kind;

constexpr std::size_t tail_size = word_size - 1;
constexpr std::uint8_t int3[1] = {0xcc};

std::span<const std::uint8_t> head_of(const quadword_bytes& word)
{
  return std::span(word).first(1);
}

std::span<const std::uint8_t> tail_of(const quadword_bytes& word)
{
  return std::span(word).subspan(1, tail_size);
}

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

// The cell changes as late as it can: a thread may have stood in the pad since
// a far function was active the last time, and it goes where the cell says.
steps breakpoint(const site& site, const resting& from, function to,
                 bool switch_detour)
{
  if (only_the_cell_changes(from, to))
    return change_of_cell(to);
  const quadword_bytes word = site.word_for(to);
  steps plan;
  prepare_pad(plan, site, from, to);
  plan.push_back({announce, to});
  plan.push_back({detour, from.active});
  plan.push_back(store_of(site.word(), int3));
  plan.push_back({barrier});
  plan.push_back(copy_of(site.word() + 1, tail_of(word)));
  plan.push_back({barrier});
  if (switch_detour)
    plan.push_back({detour, to});
  if (is_far(to))
    plan.push_back({cell, to});
  plan.push_back(store_of(site.word(), head_of(word)));
  plan.push_back({barrier});
  plan.push_back({detour, no_function});
  plan.push_back({conclude, to});
  return plan;
}

}  // namespace

step store_of(std::size_t at, std::span<const std::uint8_t> bytes)
{
  return {store,
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
  return breakpoint(site, from, to, true);
}

steps strict_with_one_detour(const site& site, const resting& from, function to)
{
  return breakpoint(site, from, to, false);
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

namespace {

steps give_up(const site& site, const resting& from, function to,
              bool after_the_tail)
{
  const quadword_bytes before = site.word_for(from.active);
  const quadword_bytes after = site.word_for(to);
  steps plan;
  prepare_pad(plan, site, from, to);
  plan.push_back({detour, from.active});
  plan.push_back(store_of(site.word(), int3));
  plan.push_back({barrier});
  if (after_the_tail) {
    plan.push_back(copy_of(site.word() + 1, tail_of(after)));
    plan.push_back({barrier});
    plan.push_back(copy_of(site.word() + 1, tail_of(before)));
    plan.push_back({barrier});
  }
  plan.push_back(store_of(site.word(), head_of(before)));
  plan.push_back({barrier});
  plan.push_back({detour, no_function});
  plan.push_back({conclude, from.active});
  return plan;
}

}  // namespace

steps strict_given_up_early(const site& site, const resting& from, function to)
{
  return give_up(site, from, to, false);
}

steps strict_given_up_late(const site& site, const resting& from, function to)
{
  return give_up(site, from, to, true);
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
    case detour:
      if (step.to == no_function)
        return "lets threads that trap try again";
      return std::string("sends threads that trap to ") +
             (step.to == through_the_pad ? "the pad" : name_of(step.to));
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
