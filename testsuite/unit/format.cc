// The record layout and the patch word's bytes.
// SPDX-License-Identifier: MIT
#include "testsuite/lib/boost_tap.h"

#include <cstring>
#include <typeinfo>

#include "format/level.h"
#include "format/patch_record.h"
#include "format/patch_word.h"
#include "format/record.h"

namespace format = hotpatch::format;

struct conn;

BOOST_AUTO_TEST_CASE(pristine_word_is_the_nop_with_the_id)
{
  const unsigned char expected[8] = {0x0f, 0x1f, 0x84, 0x00,
                                     0x78, 0x56, 0x34, 0x12};
  const std::uint64_t word = format::pristine_word(0x12345678u);
  BOOST_TEST(std::memcmp(&word, expected, sizeof word) == 0);
}

BOOST_AUTO_TEST_CASE(default_pads_align_the_word)
{
  BOOST_TEST(format::pad_plain % 8 == 0u);
  BOOST_TEST((format::pad_lead + sizeof format::endbr64) % 16 == 0u);
  BOOST_TEST(format::pad_plain >= format::pre_pad_size);
}

BOOST_AUTO_TEST_CASE(a_level_is_known_by_its_name_and_number)
{
  for (std::uint32_t number = 1; format::is_level(number); ++number) {
    const auto level = static_cast<format::level>(number);
    format::level parsed = format::level::unstated;
    BOOST_TEST(format::parse_level(format::name_of(level), parsed));
    BOOST_TEST((parsed == level));
    BOOST_TEST(std::strstr(format::level_choices, format::name_of(level)));
  }
  BOOST_TEST(!format::is_level(5));
}

BOOST_AUTO_TEST_CASE(no_other_name_states_a_level)
{
  for (const char* name : {"", "Strict", "strict ", "safe point", "stric"}) {
    format::level parsed = format::level::immediate;
    BOOST_TEST(!format::parse_level(name, parsed));
    BOOST_TEST((parsed == format::level::immediate));
  }
}

BOOST_AUTO_TEST_CASE(type_hash_is_fnv1a)
{
  BOOST_TEST(format::type_hash("") == 0xcbf29ce484222325u);
  BOOST_TEST(format::type_hash("a") == 0xaf63dc4c8601ec8cu);
}

BOOST_AUTO_TEST_CASE(typeid_names_the_mangled_type)
{
  BOOST_TEST(
      std::strcmp(typeid(int(conn*, unsigned long)).name(), "FiP4connmE") == 0);
}
