// The library's own commit code under the model.
// SPDX-License-Identifier: MIT
#define BOOST_TEST_MODULE model_real
#include "testsuite/lib/boost_tap.h"

#include <iterator>
#include <string>
#include <vector>

#include "testsuite/model/real_commit.h"
#include "testsuite/model/verdict.h"

using namespace hotpatch::model;
using hotpatch::writer_kind;
using enum function;

namespace {

const std::vector<function> all(std::begin(everything), std::end(everything));

const protocol with_window = real_commit(writer_kind::rwx_window);
const protocol strictly =
    real_commit(writer_kind::rwx_window, fault::none, HP_STRICT);
const protocol with_breakpoint = real_commit(writer_kind::proc_mem);

// Calls may enter the new function as soon as the commit begins, although it
// will fail.
protocol announced(protocol commit)
{
  return [=](const site& site, const resting& from, function to) {
    steps plan = commit(site, from, to);
    plan.insert(plan.begin(), {step::kind::announce, to});
    return plan;
  };
}

void check_layouts(scenario scenario)
{
  for (const layout& layout : layouts) {
    scenario.site = site(layout);
    check_holds(layout.name, scenario);
  }
}

}  // namespace

BOOST_AUTO_TEST_CASE(a_recording_leads_to_the_bytes_that_the_model_expects)
{
  for (const layout& layout : layouts)
    for (const writer_kind writer :
         {writer_kind::rwx_window, writer_kind::proc_mem})
      for (const function to : {near_a, near_b, far_c, far_d}) {
        const site site(layout);
        const resting from{original, no_function, site.pristine_pad()};
        const recording made = record_commit(writer, site, from, to);
        BOOST_TEST(made.status == HP_OK);
        text text(site.pristine_text());
        for (const step& step : made.plan)
          for (const piece& piece :
               pieces_of(step.at, step.bytes, fetch_rule::any_bytes)) {
            text.store(piece, fetch_rule::in_order);
            text.serialise();
          }
        BOOST_TEST(text.load(site.word(), word_size) == site.word_for(to));
      }
}

BOOST_AUTO_TEST_CASE(window)
{
  check_layouts({.commits = {with_window},
                 .functions = all,
                 .fetch = fetch_rule::any_order});
}

BOOST_AUTO_TEST_CASE(breakpoint)
{
  check_layouts({.commits = {with_breakpoint},
                 .functions = all,
                 .fetch = fetch_rule::any_bytes,
                 .traps = trap_rule::try_again});
}

// What HP_STRICT promises, whichever the writer.
BOOST_AUTO_TEST_CASE(strict_is_one_moment)
{
  for (const protocol& commit : {strictly, with_breakpoint})
    check_layouts({.commits = {commit},
                   .functions = {original, near_a, far_c, far_d},
                   .fetch = fetch_rule::any_bytes,
                   .traps = trap_rule::try_again,
                   .at_one_moment = true});
}

BOOST_AUTO_TEST_CASE(both_in_turn)
{
  check_layouts({.commits = {with_window, with_breakpoint},
                 .functions = {original, near_a, far_c},
                 .fetch = fetch_rule::any_order,
                 .traps = trap_rule::try_again});
}

BOOST_AUTO_TEST_CASE(a_writer_that_fails_leaves_all_bytes_as_they_were)
{
  for (const layout& layout : layouts)
    for (const fault failing :
         {fault::pad, fault::int3, fault::barrier_behind_int3, fault::tail,
          fault::barrier_behind_tail, fault::head}) {
      const site site(layout);
      const resting from{original, no_function, site.pristine_pad()};
      const recording made =
          record_commit(writer_kind::proc_mem, site, from, far_c, failing);
      const bool missed = failing == fault::barrier_behind_int3 ||
                          failing == fault::barrier_behind_tail;
      BOOST_TEST(made.status == (missed ? HP_BUSY : HP_DENIED));
      BOOST_TEST(made.text == site.pristine_text());
    }
}

// Before its last write a commit that fails has not been noticed by anybody.
// Between that and the barrier behind it, a thread that has stood in the pad
// since an earlier commit may go on in the new function.
BOOST_AUTO_TEST_CASE(a_writer_that_fails_is_not_noticed)
{
  std::vector<protocol> commits{with_breakpoint};
  for (const fault failing :
       {fault::pad, fault::int3, fault::barrier_behind_int3, fault::tail,
        fault::barrier_behind_tail})
    commits.push_back(real_commit(writer_kind::proc_mem, failing));
  commits.push_back(announced(real_commit(writer_kind::proc_mem, fault::head)));
  check_layouts({.commits = commits,
                 .functions = {original, near_a, far_c, far_d},
                 .fetch = fetch_rule::any_bytes,
                 .callers = 1,
                 .traps = trap_rule::try_again});
}

BOOST_AUTO_TEST_CASE(control_without_the_barriers)
{
  for (std::size_t count = 1; count <= 3; ++count)
    check_found(
        "breakpoint, without barrier " + std::to_string(count),
        {.commits = {without(with_breakpoint, step::kind::barrier, count)},
         .functions = {original, near_a},
         .fetch = fetch_rule::any_bytes,
         .traps = trap_rule::try_again},
        count == 3 ? "nowhere to go on" : a_mix);
  check_found("window, at one moment",
              {.commits = {with_window},
               .functions = {original, near_a},
               .fetch = fetch_rule::any_order,
               .at_one_moment = true},
              wrong_function);
  check_found("window, without the barrier",
              {.commits = {without(with_window, step::kind::barrier, 1)},
               .functions = {original, near_a},
               .fetch = fetch_rule::any_order},
              wrong_function);
}

BOOST_AUTO_TEST_CASE(control_window_without_the_barrier_behind_the_pad)
{
  check_found("window, far",
              {.commits = {without(with_window, step::kind::barrier, 1)},
               .functions = {original, far_c},
               .fetch = fetch_rule::any_order},
              a_mix);
}
