// Parts of the tools by themselves, where their edges are hard to reach through
// hp-list: lines of /proc/PID/maps, numbers, patterns, output by many threads.
//
// SPDX-License-Identifier: MIT
#define BOOST_TEST_MODULE tools
#include "testsuite/lib/boost_tap.h"

#include <cstdint>
#include <limits>
#include <string>

#include <fcntl.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "processes/maps.h"
#include "processes/text.h"
#include "runtime/base/file_descriptor.h"
#include "tools/output.h"
#include "tools/site_pattern.h"

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

BOOST_AUTO_TEST_CASE(a_pattern_means_files_only_with_a_dot_or_slash)
{
  BOOST_TEST(site_pattern("conn*").matches("conn_reset", {}, "x.c"));
  BOOST_TEST(!site_pattern("conn*").matches("reset", {}, "conn.c"));
  BOOST_TEST(site_pattern("conn.*").matches("reset", {}, "src/conn.c"));
  BOOST_TEST(site_pattern("src/*").matches("reset", {}, "src/conn.c"));
  BOOST_TEST(site_pattern("conn.c:res*").matches("reset", {}, "src/conn.c"));
  BOOST_TEST(!site_pattern("conn.c:res*").matches("reset", {}, "main.c"));
}

BOOST_AUTO_TEST_CASE(a_pattern_sees_every_form_of_a_name)
{
  const char* mangled = "_Z5limitIiET_S0_";
  auto matches = [&](const char* glob) {
    return site_pattern(glob).matches(mangled, "int limit<int>(int)", "x.cc");
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
