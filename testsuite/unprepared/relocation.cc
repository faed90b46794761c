// Moved instructions do what they did: each kind is executed in both places,
// and decoded again. SPDX-License-Identifier: MIT
#include "testsuite/lib/boost_tap.h"

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <random>

#include <sys/mman.h>

#include "unprepared/instruction.h"
#include "unprepared/relocation.h"

using namespace hotpatch::unprepared;

// Functions of one parameter.  Each begins with what is moved, up to NAME_rest.
asm(R"(
  .text
  .p2align 4
  .globl unprepared_tests_begin
unprepared_tests_begin:

# An operand relative to the instruction pointer, with an immediate operand after
# its displacement.
  .p2align 4
relative_operand:
  cmpl $7, seven(%rip)
relative_operand_rest:
  sete %al
  movzbl %al, %eax
  lea (%rax,%rdi), %rax
  ret
seven: .long 7

# A vector instruction and a prefix.
  .p2align 4
relative_load:
  lock incl counter_word(%rip)
  vmovd counter_base(%rip), %xmm0
relative_load_rest:
  vmovd %xmm0, %eax
  add %rdi, %rax
  ret
  .pushsection .data
counter_word: .long 0
  .popsection
counter_base: .long 40

  .p2align 4
short_forward:
  test %rdi, %rdi
  je 1f
short_forward_rest:
  lea 1(%rdi), %rax
  ret
1: mov $100, %eax
  ret

  .p2align 4
near_forward:
  test %rdi, %rdi
  js far_away
near_forward_rest:
  lea 2(%rdi), %rax
  ret

# Back to what comes before it.
behind:
  mov $200, %eax
  ret
  .p2align 4
short_back:
  test %rdi, %rdi
  jne behind
short_back_rest:
  xor %eax, %eax
  ret

  .p2align 4
jump_only:
  jmp behind
jump_only_rest:
  ud2

  .p2align 4
near_jump:
  jmp far_away
near_jump_rest:
  ud2

# The jump leads over a ret that is moved with it.
  .p2align 4
over_ret:
  jmp 1f
  ret
1: lea 3(%rdi), %rax
over_ret_rest:
  ret

# A branch to what is moved, forwards and back.
  .p2align 4
among_themselves:
  xor %eax, %eax
1: inc %eax
  dec %edi
  jg 1b
among_themselves_rest:
  ret

  .p2align 4
call_first:
  call helper
  add %rdi, %rax
call_first_rest:
  ret
helper:
  mov $1000, %eax
  ret

  .p2align 4
computed_call:
  lea helper(%rip), %rax
  call *%rax
computed_call_rest:
  add %rdi, %rax
  ret

  .p2align 4
loop_ahead:
  lea 1(%rdi), %rcx
  loop 1f
loop_ahead_rest:
  mov $300, %eax
  ret
1: mov %rcx, %rax
  ret

  .p2align 4
loop_back_to_moved:
  lea 5(%rdi), %rcx
  xor %eax, %eax
1: inc %eax
  loop 1b
loop_back_to_moved_rest:
  ret

  .p2align 4
loopne_ahead:
  lea 1(%rdi), %rcx
  cmp $1, %rdi
  loopne 1f
loopne_ahead_rest:
  mov $301, %eax
  ret
1: mov $302, %eax
  ret

  .p2align 4
jrcxz_ahead:
  mov %rdi, %rcx
  jrcxz 1f
jrcxz_ahead_rest:
  mov $400, %eax
  ret
1: mov $401, %eax
  ret

# With a prefix: only ecx counts.
  .p2align 4
jecxz_ahead:
  mov $1, %ecx
  shl $32, %rcx
  jecxz 1f
jecxz_ahead_rest:
  mov $500, %eax
  ret
1: mov $501, %eax
  ret

# Prefixes that say nothing to this processor, or to a branch.
  .p2align 4
prefixed:
  .byte 0x3e
  test %rdi, %rdi
  .byte 0x2e
  je 1f
prefixed_rest:
  lea 6(%rdi), %rax
  ret
1: mov $600, %eax
  ret

  .p2align 4
bound_jump:
  bnd jmp behind
bound_jump_rest:
  ud2

  .p2align 4
ends_at_once:
  mov %rdi, %rax
  ret
  nop
ends_at_once_rest:
  ud2

# Not executed: the processor may have no transactions.
  .p2align 4
transaction:
  xbegin far_away
transaction_rest:
  xend
  ret

  .p2align 4
finds_itself:
  call 1f
1: pop %rax
finds_itself_rest:
  ret

  .p2align 4
narrow_jump:
  .byte 0x66, 0xe9, 0x00, 0x00
narrow_jump_rest:
  ret
  .zero 400, 0xcc

far_away:
  mov $700, %eax
  ret
  .globl unprepared_tests_end
unprepared_tests_end:
)");

#define DECLARE(name)                    \
  extern "C" const unsigned char name[]; \
  extern "C" const unsigned char name##_rest[]
DECLARE(transaction);
DECLARE(finds_itself);
DECLARE(narrow_jump);
extern "C" const unsigned char far_away[];
extern "C" const unsigned char behind[];

namespace {

struct code_range {
  const unsigned char* begin;
  const unsigned char* rest;
};

std::uint64_t address_of(const unsigned char* code)
{
  return reinterpret_cast<std::uint64_t>(code);
}

std::span<const std::uint8_t> bytes_of(const unsigned char* code,
                                       const unsigned char* rest)
{
  return {code, static_cast<std::size_t>(rest - code)};
}

// A page of code close to this program's.
class code_page {
 public:
  code_page()
  {
    for (std::uint64_t away = 1 << 20; at_ == nullptr && away < 1u << 30;
         away += 1 << 20) {
      void* const hint = reinterpret_cast<void*>(
          (address_of(far_away) & ~std::uint64_t{4095}) - away);
      void* const got =
          mmap(hint, 4096, PROT_READ | PROT_WRITE | PROT_EXEC,
               MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
      if (got != MAP_FAILED)
        at_ = static_cast<std::uint8_t*>(got);
    }
    BOOST_REQUIRE(at_ != nullptr);
  }
  ~code_page() { munmap(at_, 4096); }
  std::span<std::uint8_t> room() { return {at_, 4096}; }
  std::uint64_t address() const { return reinterpret_cast<std::uint64_t>(at_); }

 private:
  std::uint8_t* at_ = nullptr;
};

using function = long (*)(long);

void check_case(const char* name, const unsigned char* code,
                const unsigned char* rest)
{
  code_page page;
  const relocation done = relocate(bytes_of(code, rest), address_of(code),
                                   page.address(), page.room());
  BOOST_REQUIRE_MESSAGE(done.failure == relocation_failure::none, name);
  BOOST_TEST(done.size <= relocated_limit(bytes_of(code, rest).size()));
  const auto original = reinterpret_cast<function>(address_of(code));
  const auto moved = reinterpret_cast<function>(page.address());
  for (const long parameter : {0L, 1L, 2L, 7L, -3L})
    BOOST_TEST_CONTEXT(name << '(' << parameter << ')')
  BOOST_TEST(moved(parameter) == original(parameter));
}

// What an instruction means, apart from where it stands.
struct meaning {
  flow way;
  std::uint64_t target;
  std::uint64_t operand;
  bool operator==(const meaning&) const = default;
};

std::vector<meaning> meanings(std::span<const std::uint8_t> code,
                              std::uint64_t address)
{
  std::vector<meaning> all;
  instruction one;
  for (std::size_t at = 0;
       at < code.size() &&
       decode(code.data() + at, code.size() - at, address + at, one);
       at += one.length)
    all.push_back({one.way, one.target, one.operand});
  return all;
}

}  // namespace

#define MOVED_CASE(name)                             \
  DECLARE(name);                                     \
  BOOST_AUTO_TEST_CASE(moved_##name##_does_the_same) \
  {                                                  \
    check_case(#name, name, name##_rest);            \
  }                                                  \
  static_assert(true)

MOVED_CASE(relative_operand);
MOVED_CASE(relative_load);
MOVED_CASE(short_forward);
MOVED_CASE(near_forward);
MOVED_CASE(short_back);
MOVED_CASE(jump_only);
MOVED_CASE(near_jump);
MOVED_CASE(over_ret);
MOVED_CASE(among_themselves);
MOVED_CASE(call_first);
MOVED_CASE(computed_call);
MOVED_CASE(loop_ahead);
MOVED_CASE(loop_back_to_moved);
MOVED_CASE(loopne_ahead);
MOVED_CASE(jrcxz_ahead);
MOVED_CASE(jecxz_ahead);
MOVED_CASE(prefixed);
MOVED_CASE(bound_jump);
MOVED_CASE(ends_at_once);

BOOST_AUTO_TEST_CASE(decoded_again_each_instruction_means_the_same)
{
  // Loops and jrcxz become three instructions, and branches among what is moved
  // lead elsewhere.
  const code_range plain[] = {
      {relative_operand, relative_operand_rest},
      {relative_load, relative_load_rest},
      {short_forward, short_forward_rest},
      {near_forward, near_forward_rest},
      {short_back, short_back_rest},
      {jump_only, jump_only_rest},
      {near_jump, near_jump_rest},
      {call_first, call_first_rest},
      {computed_call, computed_call_rest},
      {prefixed, prefixed_rest},
      {bound_jump, bound_jump_rest},
      {transaction, transaction_rest},
  };
  for (const auto& [code, rest] : plain) {
    std::uint8_t moved[200];
    const std::uint64_t to = address_of(code) + 0x123456;
    const auto bytes = bytes_of(code, rest);
    const relocation done = relocate(bytes, address_of(code), to, moved);
    BOOST_REQUIRE(done.failure == relocation_failure::none);
    std::vector<meaning> expected = meanings(bytes, address_of(code));
    const std::vector<meaning> found = meanings({moved, done.size}, to);
    if (done.ends_open)
      expected.push_back({flow::jump, address_of(rest), 0});
    BOOST_TEST((found == expected));
  }
}

BOOST_AUTO_TEST_CASE(a_call_of_the_next_instruction_is_not_moved)
{
  std::uint8_t moved[200];
  BOOST_TEST((relocate(bytes_of(finds_itself, finds_itself_rest),
                       address_of(finds_itself), 0x1000, moved)
                  .failure == relocation_failure::unmovable));
}

BOOST_AUTO_TEST_CASE(a_branch_of_sixteen_bits_is_not_moved)
{
  std::uint8_t moved[200];
  const relocation done =
      relocate(bytes_of(narrow_jump, narrow_jump_rest), address_of(narrow_jump),
               address_of(narrow_jump) + 4096, moved);
  BOOST_TEST((done.failure != relocation_failure::none));
}

BOOST_AUTO_TEST_CASE(half_an_instruction_is_not_moved)
{
  std::uint8_t moved[200];
  BOOST_TEST((relocate({relative_operand, 3}, address_of(relative_operand),
                       address_of(relative_operand) + 4096, moved)
                  .failure == relocation_failure::undecodable));
}

BOOST_AUTO_TEST_CASE(a_place_out_of_reach_is_refused)
{
  std::uint8_t moved[200];
  for (const auto& [code, rest] :
       {code_range{relative_operand, relative_operand_rest},
        code_range{near_jump, near_jump_rest},
        code_range{transaction, transaction_rest}})
    BOOST_TEST((relocate(bytes_of(code, rest), address_of(code),
                         address_of(code) + (std::uint64_t{1} << 32), moved)
                    .failure == relocation_failure::out_of_reach));
}

BOOST_AUTO_TEST_CASE(too_little_room_is_refused)
{
  std::uint8_t moved[200];
  const auto code = bytes_of(relative_load, relative_load_rest);
  const std::uint64_t to = address_of(relative_load) + 4096;
  const std::size_t size =
      relocate(code, address_of(relative_load), to, moved).size;
  for (std::size_t room = 0; room < size; ++room)
    BOOST_TEST(
        (relocate(code, address_of(relative_load), to, {moved, room}).failure ==
         relocation_failure::no_room));
}

// Any bytes: what is moved keeps its meaning, and nothing is written past the
// room that there is.
BOOST_AUTO_TEST_CASE(random_instructions_keep_their_meaning)
{
  std::mt19937_64 random(12345);
  std::size_t moved_ones = 0;
  for (int i = 0; i < 200'000; ++i) {
    std::uint8_t code[longest_instruction];
    for (std::uint8_t& byte : code)
      byte = static_cast<std::uint8_t>(random());
    const std::uint64_t from = 0x10000000 + random() % 0x1000;
    const std::uint64_t to = from + 0x100000;
    instruction one;
    if (!decode(code, sizeof code, from, one))
      continue;
    std::uint8_t moved[64];
    std::fill(std::begin(moved), std::end(moved), std::uint8_t{0xaa});
    const relocation done = relocate({code, one.length}, from, to, moved);
    if (done.failure != relocation_failure::none)
      continue;
    ++moved_ones;
    BOOST_REQUIRE(done.size <= relocated_limit(one.length));
    BOOST_REQUIRE(std::all_of(moved + done.size, std::end(moved),
                              [](std::uint8_t byte) { return byte == 0xaa; }));
    instruction again;
    BOOST_REQUIRE(decode(moved, done.size, to, again));
    BOOST_REQUIRE(again.operand == one.operand);
    BOOST_REQUIRE((again.way == one.way));
    const bool to_itself = one.target - from < one.length;
    if (one.relative_size != 0 && !one.only_short && !to_itself)
      BOOST_REQUIRE(again.target == one.target);
    if (one.relative_size == 0 && one.displacement_at == 0)
      BOOST_REQUIRE(std::memcmp(code, moved, one.length) == 0);
  }
  BOOST_TEST(moved_ones > 50'000u);
}
