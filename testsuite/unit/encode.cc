// The bytes of each state, and back.
// SPDX-License-Identifier: MIT
#include "testsuite/lib/boost_tap.h"

#include <array>
#include <cstring>

#include "format/patch_word.h"
#include "runtime/text/encode.h"

using hotpatch::word_form;
using bytes = std::array<int, 8>;

namespace {

hotpatch::site site_at(std::uint64_t symbol, unsigned endbr)
{
  hotpatch::site site;
  site.symbol = symbol;
  site.word = symbol + endbr;
  site.id = 0x12345678;
  site.pad = endbr != 0 ? 12 : 8;
  return site;
}

bytes bytes_of(std::uint64_t word)
{
  bytes result;
  for (int& byte : result) {
    byte = static_cast<int>(word & 0xff);
    word >>= 8;
  }
  return result;
}

const hotpatch::site plain = site_at(0x401008, 0);
const hotpatch::site endbr = site_at(0x40100c, 4);

}  // namespace

BOOST_AUTO_TEST_CASE(near_is_a_jump_and_int3)
{
  // 0x401008 + 5 + 0x123 = 0x401130
  const bytes expected{0xe9, 0x23, 0x01, 0, 0, 0xcc, 0xcc, 0xcc};
  BOOST_TEST(bytes_of(hotpatch::encode_near(plain, 0x401130)) == expected,
             boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(far_is_a_short_jump_to_the_pad)
{
  // 0x401008 + 2 - 9 = 0x401001 = symbol - 7
  const bytes from_plain{0xeb, 0xf7, 0xcc, 0xcc, 0xcc, 0xcc, 0xcc, 0xcc};
  // 0x401010 + 2 - 13 = 0x401005 = symbol - 7
  const bytes from_endbr{0xeb, 0xf3, 0xcc, 0xcc, 0xcc, 0xcc, 0xcc, 0xcc};
  BOOST_TEST(bytes_of(hotpatch::encode_far(plain)) == from_plain,
             boost::test_tools::per_element());
  BOOST_TEST(bytes_of(hotpatch::encode_far(endbr)) == from_endbr,
             boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(pad_jumps_through_the_cell)
{
  // notrack jmp *-0x1008(%rip), which counts from the symbol
  const unsigned char expected[] = {0x3e, 0xff, 0x25, 0xf8, 0xef, 0xff, 0xff};
  const hotpatch::far_pad pad = hotpatch::encode_pad(plain, 0x400000);
  BOOST_TEST(std::memcmp(pad.bytes, expected, sizeof expected) == 0);
  BOOST_TEST(hotpatch::decode_pad(plain, pad) == 0x400000u);
  BOOST_TEST(!hotpatch::pad_is_pristine(pad));
}

BOOST_AUTO_TEST_CASE(reach_ends_at_two_gibibytes)
{
  const std::uint64_t next = plain.word + 5;
  BOOST_TEST(hotpatch::near_reaches(plain, next + 0x7fffffff));
  BOOST_TEST(!hotpatch::near_reaches(plain, next + 0x80000000));
  BOOST_TEST(hotpatch::near_reaches(plain, next - 0x80000000));
  BOOST_TEST(!hotpatch::near_reaches(plain, next - 0x80000001));
  BOOST_TEST(hotpatch::cell_reaches(plain, plain.symbol + 0x7fffffff));
  BOOST_TEST(!hotpatch::cell_reaches(plain, plain.symbol + 0x80000000));
}

BOOST_AUTO_TEST_CASE(far_form_needs_seven_dead_bytes)
{
  hotpatch::site site = plain;
  BOOST_TEST(hotpatch::has_far_form(site));
  site.pad = 6;
  BOOST_TEST(!hotpatch::has_far_form(site));
}

BOOST_AUTO_TEST_CASE(far_form_needs_a_word_near_the_symbol)
{
  hotpatch::site site = plain;
  site.word = site.symbol + 112;  // 112 + 9 = 121 back
  BOOST_TEST(hotpatch::has_far_form(site));
  site.word = site.symbol + 120;  // 129 back
  BOOST_TEST(!hotpatch::has_far_form(site));
}

BOOST_AUTO_TEST_CASE(decoding_undoes_encoding)
{
  for (const hotpatch::site& site : {plain, endbr}) {
    auto decoded =
        hotpatch::decode_word(site, hotpatch::format::pristine_word(site.id));
    BOOST_TEST((decoded.form == word_form::pristine));

    for (const std::uint64_t target : {site.word - 0x1234, site.word + 77}) {
      decoded =
          hotpatch::decode_word(site, hotpatch::encode_near(site, target));
      BOOST_TEST((decoded.form == word_form::near));
      BOOST_TEST(decoded.target == target);
    }

    decoded = hotpatch::decode_word(site, hotpatch::encode_far(site));
    BOOST_TEST((decoded.form == word_form::far));
    BOOST_TEST(decoded.target == site.symbol - 7);
  }
}

BOOST_AUTO_TEST_CASE(other_bytes_are_foreign)
{
  const auto form = [](std::uint64_t word) {
    return hotpatch::decode_word(plain, word).form;
  };
  const std::uint64_t pristine = hotpatch::format::pristine_word(plain.id);
  // A breakpoint over the first byte, of any state.
  BOOST_TEST((form((pristine & ~0xffull) | 0xcc) == word_form::foreign));
  // Another site's id.
  BOOST_TEST((form(hotpatch::format::pristine_word(1)) == word_form::foreign));
  // A jump of another tool, which leaves the rest of the NOP.
  BOOST_TEST((form(hotpatch::encode_near(plain, 0x401130) & 0xffffffffff) ==
              word_form::foreign));
  // A short jump to elsewhere.
  BOOST_TEST((form(hotpatch::encode_far(endbr)) == word_form::foreign));
  BOOST_TEST((form(0) == word_form::foreign));
}

// --- A site as a whole
// ----------------------------------------------------------

namespace {

// What is read: a word, a pad and a cell, of which one cannot be read.
struct memory_of_site {
  const hotpatch::site& site;
  std::uint64_t word = 0;
  hotpatch::far_pad pad = {};
  std::uint64_t cell_content = 0;
  std::uint64_t unreadable = 0;

  static constexpr std::uint64_t cell = 0x7f0000;

  template <typename Object>
  bool read(std::uint64_t address, Object& into) const
  {
    if (address == unreadable)
      return false;
    const void* const from = address == site.word ? &word
                             : address == cell    ? &cell_content
                             : address == hotpatch::far_pad_address(site)
                                 ? static_cast<const void*>(&pad)
                                 : nullptr;
    BOOST_REQUIRE(from != nullptr);
    std::memcpy(&into, from, sizeof into);
    return true;
  }

  bool read_site(hotpatch::site_content& into) const
  {
    return hotpatch::read_site(
        site,
        [this](std::uint64_t address, auto& object) {
          return read(address, object);
        },
        into);
  }
};

constexpr std::uint64_t near_target = 0x402000;
constexpr std::uint64_t far_target = 0x7fff00000000;

}  // namespace

BOOST_AUTO_TEST_CASE(a_site_is_read_in_each_form)
{
  for (const hotpatch::site& site : {plain, endbr}) {
    hotpatch::site_content found;
    memory_of_site memory{site, hotpatch::encode_word(site, 0)};
    BOOST_TEST(memory.read_site(found));
    BOOST_TEST((found.form == word_form::pristine));
    BOOST_TEST(found.target == hotpatch::body_address(site));

    memory.word = hotpatch::encode_word(site, near_target);
    BOOST_TEST(memory.read_site(found));
    BOOST_TEST((found.form == word_form::near));
    BOOST_TEST(found.target == near_target);

    memory.word = hotpatch::encode_word(site, far_target);
    memory.pad = hotpatch::encode_pad(site, memory_of_site::cell);
    memory.cell_content = far_target;
    BOOST_TEST(memory.read_site(found));
    BOOST_TEST((found.form == word_form::far));
    BOOST_TEST(found.cell == memory_of_site::cell);
    BOOST_TEST(found.target == far_target);

    memory.unreadable = memory_of_site::cell;
    BOOST_TEST(memory.read_site(found));
    BOOST_TEST((found.form == word_form::foreign));
    BOOST_TEST(found.target == 0u);

    memory.unreadable = site.word;
    BOOST_TEST(!memory.read_site(found));
  }
}

BOOST_AUTO_TEST_CASE(a_far_word_before_a_pad_that_does_not_jump_is_foreign)
{
  hotpatch::site_content found;
  const memory_of_site memory{plain, hotpatch::encode_far(plain)};
  BOOST_TEST(memory.read_site(found));
  BOOST_TEST((found.form == word_form::foreign));
}

BOOST_AUTO_TEST_CASE(only_the_pads_that_the_compiler_left_are_written)
{
  using hotpatch::pad_step;
  constexpr std::uint64_t cell = memory_of_site::cell;
  hotpatch::far_pad pad;
  std::memset(pad.bytes, 0x90, sizeof pad.bytes);
  BOOST_TEST((hotpatch::plan_pad(plain, pad, cell) == pad_step::write));
  pad.bytes[3] = 0xc3;
  BOOST_TEST((hotpatch::plan_pad(plain, pad, cell) == pad_step::foreign));
  pad = hotpatch::encode_pad(plain, cell);
  BOOST_TEST((hotpatch::plan_pad(plain, pad, cell) == pad_step::none));
  BOOST_TEST((hotpatch::plan_pad(plain, pad, cell + 8) == pad_step::foreign));
}
