// The record reader: what is sound is read, and every single damage is named.
// SPDX-License-Identifier: MIT
#include "testsuite/lib/boost_tap.h"

#include <boost/test/data/monomorphic.hpp>
#include <boost/test/data/test_case.hpp>

#include "runtime/sites/record_reader.h"
#include "testsuite/unit/synthetic_image.h"

using namespace hotpatch;
using hotpatch_test::synthetic_image;

namespace {

std::string words(const record_fault& fault)
{
  return std::to_string(fault.record) + ": " + fault.field + ": " +
         fault.reason;
}

// The verdict over the whole image: "ok", or the fault in words.
std::string verdict(synthetic_image& image)
{
  record_reader reader(image.view(), image.section());
  record_survey survey;
  record_fault fault;
  const hp_status status = survey_records(reader, survey, fault);
  return status == HP_OK ? "ok" : words(fault);
}

void move(format::offset32& field, std::int32_t by)
{
  field.value += by;
}

// One way to damage the second of three records, and what must be said.
struct damage {
  const char* expected;
  void (*inflict)(synthetic_image&, format::record&);
};

std::ostream& operator<<(std::ostream& out, const damage& d)
{
  return out << d.expected;
}

const damage damages[] = {
    {"version: is unknown",
     [](synthetic_image&, format::record& r) { r.version = 2; }},
    {"version: is unknown",
     [](synthetic_image&, format::record& r) { r.version = 0; }},
    {"size: is too small",
     [](synthetic_image&, format::record& r) { r.size = 60; }},
    {"size: is too small or not a multiple of 4",
     [](synthetic_image&, format::record& r) { r.size = 66; }},
    {"size: is too small",
     [](synthetic_image&, format::record& r) { r.size = 0; }},
    {"size: reaches beyond the section",
     [](synthetic_image&, format::record& r) { r.size = 132; }},
    {"kind: is unknown",
     [](synthetic_image&, format::record& r) { r.kind = 0; }},
    {"kind: is unknown",
     [](synthetic_image&, format::record& r) { r.kind = 200; }},
    {"symbol: is missing",
     [](synthetic_image&, format::record& r) { r.symbol.value = 0; }},
    {"symbol: is not in executable memory",
     [](synthetic_image& i, format::record& r) {
       i.point(r, r.symbol, synthetic_image::string_address);
     }},
    {"symbol: is not in executable memory",
     [](synthetic_image& i, format::record& r) {
       i.point(r, r.symbol, synthetic_image::code_address - 1);
     }},
    {"symbol: is not in executable memory",
     [](synthetic_image&, format::record& r) { r.symbol.value = INT32_MIN; }},
    {"symbol: is not in executable memory",
     [](synthetic_image&, format::record& r) { r.symbol.value = INT32_MAX; }},
    {"pad: begins before the executable memory",
     [](synthetic_image&, format::record& r) { r.pad = 73; }},
    {"word: is missing",
     [](synthetic_image&, format::record& r) { r.word.value = 0; }},
    {"word: is not a multiple of 8",
     [](synthetic_image&, format::record& r) { move(r.word, 4); }},
    {"word: is not in executable memory",
     [](synthetic_image& i, format::record& r) {
       i.point(r, r.word, synthetic_image::record_address);
     }},
    {"word: lies before the symbol",
     [](synthetic_image&, format::record& r) { move(r.word, -8); }},
    {"word: is too far after the symbol",
     [](synthetic_image&, format::record& r) { move(r.word, 40); }},
    {"end: is missing",
     [](synthetic_image&, format::record& r) { r.end.value = 0; }},
    {"end: lies before the end of the patch word",
     [](synthetic_image&, format::record& r) { move(r.end, -25); }},
    {"end: is not in executable memory",
     [](synthetic_image& i, format::record& r) {
       i.point(r, r.end, synthetic_image::record_address);
     }},
    {"name: is no string inside the image",
     [](synthetic_image& i, format::record& r) {
       i.point(r, r.name, synthetic_image::string_address - 1);
     }},
    {"name: is no string inside the image",
     [](synthetic_image& i, format::record& r) {
       // After the last NUL: a string that nothing ends.
       i.strings() += "unterminated";
       i.point(r, r.name,
               synthetic_image::string_address + i.strings().size() - 5);
     }},
    {"name: is empty",
     [](synthetic_image&, format::record& r) { r.name.value = 0; }},
    {"name: is empty",
     [](synthetic_image& i, format::record& r) {
       i.point(r, r.name,
               synthetic_image::string_address + i.strings().size() - 1);
     }},
    {"file: is no string inside the image",
     [](synthetic_image&, format::record& r) { r.file.value = INT32_MIN; }},
    {"prototype: is no string inside the image",
     [](synthetic_image&, format::record& r) {
       r.prototype.value = INT32_MAX;
     }},
    {"word: belongs to another record too",
     [](synthetic_image& i, format::record& r) {
       const auto first = synthetic_image::code_address + 8;
       i.point(r, r.symbol, first);
       i.point(r, r.word, first);
       i.point(r, r.end, first + 32);
     }},
    {"pad: lies in the body of another site",
     [](synthetic_image&, format::record& r) { r.pad = 50; }},
};

synthetic_image three_sites()
{
  synthetic_image image;
  image.add("first");
  image.add("second");
  image.add("third");
  return image;
}

}  // namespace

BOOST_AUTO_TEST_CASE(sound_records_become_sites)
{
  synthetic_image image;
  image.add("reset", "src/conn.c", "int (conn*)");
  auto& record = image.add("other");
  record.file.value = 0;
  record.prototype.value = 0;
  record.prototype_hash[0] = 0x89abcdefu;
  record.prototype_hash[1] = 0x01234567u;
  record.flags = format::site_static | 1u << 31;
  record.reserved = 0xffff;
  record.reserved2 = 0xffffffffu;

  record_reader reader(image.view(), image.section());
  site found;
  record_fault fault;
  std::uint64_t offset = 0;
  BOOST_REQUIRE(reader.read(offset, found, fault) == read_result::site);
  BOOST_TEST(found.name == std::string("reset"));
  BOOST_TEST(found.file == std::string("src/conn.c"));
  BOOST_TEST(found.prototype == std::string("int (conn*)"));
  BOOST_TEST(found.symbol == synthetic_image::code_address + 8);
  BOOST_TEST(found.word == found.symbol);
  BOOST_TEST(found.end == found.symbol + 32);
  BOOST_TEST(found.line == 10u);
  BOOST_TEST(found.id == 0x1001u);
  BOOST_TEST(found.pad == 8);
  BOOST_REQUIRE(reader.read(offset, found, fault) == read_result::site);
  BOOST_TEST(found.file == std::string());
  BOOST_TEST(found.prototype == std::string());
  BOOST_TEST(found.prototype_hash == 0x0123456789abcdefu);
  BOOST_TEST(found.flags == (format::site_static | 1u << 31));
  BOOST_TEST((reader.read(offset, found, fault) == read_result::end));
}

BOOST_DATA_TEST_CASE(each_damage_is_named,
                     boost::unit_test::data::make(damages), d)
{
  synthetic_image image = three_sites();
  BOOST_REQUIRE(verdict(image) == "ok");
  d.inflict(image, image.record(1));
  BOOST_TEST(verdict(image).find("1: " + std::string(d.expected)) == 0u,
             verdict(image));
}

BOOST_AUTO_TEST_CASE(one_record_can_be_read_beside_a_damaged_one)
{
  synthetic_image image = three_sites();
  image.record(1).kind = 77;
  record_reader reader(image.view(), image.section());
  site found;
  record_fault fault;
  std::uint64_t offset = 2 * sizeof(format::record);
  BOOST_REQUIRE(reader.read(offset, found, fault) == read_result::site);
  BOOST_TEST(found.name == std::string("third"));
}

BOOST_AUTO_TEST_CASE(a_longer_record_is_read_as_far_as_it_is_known)
{
  synthetic_image image = three_sites();
  // The first record swallows the second: a later plugin's larger record.
  image.record(0).size = 2 * sizeof(format::record);
  record_reader reader(image.view(), image.section());
  record_survey survey;
  record_fault fault;
  BOOST_REQUIRE(survey_records(reader, survey, fault) == HP_OK);
  BOOST_TEST(survey.sites == 2u);
}

BOOST_AUTO_TEST_CASE(every_truncation_is_noticed)
{
  synthetic_image image = three_sites();
  const std::uint64_t whole = image.section().size;
  for (std::uint64_t size = 0; size < whole; ++size) {
    record_reader reader(image.view(), {synthetic_image::record_address, size});
    record_survey survey;
    record_fault fault;
    const hp_status status = survey_records(reader, survey, fault);
    BOOST_TEST((status == HP_OK) == (size % sizeof(format::record) == 0),
               "size " << size);
  }
}

BOOST_AUTO_TEST_CASE(the_section_itself_must_lie_in_the_image)
{
  synthetic_image image = three_sites();
  const std::uint64_t address = synthetic_image::record_address;
  const std::uint64_t size = image.section().size;
  const record_section sections[] = {
      {address + 2, size - 64},
      {address, size + 64},
      {address - 64, size},
      {UINT64_MAX - 63, 128},
      {0, 64},
      {address + size, 64},
      {address, UINT64_MAX - 63},
  };
  for (const record_section& section : sections) {
    record_reader reader(image.view(), section);
    record_survey survey;
    record_fault fault;
    BOOST_TEST(survey_records(reader, survey, fault) == HP_MALFORMED);
    BOOST_TEST(fault.field == std::string("section"));
  }
}

BOOST_AUTO_TEST_CASE(an_alias_shares_the_word_of_its_site)
{
  synthetic_image image = three_sites();
  auto& alias = image.record(1);
  const auto first = synthetic_image::code_address + 8;
  image.point(alias, alias.symbol, first);
  image.point(alias, alias.word, first);
  image.point(alias, alias.end, first + 32);
  alias.flags |= format::site_alias;
  record_reader reader(image.view(), image.section());
  record_survey survey;
  record_fault fault;
  BOOST_REQUIRE(survey_records(reader, survey, fault) == HP_OK);
  BOOST_TEST(survey.sites == 2u);
  BOOST_TEST(survey.aliases == 1u);
}

BOOST_AUTO_TEST_CASE(records_may_be_out_of_order_but_not_overlap)
{
  synthetic_image image;
  image.add("a");
  image.add("b");
  image.add("c");
  // Swap the code of the first and the last record.
  const auto place = [&](std::size_t record, std::uint64_t slot) {
    auto& r = image.record(record);
    const auto symbol =
        synthetic_image::code_address + slot * synthetic_image::stride + 8;
    image.point(r, r.symbol, symbol);
    image.point(r, r.word, symbol);
    image.point(r, r.end, symbol + 32);
  };
  place(0, 2);
  place(2, 0);
  record_reader reader(image.view(), image.section());
  record_survey survey;
  record_fault fault;
  BOOST_REQUIRE(survey_records(reader, survey, fault) == HP_OK);
  BOOST_TEST(!survey.ascending);
  BOOST_TEST(survey.sites == 3u);

  place(1, 2);
  BOOST_TEST(verdict(image).find("word: belongs to another record too") !=
             std::string::npos);
}

BOOST_AUTO_TEST_CASE(words_behind_endbr64_and_a_profiling_call_are_accepted)
{
  for (const std::int32_t distance : {4, 16, 20}) {
    synthetic_image image = three_sites();
    image.record(1).symbol.value -= distance;
    BOOST_TEST(verdict(image) == "ok", "distance " << distance);
  }
}

BOOST_AUTO_TEST_CASE(ranges_that_overlap_or_wrap_are_refused)
{
  memory_range apart[] = {{0x2000, 0x1000, nullptr, false},
                          {0x1000, 0x1000, nullptr, true}};
  BOOST_TEST(sort_ranges(apart, 2));
  BOOST_TEST(apart[0].address == 0x1000u);
  const memory_view view = {apart, 2};
  BOOST_TEST(view.find(0xfff) == nullptr);
  BOOST_TEST(view.find(0x1fff) == &apart[0]);
  BOOST_TEST(view.find(0x2000) == &apart[1]);
  BOOST_TEST(view.find(0x3000) == nullptr);

  memory_range overlap[] = {{0x1000, 0x1001, nullptr, false},
                            {0x2000, 0x1000, nullptr, true}};
  BOOST_TEST(!sort_ranges(overlap, 2));
  memory_range wrap[] = {{UINT64_MAX - 5, 7, nullptr, false}};
  BOOST_TEST(!sort_ranges(wrap, 1));
}
