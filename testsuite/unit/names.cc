// Queries, demangled comparison and the index of names.
// SPDX-License-Identifier: MIT
#include "testsuite/lib/boost_tap.h"

#include <boost/test/data/monomorphic.hpp>
#include <boost/test/data/test_case.hpp>

#include <cstring>
#include <ctime>

#include "runtime/sites/name_demangle.h"
#include "runtime/sites/name_index.h"
#include "runtime/sites/name_query.h"
#include "testsuite/unit/synthetic_image.h"

using namespace hotpatch;
using hotpatch_test::synthetic_image;
namespace data = boost::unit_test::data;

namespace {

bool means(const char* query, const char* assembler_name)
{
  site candidate;
  candidate.name = assembler_name;
  return name_query(query).means(candidate);
}

struct pairing {
  const char* query;
  const char* name;
};

std::ostream& operator<<(std::ostream& out, const pairing& p)
{
  return out << p.query << " for " << p.name;
}

const pairing meant[] = {
    {"ns::Point::scale(double)", "_ZN2ns5Point5scaleEd"},
    {"ns::Point::scale", "_ZN2ns5Point5scaleEd"},
    {"  ns::Point::scale( double )  ", "_ZN2ns5Point5scaleEd"},
    {"foo::bar() const", "_ZNK3foo3barEv"},
    {"foo::bar()const", "_ZNK3foo3barEv"},
    {"foo::bar", "_ZNK3foo3barEv"},
    {"f(int)", "_Z1fi"},
    {"f", "_Z1fi"},
    {"static_one", "_ZL10static_onei"},
    {"int max<int>(int, int)", "_Z3maxIiET_S0_S0_"},
    {"max<int>(int, int)", "_Z3maxIiET_S0_S0_"},
    {"max<int>", "_Z3maxIiET_S0_S0_"},
    {"void func<3>()", "_Z4funcILi3EEvv"},
    {"(anonymous namespace)::f(int)", "_ZN12_GLOBAL__N_11fEi"},
    {"(anonymous namespace)::f", "_ZN12_GLOBAL__N_11fEi"},
    {"shop::label", "_ZN4shop5labelB5cxx11Ei"},
    {"shop::label(int)", "_ZN4shop5labelB5cxx11Ei"},
    {"shop::label[abi:cxx11]", "_ZN4shop5labelB5cxx11Ei"},
    {"shop::label[abi:cxx11](int)", "_ZN4shop5labelB5cxx11Ei"},
    {"shop::make()", "_ZN4shop4makeB2v1B2v2Ev"},
    {"ns::item::text", "_ZNK2ns4itemB2v24textB5cxx11Ev"},
    {"A::operator[](int)", "_ZN1AixEi"},
    {"area", "area@@V2"},
    {"A::A(int)", "_ZN1AC1Ei"},
    {"A::A", "_ZN1AC2Ei"},
    {"A::~A()", "_ZN1AD1Ev"},
    {"A::operator bool()", "_ZN1AcvbEv"},
    {"A::operator+(A const&)", "_ZN1AplERKS_"},
    {"A::operator()(int)", "_ZN1AclEi"},
    {"A::operator()", "_ZN1AclEi"},
    {"A::operator!()", "_ZN1AntEv"},
    {"operator new(unsigned long)", "_Znwm"},
    {"operator<<(S&, int)", "_ZlsR1Si"},
    {"main::{lambda()#1}::operator()() const", "_ZZ4mainENKUlvE_clEv"},
    {"f[abi:cxx11]()", "_Z1fB5cxx11v"},
    {"std::string::f()", "_ZNSs1fEv"},
    {"visit", "visit.0"},
    {"visit", "visit.123"},
};

const pairing not_meant[] = {
    {"ns::Point::scale(int)", "_ZN2ns5Point5scaleEd"},
    {"Point::scale(double)", "_ZN2ns5Point5scaleEd"},
    {"scale", "_ZN2ns5Point5scaleEd"},
    {"ns::Point::scal", "_ZN2ns5Point5scaleEd"},
    {"ns::Point::scale(double) x", "_ZN2ns5Point5scaleEd"},
    {"ns::Point::scale(double", "_ZN2ns5Point5scaleEd"},
    {"foo::bar()", "_ZNK3foo3barEv"},
    {"max", "_Z3maxIiET_S0_S0_"},
    {"A::A(int)", "_ZN1BC1Ei"},
    {"f()", "f"},
    {"visit", "visit.part.0"},
    {"visit", "visit."},
    {"visit", "visitor"},
    {"visit", "visit"},
    {"f", "_Znotmangled"},
    {"", "_Z1fi"},
    {"<", "_Z1fi"},
    {"((((", "_Z1fi"},
    {")>", "_Z1fi"},
};

std::string form(const char* name, name_form which)
{
  char text[64];
  return demangle(name, which, text, sizeof text);
}

}  // namespace

BOOST_DATA_TEST_CASE(a_query_means, data::make(meant), pair)
{
  BOOST_TEST(means(pair.query, pair.name));
}

BOOST_DATA_TEST_CASE(a_query_does_not_mean, data::make(not_meant), pair)
{
  BOOST_TEST(!means(pair.query, pair.name));
}

BOOST_AUTO_TEST_CASE(files_are_compared_by_whole_components_from_the_end)
{
  const name_query query("src/conn.c:reset");
  BOOST_TEST(query.name() == "reset");
  BOOST_TEST(query.accepts_file("src/conn.c"));
  BOOST_TEST(query.accepts_file("/build/src/conn.c"));
  BOOST_TEST(query.accepts_file("../src/conn.c"));
  BOOST_TEST(!query.accepts_file("conn.c"));
  BOOST_TEST(!query.accepts_file("xsrc/conn.c"));
  BOOST_TEST(!query.accepts_file(""));
  BOOST_TEST(name_query("./conn.c:reset").accepts_file("a/conn.c"));
}

BOOST_AUTO_TEST_CASE(a_colon_belongs_to_a_file_only_outside_of_names)
{
  BOOST_TEST(name_query("ns::f").name() == "ns::f");
  BOOST_TEST(name_query("a.cc:ns::f(int)").name() == "ns::f(int)");
  BOOST_TEST(name_query("f<a:b>").name() == "f<a:b>");
  BOOST_TEST(name_query("f[abi:cxx11]()").name() == "f[abi:cxx11]()");
  BOOST_TEST(name_query(":f").name() == ":f");
  BOOST_TEST(name_query("f:").name() == "");
}

BOOST_AUTO_TEST_CASE(a_number_at_the_end_chooses_one)
{
  const name_query second("util.h:clamp#2");
  BOOST_TEST(second.name() == "clamp");
  BOOST_TEST(second.number() == 2u);
  BOOST_TEST(!second.wants_all());
  const name_query all("ns::f(int)#all");
  BOOST_TEST(all.name() == "ns::f(int)");
  BOOST_TEST(all.wants_all());
  for (const char* none : {"main::{lambda()#1}", "f#", "#1", "f#0", "f#x",
                           "main::{lambda()#1}::operator()() const", "#all"}) {
    BOOST_TEST(name_query(none).number() == 0u);
    BOOST_TEST(!name_query(none).wants_all());
    BOOST_TEST(name_query(none).name() == none);
  }
}

BOOST_AUTO_TEST_CASE(tags_do_not_hide_the_identifier)
{
  BOOST_TEST(name_query("shop::label[abi:cxx11](int)").needle() == "5label");
  BOOST_TEST(name_query("shop::label@net.http(int)").needle() == "5label");
  BOOST_TEST(!means("shop::label[abi:v3]", "_ZN4shop5labelB5cxx11Ei"));
  BOOST_TEST(!means("area", "area@V1"));
}

BOOST_AUTO_TEST_CASE(bodies_of_constructors_and_destructors)
{
  BOOST_TEST((structor_of("_ZN1AC1Ei") == structor::complete_constructor));
  BOOST_TEST((structor_of("_ZN1AC2Ei") == structor::base_constructor));
  BOOST_TEST((structor_of("_ZN1AD0Ev") == structor::deleting_destructor));
  BOOST_TEST((structor_of("_ZN1AD1Ev") == structor::complete_destructor));
  BOOST_TEST((structor_of("_ZN1AD2Ev") == structor::base_destructor));
  BOOST_TEST(
      (structor_of("_ZN2ns1AIiEC1IdEET_") == structor::complete_constructor));
  BOOST_TEST((structor_of("_Z1fi") == structor::none));
  BOOST_TEST((structor_of("main") == structor::none));
}

BOOST_AUTO_TEST_CASE(an_image_stands_before_an_exclamation_mark)
{
  const name_query query("libconn.so!src/conn.c:reset");
  BOOST_TEST(query.name() == "reset");
  BOOST_TEST(query.accepts_image("/usr/lib/libconn.so"));
  BOOST_TEST(query.accepts_image("libconn.so"));
  BOOST_TEST(!query.accepts_image("/usr/lib/xlibconn.so"));
  BOOST_TEST(!query.accepts_image("/usr/lib/libconn.so.1"));
  const name_query operators("A::operator!=(A const&)");
  BOOST_TEST(operators.name() == "A::operator!=(A const&)");
  BOOST_TEST(operators.accepts_image("anything"));
}

BOOST_AUTO_TEST_CASE(the_identifier_of_a_query)
{
  const auto identifier = [](const char* text) {
    return std::string(name_query(text).identifier());
  };
  BOOST_TEST(identifier("ns::Point<a::b>::scale(double, c::d)") == "scale");
  BOOST_TEST(identifier("unsigned long max<int>(int)") == "max");
  BOOST_TEST(identifier("ns::A::~A()") == "A");
  BOOST_TEST(identifier("ns::A::operator bool()") == "A");
  BOOST_TEST(identifier("(anonymous namespace)::f(int)") == "f");
  BOOST_TEST(identifier("main::{lambda()#1}::operator()() const") == "");
  BOOST_TEST(identifier("my_operator(int)") == "my_operator");
  BOOST_TEST(name_query("std::string::f(int)").needle() == "1f");
  // These are abbreviated in mangled names.
  BOOST_TEST(name_query("std::string::operator+").needle() == "");
}

BOOST_AUTO_TEST_CASE(demangled_forms)
{
  const char* name = "_Z3maxIiET_S0_S0_";
  BOOST_TEST(form(name, name_form::full) == "int max<int>(int, int)");
  BOOST_TEST(form(name, name_form::signature) == "max<int>(int, int)");
  BOOST_TEST(form(name, name_form::bare) == "max<int>");
  BOOST_TEST(form("main", name_form::full) == "main");
  BOOST_TEST(form("_Znonsense", name_form::full) == "_Znonsense");
  const std::string endless(1000, 'x');
  BOOST_TEST(form(endless.c_str(), name_form::full) == endless.substr(0, 63));
}

BOOST_AUTO_TEST_CASE(the_index_finds_every_record_of_a_name)
{
  synthetic_image image;
  const char* names[] = {"", "eightchr", "seventeen letters", "a", "b", "a"};
  for (int i = 0; i < 300; ++i)
    image.add(("function_number_" + std::to_string(i)).c_str());
  for (const char* name : names)
    image.add(name[0] ? name : "c");
  record_reader reader(image.view(), image.section());
  record_fault fault;
  name_index index;
  BOOST_REQUIRE(index.build(reader, fault) == HP_OK);
  BOOST_TEST(index.site_count() == 306u);

  const auto count = [&](const std::string& name) {
    site found;
    std::uint32_t cursor = 0;
    unsigned matches = 0;
    while (index.next_named(reader, name.data(), name.size(), cursor, found)) {
      BOOST_TEST(found.name == name);
      ++matches;
    }
    return matches;
  };
  for (int i = 0; i < 300; ++i)
    BOOST_TEST(count("function_number_" + std::to_string(i)) == 1u);
  BOOST_TEST(count("a") == 2u);
  BOOST_TEST(count("eightchr") == 1u);
  BOOST_TEST(count("seventeen letters") == 1u);
  BOOST_TEST(count("function_number_") == 0u);
  BOOST_TEST(count("") == 0u);
}

// What has a name in common with another record, before it or after it, is
// left to the search, which says that the name is ambiguous; and so is what
// a caller that means another file or image would write.
BOOST_AUTO_TEST_CASE(a_record_that_follows_is_known_by_a_name_of_its_own)
{
  synthetic_image image;
  for (const char* name :
       {"a", "twice", "b", "twice", "c", "x.c:a", "libx.so!a", "d"})
    image.add(name);
  record_reader reader(image.view(), image.section());
  record_fault fault;
  name_index index;
  BOOST_REQUIRE(index.build(reader, fault) == HP_OK);
  const auto follows = [&](std::uint32_t cursor, const char* name) {
    const std::uint32_t before = cursor;
    site found;
    const bool hit = index.follows(reader, name, cursor, found);
    BOOST_TEST(cursor == before + hit);
    BOOST_TEST((!hit || std::strcmp(found.name, name) == 0));
    return hit;
  };
  BOOST_TEST(follows(0, "a"));
  BOOST_TEST(!follows(1, "twice"));
  BOOST_TEST(follows(2, "b"));
  BOOST_TEST(!follows(3, "twice"));
  BOOST_TEST(follows(4, "c"));
  BOOST_TEST(!follows(2, "c"));
  BOOST_TEST(!follows(2, ""));
  BOOST_TEST(!follows(2, "bb"));
  BOOST_TEST(!follows(5, "x.c:a"));
  BOOST_TEST(!follows(6, "libx.so!a"));
  BOOST_TEST(follows(7, "d"));
  BOOST_TEST(!follows(8, "d"));
}

BOOST_AUTO_TEST_CASE(the_index_finds_symbols_of_records_in_any_order)
{
  synthetic_image image;
  for (int i = 0; i < 50; ++i)
    image.add("f");
  // Turn the addresses around.
  for (std::size_t i = 0; i < 50; ++i) {
    auto& record = image.record(i);
    const auto symbol =
        synthetic_image::code_address + (49 - i) * synthetic_image::stride + 8;
    image.point(record, record.symbol, symbol);
    image.point(record, record.word, symbol);
    image.point(record, record.end, symbol + 32);
    record.line = static_cast<std::uint32_t>(i);
  }
  record_reader reader(image.view(), image.section());
  record_fault fault;
  name_index index;
  BOOST_REQUIRE(index.build(reader, fault) == HP_OK);
  site found;
  for (std::uint64_t i = 0; i < 50; ++i) {
    const auto symbol =
        synthetic_image::code_address + i * synthetic_image::stride + 8;
    BOOST_REQUIRE(index.find_symbol(reader, symbol, found));
    BOOST_TEST(found.line == 49 - i);
    BOOST_REQUIRE(index.site_at(reader, i, found));
    BOOST_TEST(found.symbol == symbol);
    BOOST_TEST(!index.find_symbol(reader, symbol + 1, found));
  }
  BOOST_TEST(!index.site_at(reader, 50, found));
}

// Thousands of sites of one name must not make the table quadratic, which would
// be hundreds of times slower: the bound is relative to the same number of
// different names on the same machine, in processor time.
BOOST_AUTO_TEST_CASE(many_sites_of_one_name_cost_no_more_than_different_ones)
{
  constexpr int sites = 20000;
  const auto build_time = [](bool same) {
    synthetic_image image;
    for (int i = 0; i < sites; ++i)
      image.add(same ? "f" : ("f" + std::to_string(i)).c_str());
    record_reader reader(image.view(), image.section());
    record_fault fault;
    name_index index;
    const std::clock_t begin = std::clock();
    BOOST_REQUIRE(index.build(reader, fault) == HP_OK);
    return std::clock() - begin;
  };
  BOOST_TEST(build_time(true) < 50 * build_time(false));
}
