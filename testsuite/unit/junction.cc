// Junctions: where they lead, when, and for how long.
// SPDX-License-Identifier: MIT
#include "testsuite/lib/boost_tap.h"

#include <array>
#include <atomic>
#include <cstring>
#include <set>
#include <sys/mman.h>
#include <thread>
#include <vector>

#include "runtime/base/memory_map.h"
#include "runtime/text/junction.h"

namespace {

using function = int (*)(int, int, int, int, int, int, int);

int old_one(int a, int b, int c, int d, int e, int f, int g)
{
  return a + b + c + d + e + f + g;
}
int new_one(int a, int b, int c, int d, int e, int f, int g)
{
  return -(a + b + c + d + e + f + g);
}
int newer_one(int, int, int, int, int, int, int)
{
  return 7;
}

std::uint64_t address_of(function code)
{
  return reinterpret_cast<std::uint64_t>(code);
}

// With an argument in each register and on the stack.
int call(const hotpatch::junction& through)
{
  return reinterpret_cast<function>(through.address)(1, 2, 4, 8, 16, 32, 64);
}

// The library has one; the number that junctions look at is the process's.
hotpatch::junctions all;
std::uint64_t word = 0x1000;

hotpatch::junction take(std::uint64_t of, function before, function after)
{
  const hotpatch::junction made =
      all.take(of, address_of(before), address_of(after));
  all.seal();
  return made;
}

int protection_of(std::uint64_t address)
{
  hotpatch::memory_mapping where;
  BOOST_REQUIRE(hotpatch::find_mapping(address, where));
  return where.protection;
}

}  // namespace

BOOST_AUTO_TEST_CASE(leads_to_the_old_function_until_its_change_happens)
{
  const hotpatch::junction made = take(word, old_one, new_one);
  BOOST_REQUIRE(made.address != 0);
  BOOST_TEST(call(made) == 127);
  const std::uint64_t change = all.next_change();
  made.due->store(change);
  BOOST_TEST(call(made) == 127);
  hotpatch::junctions::happen(change);
  BOOST_TEST(call(made) == -127);
}

BOOST_AUTO_TEST_CASE(later_changes_leave_it_where_it_is)
{
  const hotpatch::junction first = take(++word, old_one, new_one);
  const hotpatch::junction second = take(++word, new_one, newer_one);
  const std::uint64_t change = all.next_change();
  first.due->store(change);
  hotpatch::junctions::happen(change);
  const std::uint64_t next = all.next_change();
  second.due->store(next);
  BOOST_TEST(call(first) == -127);
  BOOST_TEST(call(second) == -127);
  hotpatch::junctions::happen(next);
  BOOST_TEST(call(first) == -127);
  BOOST_TEST(call(second) == 7);
}

BOOST_AUTO_TEST_CASE(a_change_that_is_given_up_never_happens)
{
  const hotpatch::junction made = take(++word, old_one, new_one);
  made.due->store(all.next_change());
  made.due->store(hotpatch::junctions::never);
  hotpatch::junctions::happen(all.next_change());
  BOOST_TEST(call(made) == 127);
}

BOOST_AUTO_TEST_CASE(the_same_change_of_the_same_site_has_the_same_junction)
{
  const hotpatch::junction made = take(++word, old_one, new_one);
  const std::uint64_t change = all.next_change();
  made.due->store(change);
  hotpatch::junctions::happen(change);
  const hotpatch::junction again = take(word, old_one, new_one);
  BOOST_TEST(again.address == made.address);
  // The site leads to the old function again, and so does the junction.
  BOOST_TEST(call(again) == 127);
}

BOOST_AUTO_TEST_CASE(other_sites_and_other_changes_have_others)
{
  const hotpatch::junction made = take(++word, old_one, new_one);
  const std::set<std::uint64_t> addresses{
      made.address, take(word + 1000, old_one, new_one).address,
      take(word, new_one, old_one).address,
      take(word, old_one, newer_one).address};
  BOOST_TEST(addresses.size() == 4u);
}

BOOST_AUTO_TEST_CASE(thousands_change_at_one_moment)
{
  constexpr std::size_t many = 5000;
  std::vector<hotpatch::junction> made;
  const std::uint64_t change = all.next_change();
  all.expect(many);
  for (std::size_t i = 0; i < many; ++i) {
    made.push_back(all.take(++word, address_of(old_one), address_of(new_one)));
    made.back().due->store(change);
  }
  all.seal();
  std::atomic<bool> met_new{false};
  std::atomic<bool> old_behind_new{false};
  std::atomic<bool> ready{false};
  std::thread other([&] {
    ready = true;
    for (std::size_t i = 0; !met_new; i = (i + 7) % many)
      if (call(made[i]) == -127)
        met_new = true;
    for (const hotpatch::junction& each : made)
      if (call(each) != -127)
        old_behind_new = true;
  });
  while (!ready)
    std::this_thread::yield();
  hotpatch::junctions::happen(change);
  other.join();
  BOOST_TEST(!old_behind_new);
}

BOOST_AUTO_TEST_CASE(neither_code_nor_targets_can_be_written_to)
{
  const hotpatch::junction made = take(++word, old_one, new_one);
  BOOST_TEST(protection_of(made.address) == (PROT_READ | PROT_EXEC));
  bool any = false;
  all.for_each_code([&](std::uint64_t begin, std::uint64_t end) {
    any = any || (made.address >= begin && made.address < end);
  });
  BOOST_TEST(any);
  // jmp *before(%rip), its last seven bytes
  std::int32_t distance;
  std::memcpy(&distance, reinterpret_cast<const void*>(made.address + 36),
              sizeof distance);
  const std::uint64_t before =
      made.address + 40 +
      static_cast<std::uint64_t>(static_cast<std::int64_t>(distance));
  BOOST_TEST(*reinterpret_cast<const std::uint64_t*>(before) ==
             address_of(old_one));
  BOOST_TEST(protection_of(before) == PROT_READ);
}

// Where the junction of the next test leads: it tells what is in registers that
// callers may keep across a call of a function which they know.
asm(".pushsection .text\n"
    ".globl look_at_registers\n"
    "look_at_registers:\n"
    "mov %r10, (%rdi)\n"
    "mov %r11, 8(%rdi)\n"
    "mov %rax, 16(%rdi)\n"
    "ret\n"
    ".popsection\n");
extern "C" void look_at_registers(std::uint64_t*);

BOOST_AUTO_TEST_CASE(no_register_changes)
{
  const auto looks = reinterpret_cast<std::uint64_t>(&look_at_registers);
  const hotpatch::junction made = all.take(++word, looks, looks);
  all.seal();
  std::uint64_t seen[3] = {};
  asm volatile(
      "mov $0x1234, %%r10\n"
      "mov $0x5678, %%r11\n"
      "mov $0x9abc, %%eax\n"
      "sub $128, %%rsp\n"
      "call *%[through]\n"
      "add $128, %%rsp\n"
      :
      : "D"(seen), [through] "b"(made.address)
      : "rax", "rcx", "rdx", "rsi", "r8", "r9", "r10", "r11", "memory", "cc");
  BOOST_TEST(seen[0] == 0x1234u);
  BOOST_TEST(seen[1] == 0x5678u);
  BOOST_TEST(seen[2] == 0x9abcu);
}
