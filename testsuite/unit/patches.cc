// What a site's state outlives and what it does not, and sites that cannot be
// changed.
// SPDX-License-Identifier: MIT
#include "testsuite/lib/boost_tap.h"

#include <cstring>

#include "runtime/base/status.h"
#include "runtime/patches/patch_plan.h"
#include "runtime/patches/patches.h"
#include "runtime/text/encode.h"
#include "testsuite/lib/asm_site.h"
#include "testsuite/lib/far_function.h"

ASM_SITE_PLAIN(one, 1);
ASM_SITE_ENDBR(two, 2);
ASM_SITE_PLAIN(three, 3);

namespace {

int forty()
{
  return 40;
}

struct fixture {
  hotpatch::process_sites sites;
  hotpatch::patches patches{sites};
  hotpatch_test::far_function far{60};
  bool added = false;

  hp_status apply(const hotpatch::located_site& where, std::uint64_t target)
  {
    hotpatch::patch_plan plan(patches);
    const hp_status status = commit(plan, plan.apply(where, target));
    added = plan.adds();
    return status;
  }

  hp_status revert(const hotpatch::located_site& where)
  {
    hotpatch::patch_plan plan(patches);
    return commit(plan, plan.revert(where));
  }

  hp_status commit(hotpatch::patch_plan& plan, hp_status planned)
  {
    const hotpatch::commit_order order;
    hp_status status = planned;
    if (status == HP_OK)
      status = plan.prepare(order.level);
    if (status == HP_OK)
      status = hotpatch::commit(patches.writer(), plan.changes(),
                                plan.vacated(), patches.all_junctions(), order)
                   .status;
    if (status == HP_OK)
      plan.adopt();
    else
      BOOST_TEST_MESSAGE(hotpatch::last_message());
    return status;
  }
};

hotpatch::located_site located(const hotpatch::site& site, std::uint64_t image)
{
  return {site, "/program", image};
}

const std::uint64_t target = hotpatch_test::address_of(forty);

// As if the image had been unloaded and loaded again.
void restore_text(const hotpatch::site& site)
{
  const std::uint64_t word = hotpatch::format::pristine_word(site.id);
  hotpatch::text_window window(hotpatch::writer_kind::rwx_window, site.word,
                               site.word + sizeof word);
  window.store_word(site.word, word);
}

}  // namespace

BOOST_AUTO_TEST_CASE(a_stack_keeps_its_order_beyond_the_first)
{
  hotpatch::replacement_stack stack;
  hotpatch::replacement_stack copy;
  for (std::uint64_t i = 1; i <= 20; ++i) {
    BOOST_REQUIRE(copy.assign(stack));
    BOOST_REQUIRE(stack.append({i, i}));
    BOOST_TEST(stack.size() == i);
    BOOST_TEST(copy.size() == i - 1);
    BOOST_TEST(stack.newest().target == i);
  }
  // An element of the stack itself, when it has to grow.
  for (std::uint64_t i = 20; i < 40; ++i)
    BOOST_REQUIRE(stack.append(stack[0]));
  BOOST_TEST(stack.newest().target == 1u);
  stack.remove(0);
  stack.truncate(3);
  BOOST_TEST(stack[0].target == 2u);
  BOOST_TEST(stack.newest().target == 4u);
  stack.swap(copy);
  BOOST_TEST(copy.size() == 3u);
  BOOST_TEST(stack.newest().target == 19u);
  hotpatch::replacement_stack small;
  BOOST_REQUIRE(small.append({7, 0}));
  small.swap(copy);
  BOOST_TEST(copy.newest().target == 7u);
  BOOST_TEST(small[2].target == 4u);
}

BOOST_FIXTURE_TEST_CASE(far_without_room_is_refused, fixture)
{
  hotpatch::site site = hotpatch_test::plain_site("one", one, 1);
  site.pad = 5;
  BOOST_TEST(apply(located(site, 1), far.address()) == HP_UNSUPPORTED);
  BOOST_TEST(one() == 1);
  BOOST_TEST(apply(located(site, 1), target) == HP_OK);
  BOOST_TEST(one() == 40);
  BOOST_TEST(apply(located(site, 1), far.address()) == HP_UNSUPPORTED);
  BOOST_TEST(one() == 40);
  BOOST_TEST(revert(located(site, 1)) == HP_OK);
  BOOST_TEST(one() == 1);
}

BOOST_FIXTURE_TEST_CASE(unaligned_word_is_refused, fixture)
{
  hotpatch::site site = hotpatch_test::plain_site("one", one, 1);
  site.word += 4;
  BOOST_TEST(apply(located(site, 1), target) == HP_MALFORMED);
  BOOST_TEST(std::strstr(hotpatch::last_message(), "aligned") != nullptr);
  BOOST_TEST(one() == 1);
}

BOOST_FIXTURE_TEST_CASE(added_tells_new_from_known, fixture)
{
  const auto where = located(hotpatch_test::plain_site("one", one, 1), 1);
  BOOST_TEST(apply(where, target) == HP_OK);
  BOOST_TEST(added);
  BOOST_TEST(apply(where, target) == HP_OK);
  BOOST_TEST(!added);
  BOOST_TEST(apply(where, far.address()) == HP_OK);
  BOOST_TEST(added);
  BOOST_TEST(apply(where, target) == HP_OK);
  BOOST_TEST(!added);
  BOOST_TEST(patches.find(where)->replacements.size() == 2u);
  BOOST_TEST(revert(where) == HP_OK);
  BOOST_TEST(revert(where) == HP_OK);
  BOOST_TEST(patches.find(where) == nullptr);
}

BOOST_FIXTURE_TEST_CASE(another_image_at_the_same_place_is_fresh, fixture)
{
  const auto site = hotpatch_test::endbr_site("two", two, 2);
  BOOST_TEST(apply(located(site, 1), target) == HP_OK);
  restore_text(site);
  BOOST_TEST(patches.find(located(site, 2)) == nullptr);
  BOOST_TEST(revert(located(site, 2)) == HP_NOT_APPLIED);
  BOOST_TEST(apply(located(site, 2), target) == HP_OK);
  BOOST_TEST(two() == 40);
  BOOST_TEST(patches.find(located(site, 2))->replacements.size() == 1u);
  BOOST_TEST(revert(located(site, 2)) == HP_OK);
  BOOST_TEST(two() == 2);
}

BOOST_FIXTURE_TEST_CASE(the_same_image_with_fresh_text_is_fresh, fixture)
{
  const auto site = hotpatch_test::plain_site("three", three, 3);
  BOOST_TEST(apply(located(site, 1), target) == HP_OK);
  restore_text(site);
  BOOST_TEST(patches.find(located(site, 1)) == nullptr);
  BOOST_TEST(apply(located(site, 1), target) == HP_OK);
  BOOST_TEST(three() == 40);
  BOOST_TEST(revert(located(site, 1)) == HP_OK);
  BOOST_TEST(three() == 3);
}
