// What is promised for each commit protocol, and that no state breaks it.
//
// The writer commits again and again, from every function to every other, in
// every order, so each case covers sequences of commits of any length.
//
// SPDX-License-Identifier: MIT
#include "testsuite/lib/boost_tap.h"

#include <string>
#include <vector>

#include "testsuite/model/verdict.h"

using namespace hotpatch::model;
using enum function;

namespace {

// For each layout, and for each rule that makes a difference: any_order allows
// everything that in_order allows, any_bytes everything that any_order allows.
void check_layouts(scenario scenario)
{
  for (const layout& layout : layouts) {
    scenario.site = site(layout);
    check_holds(layout.name, scenario);
  }
}

void check_immediate(std::vector<function> functions, std::size_t callers = 2)
{
  check_layouts({.commits = {immediate},
                 .functions = std::move(functions),
                 .fetch = fetch_rule::any_order,
                 .callers = callers});
}

// Alone, and as one of several sites.
void check_strict(std::vector<function> functions, std::size_t callers = 2)
{
  for (const protocol commit : {strict, strict_of_several})
    check_layouts({.commits = {commit},
                   .functions = functions,
                   .fetch = fetch_rule::any_order,
                   .callers = callers,
                   .at_one_moment = true});
}

const std::vector<function> all(std::begin(everything), std::end(everything));

}  // namespace

BOOST_AUTO_TEST_SUITE(immediate_commit)

BOOST_AUTO_TEST_CASE(apply_and_revert_near)
{
  check_immediate({original, near_a}, 3);
}

BOOST_AUTO_TEST_CASE(near_to_near)
{
  check_immediate({near_a, near_b});
}

BOOST_AUTO_TEST_CASE(apply_and_revert_far)
{
  check_immediate({original, far_c});
}

BOOST_AUTO_TEST_CASE(near_to_far_and_back)
{
  check_immediate({near_a, far_c});
}

BOOST_AUTO_TEST_CASE(far_to_far)
{
  check_immediate({far_c, far_d});
}

BOOST_AUTO_TEST_CASE(all_of_them)
{
  check_immediate(all);
}

BOOST_AUTO_TEST_CASE(all_of_them_in_order)
{
  check_layouts({.commits = {immediate},
                 .functions = all,
                 .fetch = fetch_rule::in_order});
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE(strict_commit)

BOOST_AUTO_TEST_CASE(apply_and_revert_near)
{
  check_strict({original, near_a}, 3);
}

BOOST_AUTO_TEST_CASE(near_to_near)
{
  check_strict({near_a, near_b});
}

BOOST_AUTO_TEST_CASE(apply_and_revert_far)
{
  check_strict({original, far_c});
}

BOOST_AUTO_TEST_CASE(near_to_far_and_back)
{
  check_strict({near_a, far_c});
}

BOOST_AUTO_TEST_CASE(all_of_them)
{
  check_layouts({.commits = {strict},
                 .functions = all,
                 .fetch = fetch_rule::any_order,
                 .at_one_moment = true});
  check_strict({original, near_a, far_c});
}

BOOST_AUTO_TEST_CASE(given_up_commits_leave_no_trace)
{
  check_layouts({.commits = {strict, strict_given_up},
                 .functions = {original, near_a, far_c},
                 .fetch = fetch_rule::any_order,
                 .at_one_moment = true});
  check_layouts({.commits = {strict_of_several, strict_of_several_given_up},
                 .functions = {original, near_a},
                 .fetch = fetch_rule::any_order,
                 .at_one_moment = true});
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_CASE(levels_may_be_mixed)
{
  check_layouts(
      {.commits = {immediate, strict, stopped, strict_of_several_given_up},
       .functions = {original, near_a, far_c},
       .fetch = fetch_rule::any_order});
  check_layouts({.commits = {immediate, strict_of_several, stopped},
                 .functions = {original, near_a, far_c},
                 .fetch = fetch_rule::any_order});
}

BOOST_AUTO_TEST_CASE(a_stopped_commit_is_one_moment_for_everybody)
{
  check_layouts({.commits = {stopped},
                 .functions = all,
                 .fetch = fetch_rule::any_bytes,
                 .at_one_moment = true});
}
