// The library's own commit code under the model.
// SPDX-License-Identifier: MIT
#include "testsuite/lib/boost_tap.h"

#include <algorithm>
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

const commit_kind with_window{};
const commit_kind strictly{.level = HP_STRICT};
const commit_kind strictly_with_another{.level = HP_STRICT,
                                        .with = company::with_another};
const commit_kind without_window{.writer = writer_kind::proc_mem};
const commit_kind strictly_without_window{.writer = writer_kind::proc_mem,
                                          .level = HP_STRICT};

commit_kind failing(commit_kind kind, fault what)
{
  kind.failing = what;
  return kind;
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
    for (const commit_kind& kind :
         {with_window, without_window, strictly, strictly_with_another})
      for (const function to : {near_a, near_b, far_c, far_d}) {
        const site site(layout);
        const resting from{original, no_function, site.pristine_pad()};
        const recording made = record_commit(kind, site, from, to);
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
  check_layouts({.commits = {real_commit(with_window)},
                 .functions = all,
                 .fetch = fetch_rule::any_order});
}

// All threads stand still, at every level.
BOOST_AUTO_TEST_CASE(without_a_window)
{
  for (const commit_kind& kind : {without_window, strictly_without_window})
    check_layouts({.commits = {real_commit(kind)},
                   .functions = all,
                   .fetch = fetch_rule::any_bytes});
  check_layouts({.commits = {real_commit(strictly_without_window)},
                 .functions = all,
                 .fetch = fetch_rule::any_bytes,
                 .at_one_moment = true});
}

// What HP_STRICT promises.
BOOST_AUTO_TEST_CASE(strict_is_one_moment)
{
  check_layouts({.commits = {real_commit(strictly)},
                 .functions = all,
                 .fetch = fetch_rule::any_order,
                 .at_one_moment = true});
  check_layouts({.commits = {real_commit(strictly_with_another)},
                 .functions = {original, near_a, far_c},
                 .fetch = fetch_rule::any_order,
                 .at_one_moment = true});
}

BOOST_AUTO_TEST_CASE(all_in_turn)
{
  check_layouts(
      {.commits = {real_commit(with_window), real_commit(without_window),
                   real_commit(strictly), real_commit(strictly_with_another)},
       .functions = {original, near_a, far_c},
       .fetch = fetch_rule::any_order});
}

BOOST_AUTO_TEST_CASE(a_commit_that_fails_leaves_the_word_as_it_was)
{
  for (const layout& layout : layouts)
    for (const commit_kind& kind :
         {failing(without_window, fault::pad),
          failing(without_window, fault::word),
          failing(strictly, fault::barrier_behind_pad),
          failing(strictly, fault::barrier_behind_word),
          failing(strictly_with_another, fault::barrier_behind_pad),
          failing(strictly_with_another, fault::barrier_behind_word)}) {
      const site site(layout);
      const resting from{original, no_function, site.pristine_pad()};
      const recording made = record_commit(kind, site, from, far_c);
      BOOST_TEST(made.status ==
                 (kind.level == HP_STRICT ? HP_BUSY : HP_DENIED));
      // A thread may be in a pad that a word has led to.
      std::vector<std::uint8_t> expected = site.pristine_text();
      if (kind.failing == fault::barrier_behind_word) {
        const pad_bytes pad = site.far_pad();
        std::copy(pad.begin(), pad.end(),
                  expected.begin() + static_cast<std::ptrdiff_t>(site.pad()));
      }
      BOOST_TEST(made.text == expected);
    }
}

BOOST_AUTO_TEST_CASE(a_commit_that_fails_is_not_noticed)
{
  for (const commit_kind& kind : {strictly, strictly_with_another})
    check_layouts(
        {.commits = {real_commit(kind),
                     real_commit(failing(kind, fault::barrier_behind_pad)),
                     real_commit(failing(kind, fault::barrier_behind_word))},
         .functions = {original, near_a, far_c},
         .fetch = fetch_rule::any_order,
         .callers = 1,
         .at_one_moment = true});
  check_layouts({.commits = {real_commit(without_window),
                             real_commit(failing(without_window, fault::pad)),
                             real_commit(failing(without_window, fault::word))},
                 .functions = {original, near_a, far_c},
                 .fetch = fetch_rule::any_order});
}

BOOST_AUTO_TEST_CASE(control_without_the_barriers)
{
  for (const commit_kind& kind : {strictly, strictly_with_another}) {
    scenario scenario{.commits = {},
                      .functions = {original, near_a},
                      .fetch = fetch_rule::any_order,
                      .at_one_moment = true};
    scenario.commits = {without(real_commit(kind), step::kind::barrier, 1)};
    check_found("strict, without the barrier behind the pad", scenario, a_mix);
    // The first time there is one after the pad, too.
    scenario.commits = {
        [=](const site& site, const resting& from, function to) {
          const std::size_t which = from.pad == site.far_pad() ? 1 : 2;
          return without(real_commit(kind), step::kind::barrier, which)(
              site, from, to);
        }};
    check_found("strict, without the barrier behind the word", scenario,
                wrong_function);
  }
  check_found("window, at one moment",
              {.commits = {real_commit(with_window)},
               .functions = {original, near_a},
               .fetch = fetch_rule::any_order,
               .at_one_moment = true},
              wrong_function);
  check_found(
      "window, without the barrier",
      {.commits = {without(real_commit(with_window), step::kind::barrier, 1)},
       .functions = {original, near_a},
       .fetch = fetch_rule::any_order},
      wrong_function);
  check_found("standing, without the barrier",
              {.commits = {without(real_commit(without_window),
                                   step::kind::barrier, 1)},
               .functions = {original, near_a},
               .fetch = fetch_rule::any_order},
              a_mix);
}

BOOST_AUTO_TEST_CASE(control_without_the_stop)
{
  check_found(
      "standing, while threads run",
      {.commits = {without(real_commit(without_window), step::kind::stop, 1)},
       .functions = {original, near_a},
       .fetch = fetch_rule::any_order},
      a_mix);
}

BOOST_AUTO_TEST_CASE(control_window_without_the_barrier_behind_the_pad)
{
  check_found(
      "window, far",
      {.commits = {without(real_commit(with_window), step::kind::barrier, 1)},
       .functions = {original, far_c},
       .fetch = fetch_rule::any_order},
      a_mix);
}
