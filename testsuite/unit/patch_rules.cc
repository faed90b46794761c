// The rules of named patches, the order of their hooks, and the pauses between
// attempts.
// SPDX-License-Identifier: MIT
#include "testsuite/lib/boost_tap.h"

#include <cstring>

#include "runtime/base/back_off.h"
#include "runtime/base/status.h"
#include "runtime/model/hook_sequence.h"
#include "runtime/model/patch_rules.h"
#include "runtime/model/replacement_stack.h"

using namespace hotpatch;
using time_of = format::hook_time;

namespace {

bool message_has(const char* words)
{
  BOOST_TEST_INFO(last_message());
  return std::strstr(last_message(), words) != nullptr;
}

patch_dependency parsed(const char* text)
{
  patch_dependency result;
  BOOST_REQUIRE(result.parse(text));
  return result;
}

// Each call in a line: the number of the patch, and when.
struct calls {
  std::string text;

  void note(std::size_t patch, time_of when)
  {
    static constexpr const char* names[] = {"?", "before_apply", "after_apply",
                                            "before_revert", "after_revert"};
    text += std::to_string(patch) + " " +
            names[static_cast<std::uint32_t>(when)] + "\n";
  }
};

}  // namespace

BOOST_AUTO_TEST_CASE(a_name_has_no_blank_and_no_character_of_a_dependency)
{
  for (const char* good : {"a", "CVE-2026-1234", "x/y.z"})
    BOOST_TEST(is_patch_name(good), good);
  for (const char* bad : {"", "a b", "a>b", "a=b", "a\"", "\x7f", "a\n"})
    BOOST_TEST(!is_patch_name(bad), bad);
  BOOST_TEST(is_patch_name(std::string(longest_patch_name, 'a').c_str()));
  BOOST_TEST(!is_patch_name(std::string(longest_patch_name + 1, 'a').c_str()));
}

BOOST_AUTO_TEST_CASE(a_newer_version_takes_the_place_of_an_older_one)
{
  BOOST_TEST(check_version("fix", 2, {1, true}) == HP_OK);
  BOOST_TEST(check_version("fix", 2, {2, true}) == HP_APPLIED);
  BOOST_TEST(message_has("in version 2"));
  BOOST_TEST(check_version("fix", 1, {2, true}) == HP_OLDER);
  BOOST_TEST(message_has("applied in version 2, which is newer than 1"));
}

BOOST_AUTO_TEST_CASE(a_version_that_is_not_in_effect_can_be_applied_again)
{
  BOOST_TEST(check_version("fix", 2, {2, false}) == HP_OK);
  BOOST_TEST(check_version("fix", 1, {2, false}) == HP_OLDER);
}

BOOST_AUTO_TEST_CASE(a_dependency_is_a_name_or_a_name_and_a_version)
{
  BOOST_TEST(parsed("base").version == 0u);
  BOOST_TEST(parsed("base>=7").version == 7u);
  BOOST_TEST(parsed("base>=7").is_named("base"));
  BOOST_TEST(!parsed("base>=7").is_named("bas"));
  BOOST_TEST(!parsed("base>=7").is_named("base2"));
  patch_dependency ignored;
  for (const char* bad :
       {"", ">=1", "base>=", "base>=x", "base>=4294967296", "base=1"})
    BOOST_TEST(!ignored.parse(bad), bad);
}

BOOST_AUTO_TEST_CASE(a_dependency_must_be_present_in_its_version_or_a_newer_one)
{
  const std::uint32_t one = 1;
  const std::uint32_t three = 3;
  const patch_dependency wanted = parsed("base>=2");
  BOOST_TEST(check_dependency("top", false, wanted, &three) == HP_OK);
  BOOST_TEST(check_dependency("top", false, wanted, &one) == HP_MISSING);
  BOOST_TEST(message_has("only version 1 is applied"));
  BOOST_TEST(check_dependency("top", false, wanted, nullptr) == HP_MISSING);
  BOOST_TEST(message_has("needs patch \"base\", which is not applied"));
}

BOOST_AUTO_TEST_CASE(what_an_applied_patch_needs_cannot_be_taken_away)
{
  const std::uint32_t one = 1;
  const patch_dependency wanted = parsed("base>=2");
  BOOST_TEST(check_dependency("top", true, wanted, nullptr) == HP_NEEDED);
  BOOST_TEST(message_has("\"base\" cannot be taken away"));
  BOOST_TEST(check_dependency("top", true, wanted, &one) == HP_NEEDED);
  BOOST_TEST(message_has("only version 1 would be applied"));
}

BOOST_AUTO_TEST_CASE(the_newest_replacement_is_active)
{
  replacement_stack stack;
  BOOST_TEST(stack.active() == 0u);
  BOOST_REQUIRE(stack.append({0x1000}));
  BOOST_REQUIRE(stack.append({0x2000, 7}));
  BOOST_TEST(stack.active() == 0x2000u);
  stack.remove(0);
  BOOST_TEST(stack.active() == 0x2000u);
  stack.remove(0);
  BOOST_TEST(stack.active() == 0u);
}

BOOST_AUTO_TEST_CASE(hooks_of_what_goes_are_called_first)
{
  calls seen;
  hook_sequence sequence(1, 2);
  BOOST_TEST(sequence.before([&](std::size_t patch, time_of when) {
    seen.note(patch, when);
    return true;
  }));
  sequence.after(
      [&](std::size_t patch, time_of when) { seen.note(patch, when); });
  BOOST_TEST(seen.text ==
             "0 before_revert\n1 before_apply\n2 before_apply\n"
             "0 after_revert\n1 after_apply\n2 after_apply\n");
}

BOOST_AUTO_TEST_CASE(a_refusal_takes_back_what_consented_in_the_opposite_order)
{
  calls seen;
  hook_sequence sequence(1, 2);
  BOOST_TEST(
      !sequence.before([&](std::size_t patch, time_of) { return patch != 2; }));
  sequence.take_back(
      [&](std::size_t patch, time_of when) { seen.note(patch, when); });
  BOOST_TEST(seen.text == "1 after_revert\n0 after_apply\n");
}

BOOST_AUTO_TEST_CASE(nothing_is_taken_back_twice_or_after_success)
{
  calls seen;
  const auto note = [&](std::size_t patch, time_of when) {
    seen.note(patch, when);
  };
  const auto consent = [](std::size_t, time_of) { return true; };
  hook_sequence sequence(0, 1);
  BOOST_REQUIRE(sequence.before(consent));
  sequence.take_back(note);
  sequence.take_back(note);
  BOOST_TEST(seen.text == "0 after_revert\n");
  BOOST_REQUIRE(sequence.before(consent));
  sequence.after([](std::size_t, time_of) {});
  sequence.take_back(note);
  BOOST_TEST(seen.text == "0 after_revert\n");
}

BOOST_AUTO_TEST_CASE(the_program_runs_nine_tenths_of_the_time)
{
  back_off pauses(100);
  BOOST_TEST(pauses.after(1) == 100);
  BOOST_TEST(pauses.after(1) == 200);
  BOOST_TEST(pauses.after(1000) == 9000);
  for (int i = 0; i < 40; ++i)
    (void)pauses.after(1000);
  BOOST_TEST(pauses.after(1000) == 50'000'000);
  BOOST_TEST(pauses.after(100'000'000) == 900'000'000);
}
