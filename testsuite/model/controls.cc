// Negative controls: each takes one countermeasure out of a protocol, and the
// same explorer that finds nothing in the protocol finds what that was for.
// The last suite shows where the promises end.
//
// SPDX-License-Identifier: MIT
#include <algorithm>
#include <iterator>
#include <span>
#include <string>
#include <vector>

#define BOOST_TEST_DYN_LINK
#include <boost/test/unit_test.hpp>

#include "testsuite/model/verdict.h"

using namespace hotpatch::model;
using enum function;
using enum step::kind;

namespace {

const std::vector<function> all(std::begin(everything), std::end(everything));

// A commit that stores the new word's parts one after the other.
protocol in_parts(std::vector<std::size_t> ends, bool last_part_first)
{
  return [=](const site& site, const resting&, function to) {
    const quadword_bytes word = site.word_for(to);
    steps stores;
    std::size_t begin = 0;
    for (const std::size_t end : ends) {
      const auto part = std::span(word).subspan(begin, end - begin);
      stores.insert(last_part_first ? stores.begin() : stores.end(),
                    store_of(site.word() + begin, part));
      begin = end;
    }
    steps plan{{announce, to}};
    plan.insert(plan.end(), stores.begin(), stores.end());
    plan.push_back({barrier});
    plan.push_back({conclude, to});
    return plan;
  };
}

steps copied(const site& site, const resting&, function to)
{
  return {{announce, to},
          copy_of(site.word(), site.word_for(to)),
          {barrier},
          {conclude, to}};
}

// The first step of a kind changes places with the next of another kind.
protocol swapped(protocol whole, step::kind first, step::kind second)
{
  return [=](const site& site, const resting& from, function to) {
    steps plan = whole(site, from, to);
    const auto find = [&](step::kind kind) {
      return std::find_if(plan.begin(), plan.end(),
                          [=](const step& step) { return step.what == kind; });
    };
    if (find(first) != plan.end() && find(second) != plan.end())
      std::iter_swap(find(first), find(second));
    return plan;
  };
}

// Goes from one far function to another by writing a new pad.
steps rewriting_the_pad(const site& site, const resting& from, function to)
{
  if (!is_far(from.active) || !is_far(to))
    return immediate(site, from, to);
  const pad_bytes pad = to == far_d ? site.other_pad() : site.far_pad();
  return {{announce, to}, copy_of(site.pad(), pad), {barrier}, {conclude, to}};
}

scenario immediately(protocol commit, std::vector<function> functions,
                     fetch_rule fetch = fetch_rule::in_order)
{
  return {.commits = {std::move(commit)},
          .functions = std::move(functions),
          .fetch = fetch};
}

scenario strictly(protocol commit, std::vector<function> functions,
                  trap_rule traps = trap_rule::try_again)
{
  return {.commits = {std::move(commit)},
          .functions = std::move(functions),
          .fetch = fetch_rule::any_bytes,
          .traps = traps};
}

}  // namespace

BOOST_AUTO_TEST_SUITE(control)

BOOST_AUTO_TEST_CASE(opcode_then_operand)
{
  check_found("e9, then the displacement",
              immediately(in_parts({1, 8}, false), {original, near_a}), a_mix);
}

BOOST_AUTO_TEST_CASE(operand_then_opcode)
{
  check_found("the displacement, then e9",
              immediately(in_parts({1, 8}, true), {original, near_a}), a_mix);
}

BOOST_AUTO_TEST_CASE(two_halves)
{
  check_found("bytes 0 to 3, then 4 to 7",
              immediately(in_parts({4, 8}, false), {original, near_a}), a_mix);
}

BOOST_AUTO_TEST_CASE(byte_by_byte)
{
  check_found("a copy routine", immediately(copied, {original, near_a}), a_mix);
}

// e9 and its displacement are five bytes: up to three bytes off, they lie in
// one quadword, and what is left of the NOP behind them is never executed.
BOOST_AUTO_TEST_CASE(unaligned_word)
{
  for (std::uint8_t shift = 1; shift < 8; ++shift) {
    scenario scenario = immediately(immediate, {original, near_a, near_b});
    scenario.site = site(plain, shift);
    const std::string what = "word at +" + std::to_string(shift);
    if (shift <= 3)
      check_holds(what, scenario);
    else
      check_found(what, scenario, a_mix);
  }
}

BOOST_AUTO_TEST_CASE(no_barrier_behind_the_word)
{
  check_found("immediate",
              immediately(without(immediate, barrier, 1), {original, near_a}),
              wrong_function);
}

BOOST_AUTO_TEST_CASE(no_barrier_between_pad_and_word)
{
  const auto commit = without(immediate, barrier, 1);
  check_found("immediate, far",
              immediately(commit, {original, far_c}, fetch_rule::any_order),
              a_mix);
}

BOOST_AUTO_TEST_CASE(word_before_cell)
{
  check_found("immediate, far",
              immediately(swapped(immediate, cell, store), {original, far_c}),
              "empty cell");
}

BOOST_AUTO_TEST_CASE(pad_rewritten_while_in_use)
{
  check_found("immediate, far",
              immediately(rewriting_the_pad, {original, far_c, far_d}), a_mix);
}

BOOST_AUTO_TEST_CASE(strict_without_its_barriers)
{
  check_found("none behind the int3",
              strictly(without(strict, barrier, 1), {original, near_a}), a_mix);
  check_found("none behind the tail",
              strictly(without(strict, barrier, 2), {original, near_a}), a_mix);
  check_found("none behind the head",
              strictly(without(strict, barrier, 3), {original, near_a}),
              "nowhere to go on");
}

BOOST_AUTO_TEST_CASE(strict_without_a_detour)
{
  check_found("strict",
              strictly(without(strict, detour, 1), {original, near_a}),
              "nowhere to go on");
}

BOOST_AUTO_TEST_CASE(strict_without_int3)
{
  check_found("tail, then head",
              strictly(without(strict, store, 1), {original, near_a}), a_mix);
}

// A thread that met the int3 may come to the handler long after the commit.
BOOST_AUTO_TEST_CASE(handler_that_forgets_the_site)
{
  check_found("strict",
              strictly(strict, {original, near_a}, trap_rule::hand_on),
              "somebody else's");
}

BOOST_AUTO_TEST_CASE(strict_without_a_handler)
{
  check_found("strict", strictly(strict, {original, near_a}, trap_rule::fatal),
              "no handler");
}

BOOST_AUTO_TEST_CASE(stopped_without_stopping)
{
  check_found("stopped",
              immediately(without(stopped, stop, 1), {original, near_a}),
              a_mix);
  check_found("stopped, no barrier",
              immediately(without(stopped, barrier, 1), {original, near_a}),
              wrong_function);
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE(limit)

// What the strict level is for.
BOOST_AUTO_TEST_CASE(immediate_is_not_by_the_book)
{
  check_found("immediate",
              immediately(immediate, {original, near_a}, fetch_rule::any_bytes),
              a_mix);
}

// AMD's rule alone would do without the barrier between pad and word.
BOOST_AUTO_TEST_CASE(in_order_needs_no_barrier_between_pad_and_word)
{
  const auto commit = [](const site& site, const resting& from, function to) {
    const std::size_t first = is_far(to) && from.pad != site.far_pad() ? 1 : 0;
    return without(immediate, barrier, first)(site, from, to);
  };
  check_holds("immediate, far", immediately(commit, all));
}

BOOST_AUTO_TEST_CASE(immediate_is_not_one_moment_for_everybody)
{
  scenario scenario = immediately(immediate, {original, near_a});
  scenario.at_one_moment = true;
  check_found("immediate", scenario, wrong_function);
}

BOOST_AUTO_TEST_CASE(one_detour_is_not_one_moment_for_everybody)
{
  scenario scenario = strictly(strict_with_one_detour, {original, near_a});
  scenario.at_one_moment = true;
  check_found("strict", scenario, wrong_function);
}

// A thread that has stood in the pad since an earlier change goes where the
// cell says, before the word does.
BOOST_AUTO_TEST_CASE(an_early_cell_is_not_one_moment_for_everybody)
{
  const auto commit = [](const site& site, const resting& from, function to) {
    const steps plan = strict(site, from, to);
    if (plan.size() <= 3 || !is_far(to))
      return plan;
    steps early;
    for (const step& step : plan) {
      if (step.what != cell)
        early.push_back(step);
      if (step.what == announce)
        early.push_back({cell, to});
    }
    return early;
  };
  scenario scenario = strictly(commit, {original, far_c, far_d});
  scenario.at_one_moment = true;
  check_found("strict", scenario, wrong_function);
}

BOOST_AUTO_TEST_SUITE_END()
