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

// What strict promises, and what it rests on.
scenario strictly(protocol commit, std::vector<function> functions)
{
  return {.commits = {std::move(commit)},
          .functions = std::move(functions),
          .fetch = fetch_rule::any_order,
          .at_one_moment = true};
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
// one quadword, and what is left of the NOP after them is never executed.
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

// The pad is written once, so there are two barriers the first time.
BOOST_AUTO_TEST_CASE(strict_without_its_barriers)
{
  for (const protocol commit : {strict, strict_of_several}) {
    check_found("none behind the pad",
                strictly(without(commit, barrier, 1), {original, near_a}),
                a_mix);
    const auto none_behind_the_word = [=](const site& site, const resting& from,
                                          function to) {
      const std::size_t first = from.pad == site.far_pad() ? 1 : 2;
      return without(commit, barrier, first)(site, from, to);
    };
    check_found("none behind the word that leads through the pad",
                strictly(none_behind_the_word, {original, near_a}),
                wrong_function);
  }
}

BOOST_AUTO_TEST_CASE(strict_without_the_old_function_in_the_cell)
{
  check_found("the word first",
              strictly(without(strict, cell, 1), {original, near_a}),
              "empty cell");
  check_found("the word before the junction",
              strictly(without(strict_of_several, lead, 1), {original, near_a}),
              "empty cell");
}

BOOST_AUTO_TEST_CASE(strict_without_a_way_through_the_pad)
{
  check_found("one store of the word", strictly(immediate, {original, near_a}),
              wrong_function);
}

BOOST_AUTO_TEST_CASE(strict_without_the_new_function_in_the_cell)
{
  check_found("the word alone",
              strictly(without(strict, cell, 2), {original, near_a}),
              wrong_function);
}

// Where a change comes again, its junction leads to the old function again.
BOOST_AUTO_TEST_CASE(a_junction_that_is_not_due_again)
{
  scenario scenario = strictly(strict_of_several, {original, near_a});
  scenario.junctions = junction_rule::never_due_again;
  check_found("strict, of several", scenario, wrong_function);
}

// A thread stands in a junction for as long as it likes.
BOOST_AUTO_TEST_CASE(junctions_that_are_written_again)
{
  scenario scenario = strictly(strict_of_several, {original, near_a, far_c});
  scenario.junctions = junction_rule::rewritten;
  check_found("one junction for every change", scenario, wrong_function);
}

BOOST_AUTO_TEST_CASE(int3_over_the_first_byte)
{
  const auto commit = [](const site& site, const resting& from, function to) {
    constexpr std::uint8_t int3[1] = {0xcc};
    steps plan = immediate(site, from, to);
    plan.insert(plan.begin(), store_of(site.word(), int3));
    return plan;
  };
  check_found("int3, then the word", immediately(commit, {original, near_a}),
              "int3");
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

// Of what Intel's manual promises only a stop is sure.
BOOST_AUTO_TEST_CASE(stores_while_threads_run_are_not_by_the_book)
{
  for (const protocol commit : {immediate, strict})
    check_found("any mix",
                immediately(commit, {original, near_a}, fetch_rule::any_bytes),
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

// It comes to the new function through the cell.
BOOST_AUTO_TEST_CASE(strict_needs_no_barrier_behind_the_last_word)
{
  const auto commit = [](const site& site, const resting& from, function to) {
    steps plan = strict(site, from, to);
    if (plan.size() > 1 && plan[plan.size() - 2].what == barrier)
      plan.erase(plan.end() - 2);
    return plan;
  };
  check_holds("strict", strictly(commit, {original, near_a}));
}

BOOST_AUTO_TEST_CASE(immediate_is_not_one_moment_for_everybody)
{
  scenario scenario = immediately(immediate, {original, near_a});
  scenario.at_one_moment = true;
  check_found("immediate", scenario, wrong_function);
}

// A thread that has stood in the pad since an earlier change goes where the
// cell says, before the word does.
BOOST_AUTO_TEST_CASE(an_early_cell_is_not_one_moment_for_everybody)
{
  const auto commit = [](const site& site, const resting& from, function to) {
    steps plan = strict(site, from, to);
    for (step& step : plan)
      if (step.what == cell && step.to == from.active)
        step.to = to;
    std::erase_if(plan, [](const step& step) { return step.what == announce; });
    plan.insert(plan.begin(), {announce, to});
    return plan;
  };
  check_found("strict", strictly(commit, {original, far_c, far_d}),
              wrong_function);
}

BOOST_AUTO_TEST_SUITE_END()
