// Names for addresses, from this program's own files.
// SPDX-License-Identifier: MIT
#include "testsuite/lib/boost_tap.h"

#include <cstdlib>

#include <dlfcn.h>
#include <elf.h>

#include "runtime/elf/symbol_table.h"

using namespace hotpatch;

extern "C" {
[[gnu::noinline]] int a_function_of_this_test(int value) noexcept
{
  asm volatile("");
  return value + 1;
}
}

// A name that no one would look for, beside the one above.
[[gnu::alias("a_function_of_this_test"), gnu::used]] static int a_local_name(
    int value) noexcept;

namespace {

// The symbols of the loaded object around `address`, and the address in the
// object's own terms.
struct lookup {
  elf_file file;
  elf_symbols symbols;
  std::uint64_t address = 0;

  explicit lookup(const void* where)
  {
    Dl_info about;
    BOOST_REQUIRE(dladdr(where, &about) != 0);
    BOOST_REQUIRE(file.open(about.dli_fname, elf_file::access::mapped) ==
                  HP_OK);
    BOOST_REQUIRE(symbols.load(file) == HP_OK);
    address = reinterpret_cast<std::uint64_t>(where);
    // A program that is not position-independent is where it was linked to be.
    if (file.type() == ET_DYN)
      address -= reinterpret_cast<std::uint64_t>(about.dli_fbase);
  }
};

}  // namespace

BOOST_AUTO_TEST_CASE(a_function_is_found_by_any_of_its_addresses)
{
  const lookup self(reinterpret_cast<const void*>(a_function_of_this_test));
  const function_symbol* found = self.symbols.find(self.address);
  BOOST_REQUIRE(found);
  BOOST_TEST(found->name == std::string("a_function_of_this_test"));
  BOOST_TEST(found->address == self.address);
  BOOST_REQUIRE(found->size > 0u);
  BOOST_TEST(self.symbols.find(self.address + found->size - 1) == found);
  BOOST_TEST(self.symbols.find(self.address + found->size) != found);
  BOOST_TEST(!self.symbols.find(0));
}

BOOST_AUTO_TEST_CASE(a_library_without_a_full_table_has_its_dynamic_one)
{
  const lookup libc(reinterpret_cast<const void*>(std::strtoul));
  const function_symbol* found = libc.symbols.find(libc.address + 1);
  BOOST_REQUIRE(found);
  BOOST_TEST(found->address == libc.address);
}

BOOST_AUTO_TEST_CASE(nothing_is_found_in_an_empty_table)
{
  const elf_symbols none;
  BOOST_TEST(!none.find(0x1000));
}
