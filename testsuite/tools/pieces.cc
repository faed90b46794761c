// Parts of the tools by themselves, where their edges are hard to reach through
// hp-list: lines of /proc/PID/maps, numbers, patterns, output by many threads.
//
// SPDX-License-Identifier: MIT
#include "testsuite/lib/boost_tap.h"

#include <cstdint>
#include <limits>
#include <string>

#include <fcntl.h>
#include <nlohmann/json.hpp>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "processes/maps.h"
#include "processes/process_list.h"
#include "processes/text.h"
#include "runtime/base/file_descriptor.h"
#include "tools/json_view.h"
#include "tools/output.h"
#include "tools/selection.h"

using namespace hotpatch;
using namespace hotpatch::tools;

BOOST_AUTO_TEST_CASE(a_mapping_of_a_file)
{
  process_mapping one;
  BOOST_REQUIRE(
      parse_mapping("7f0c1000-7f0c3000 r-xp 00001000 fe:01 1234    "
                    "                /lib/x y.so",
                    one));
  BOOST_TEST(one.begin == 0x7f0c1000u);
  BOOST_TEST(one.end == 0x7f0c3000u);
  BOOST_TEST(one.offset == 0x1000u);
  BOOST_TEST(one.executable);
  BOOST_TEST(one.device == makedev(0xfe, 1));
  BOOST_TEST(one.inode == 1234u);
  BOOST_TEST(one.path == "/lib/x y.so");
}

BOOST_AUTO_TEST_CASE(a_mapping_of_a_deleted_file_with_a_newline_in_its_name)
{
  process_mapping one;
  BOOST_REQUIRE(
      parse_mapping("1000-2000 rw-p 0 00:00 7 /tmp/a\\012b (deleted)", one));
  BOOST_TEST(one.path == "/tmp/a\nb");
  BOOST_TEST(!one.executable);
}

BOOST_AUTO_TEST_CASE(mappings_without_a_file)
{
  process_mapping one;
  BOOST_REQUIRE(parse_mapping("1000-2000 rw-p 00000000 00:00 0", one));
  BOOST_TEST(one.path == "");
  BOOST_TEST(one.inode == 0u);
  BOOST_REQUIRE(parse_mapping("1000-2000 r-xp 0 00:00 0      [vdso]", one));
  BOOST_TEST(one.path == "[vdso]");
}

BOOST_AUTO_TEST_CASE(what_is_no_mapping)
{
  process_mapping one;
  for (const char* line :
       {"", "1000", "1000-2000", "1000-2000 r-xp", "2000-1000 r-xp 0 0:0 0",
        "x-y r-xp 0 00:00 0", "1000-2000 r-xp 0 00:00 x"})
    BOOST_TEST(!parse_mapping(line, one), line);
}

BOOST_AUTO_TEST_CASE(a_mapping_is_found_by_its_addresses_only)
{
  std::vector<process_mapping> maps(2);
  maps[0].begin = 0x1000;
  maps[0].end = 0x2000;
  maps[1].begin = 0x3000;
  maps[1].end = 0x4000;
  BOOST_TEST(mapping_at(maps, 0xfff) == nullptr);
  BOOST_TEST(mapping_at(maps, 0x1000) == &maps[0]);
  BOOST_TEST(mapping_at(maps, 0x2000) == nullptr);
  BOOST_TEST(mapping_at(maps, 0x3fff) == &maps[1]);
  BOOST_TEST(mapping_at(maps, 0x4000) == nullptr);
}

BOOST_AUTO_TEST_CASE(numbers_from_end_to_end)
{
  constexpr auto largest = std::numeric_limits<std::uint64_t>::max();
  std::string text;
  append_decimal(text, 0);
  append_decimal(text, largest);
  BOOST_TEST(text == "018446744073709551615");
  text.clear();
  append_hex(text, 0);
  append_hex(text, 0xab, 4);
  append_hex(text, largest, 2);
  BOOST_TEST(text == "000abffffffffffffffff");
}

namespace {

std::string printable(std::string_view name)
{
  std::string text;
  append_printable(text, name);
  return text;
}

std::string json_of(std::string_view name)
{
  return json_text(nlohmann::ordered_json(name));
}

}  // namespace

BOOST_AUTO_TEST_CASE(names_that_anyone_can_read_stay_as_they_are)
{
  for (const char* each :
       {"", "plain", "gr\xc3\xbc\xc3\x9f", "\xe6\x97\xa5\xe6\x9c\xac",
        "\xd7\xa9\xd7\x9c\xd7\x95\xd7\x9d", "\xf0\x9f\x90\xa7", "a\\b\"c"})
    BOOST_TEST(printable(each) == each);
}

BOOST_AUTO_TEST_CASE(nothing_in_a_name_reaches_a_terminal_as_a_command)
{
  // C0, DEL, C1 as UTF-8 and as a byte
  BOOST_TEST(printable("a\x1b[2Jb\x7f\n") == "a\\x1b[2Jb\\x7f\\x0a");
  BOOST_TEST(printable("\xc2\x9b"
                       "2J") == "\\xc2\\x9b2J");
  BOOST_TEST(printable("\x9b"
                       "2J") == "\\x9b2J");
  // overrides and isolates of direction, marks, separators
  BOOST_TEST(printable("\xe2\x80\xae") == "\\xe2\\x80\\xae");
  BOOST_TEST(printable("\xe2\x81\xa6") == "\\xe2\\x81\\xa6");
  BOOST_TEST(printable("\xd8\x9c") == "\\xd8\\x9c");
  BOOST_TEST(printable("\xe2\x80\xa8") == "\\xe2\\x80\\xa8");
  // invisible: zero width space, byte order mark, tags
  BOOST_TEST(printable("\xe2\x80\x8b") == "\\xe2\\x80\\x8b");
  BOOST_TEST(printable("\xef\xbb\xbf") == "\\xef\\xbb\\xbf");
  BOOST_TEST(printable("\xf3\xa0\x81\x81") == "\\xf3\\xa0\\x81\\x81");
  // no UTF-8: too long, cut off, a surrogate, beyond the last code point
  BOOST_TEST(printable("\xc0\x9b") == "\\xc0\\x9b");
  BOOST_TEST(printable("\xe2\x80") == "\\xe2\\x80");
  BOOST_TEST(printable("\xed\xa0\x80") == "\\xed\\xa0\\x80");
  BOOST_TEST(printable("\xf4\x90\x80\x80") == "\\xf4\\x90\\x80\\x80");
}

BOOST_AUTO_TEST_CASE(no_character_of_them_all_gets_through_that_should_not)
{
  // Every code point: what is printed is the character, or printable ASCII.
  for (char32_t code = 0x80; code < 0x110000; ++code) {
    std::string name;
    const auto tail = [&](int shift) {
      name += static_cast<char>(0x80 | (code >> shift & 0x3f));
    };
    if (code < 0x800) {
      name += static_cast<char>(0xc0 | code >> 6);
    } else if (code < 0x10000) {
      name += static_cast<char>(0xe0 | code >> 12);
      tail(6);
    } else {
      name += static_cast<char>(0xf0 | code >> 18);
      tail(12);
      tail(6);
    }
    tail(0);
    const text_character first = first_character(name);
    const bool is_surrogate = code >= 0xd800 && code < 0xe000;
    if (first.is_text == is_surrogate ||
        (first.is_text && (first.code != code || first.size != name.size())) ||
        (printable(name) == name) != first.is_harmless)
      BOOST_ERROR("U+" << std::hex << static_cast<unsigned long>(code));
  }
}

BOOST_AUTO_TEST_CASE(columns_are_counted_in_characters)
{
  std::string text = "gr\xc3\xbc\xc3\x9f";
  BOOST_TEST(width_of(text) == 4u);
  pad_to(text, 0, 8);
  BOOST_TEST(width_of(text) == 8u);
}

BOOST_AUTO_TEST_CASE(a_document_shows_no_harmful_character_either)
{
  BOOST_TEST(json_of("a\"\\\x1b") == R"("a\"\\\u001b")");
  BOOST_TEST(json_of("\xc2\x9b") == R"("\u009b")");
  BOOST_TEST(json_of("\xe2\x80\xae") == R"("\u202e")");
  BOOST_TEST(json_of("\xf3\xa0\x81\x81") == R"("\udb40\udc41")");
  BOOST_TEST(json_of("\xc3\xbc") == "\"\xc3\xbc\"");
  BOOST_TEST(json_of("\xff") == "\"\xef\xbf\xbd\"");
}

BOOST_AUTO_TEST_CASE(each_line_names_the_process)
{
  BOOST_TEST(process_lines(12, "it ended") == "process 12: it ended");
  BOOST_TEST(process_lines(12, "process 12 ended") == "process 12 ended");
  BOOST_TEST(process_lines(12, "process 123 is patched\n\nno") ==
             "process 12: process 123 is patched\nprocess 12: \n"
             "process 12: no");
}

BOOST_AUTO_TEST_CASE(a_pattern_means_files_only_with_a_dot_or_slash)
{
  BOOST_TEST(
      matches_site(format::site_pattern("conn*"), "conn_reset", {}, "x.c"));
  BOOST_TEST(
      !matches_site(format::site_pattern("conn*"), "reset", {}, "conn.c"));
  BOOST_TEST(
      matches_site(format::site_pattern("conn.*"), "reset", {}, "src/conn.c"));
  BOOST_TEST(
      matches_site(format::site_pattern("src/*"), "reset", {}, "src/conn.c"));
  BOOST_TEST(matches_site(format::site_pattern("conn.c:res*"), "reset", {},
                          "src/conn.c"));
  BOOST_TEST(!matches_site(format::site_pattern("conn.c:res*"), "reset", {},
                           "main.c"));
}

BOOST_AUTO_TEST_CASE(a_pattern_sees_every_form_of_a_name)
{
  const char* mangled = "_Z5limitIiET_S0_";
  auto matches = [&](const char* glob) {
    return matches_site(format::site_pattern(glob), mangled,
                        "int limit<int>(int)", "x.cc");
  };
  BOOST_TEST(matches("_Z5limit*"));
  BOOST_TEST(matches("int limit<int>(int)"));
  BOOST_TEST(matches("limit<int>(int)"));
  BOOST_TEST(matches("limit<int>"));
  BOOST_TEST(!matches("limit"));
}

namespace {

// What `write` puts into a file, read back.
template <typename Write>
std::string written(Write write)
{
  char name[] = "/tmp/hotpatch-test.XXXXXX";
  hotpatch::file_descriptor file(mkstemp(name));
  unlink(name);
  output out(file.get());
  write(out);
  out.flush();
  std::string text(static_cast<std::size_t>(lseek(file.get(), 0, SEEK_END)),
                   '\0');
  if (pread(file.get(), text.data(), text.size(), 0) < 0)
    text = "unreadable";
  return text;
}

std::string numbers(std::size_t begin, std::size_t end)
{
  std::string text;
  for (; begin < end; ++begin) {
    append_decimal(text, begin);
    text += '\n';
  }
  return text;
}

}  // namespace

BOOST_AUTO_TEST_CASE(threads_keep_the_order)
{
  for (std::size_t count : {0, 1, 8192, 8193, 100'000}) {
    std::string text = written([count](output& out) {
      out.text() += "first\n";
      out.append_items(
          count, [](std::size_t begin, std::size_t end, std::string& into) {
            into += numbers(begin, end);
          });
      out.text() += "last\n";
    });
    BOOST_TEST((text == "first\n" + numbers(0, count) + "last\n"), count);
  }
}

BOOST_AUTO_TEST_CASE(what_a_thread_throws_arrives)
{
  auto fail = [](output& out) {
    out.append_items(100'000, [](std::size_t begin, std::size_t, std::string&) {
      if (begin > 50'000)
        throw std::runtime_error("enough");
    });
  };
  BOOST_CHECK_THROW(written(fail), std::runtime_error);
}

BOOST_AUTO_TEST_CASE(output_that_cannot_be_written)
{
  hotpatch::file_descriptor full(open("/dev/full", O_WRONLY | O_CLOEXEC));
  output out(full.get());
  out.text() = "something";
  BOOST_CHECK_THROW(out.flush(), output_error);
}
