// Cells: near enough, read-only, reused.
// SPDX-License-Identifier: MIT
#include "testsuite/lib/boost_tap.h"

#include <dlfcn.h>
#include <set>
#include <sys/mman.h>
#include <vector>

#include "runtime/base/memory_map.h"
#include "runtime/text/encode.h"
#include "runtime/text/near_memory.h"
#include "testsuite/lib/asm_site.h"

ASM_SITE_PLAIN(one, 1);

namespace {

int protection_at(std::uint64_t address)
{
  hotpatch::memory_mapping found;
  return hotpatch::find_mapping(address, found) ? found.protection : -1;
}

hotpatch::site site_in_libc()
{
  hotpatch::site site = hotpatch_test::plain_site("one", one, 1);
  site.symbol = site.word =
      reinterpret_cast<std::uint64_t>(dlsym(RTLD_DEFAULT, "printf"));
  return site;
}

}  // namespace

BOOST_AUTO_TEST_CASE(cells_are_in_reach_of_executable_and_shared_object)
{
  hotpatch::near_memory cells;
  for (const hotpatch::site& site :
       {hotpatch_test::plain_site("one", one, 1), site_in_libc()}) {
    const std::uint64_t cell = cells.take_cell(site);
    BOOST_TEST(cell != 0u);
    BOOST_TEST(cell % 8 == 0u);
    BOOST_TEST(hotpatch::cell_reaches(site, cell));
  }
}

BOOST_AUTO_TEST_CASE(cells_differ_over_many_pages)
{
  hotpatch::near_memory cells;
  const auto site = hotpatch_test::plain_site("one", one, 1);
  std::set<std::uint64_t> seen;
  for (int i = 0; i < 2000; ++i) {
    const std::uint64_t cell = cells.take_cell(site);
    BOOST_REQUIRE(hotpatch::cell_reaches(site, cell));
    seen.insert(cell);
  }
  BOOST_TEST(seen.size() == 2000u);
}

BOOST_AUTO_TEST_CASE(a_cell_given_back_is_used_again)
{
  hotpatch::near_memory cells;
  const auto site = hotpatch_test::plain_site("one", one, 1);
  const std::uint64_t first = cells.take_cell(site);
  BOOST_TEST(cells.take_cell(site) != first);
  cells.give_back(first);
  BOOST_TEST(cells.take_cell(site) == first);
}

BOOST_AUTO_TEST_CASE(cells_are_read_only_data_between_changes)
{
  hotpatch::near_memory cells;
  const auto site = hotpatch_test::plain_site("one", one, 1);
  const std::uint64_t cell = cells.take_cell(site);
  BOOST_TEST(protection_at(cell) == PROT_READ);
  {
    hotpatch::cell_window window;
    BOOST_TEST(window.add(cell));
    BOOST_TEST(window.open());
    hotpatch::cell_window::store(cell, 0x1234);
  }
  BOOST_TEST(protection_at(cell) == PROT_READ);
  BOOST_TEST(*reinterpret_cast<std::uint64_t*>(cell) == 0x1234u);
}
