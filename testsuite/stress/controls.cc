// Changes that break the rules on purpose, so that it is seen that the harness
// notices.
// SPDX-License-Identifier: MIT
#include <hotpatch.h>

#include <chrono>
#include <cstdint>
#include <cstring>
#include <sys/mman.h>
#include <thread>

#include "testsuite/stress/harness.h"

namespace stress {

namespace {

volatile std::uint8_t* writable_word(const char* name)
{
  hp_site site;
  if (hp_site_find(name, &site) != HP_OK)
    return nullptr;
  const auto word = reinterpret_cast<std::uintptr_t>(site.word);
  mprotect(reinterpret_cast<void*>(word & ~0xfffull), 8192,
           PROT_READ | PROT_WRITE | PROT_EXEC);
  return reinterpret_cast<volatile std::uint8_t*>(word);
}

// A moment in which other threads meet what is there.
void dwell()
{
  std::this_thread::sleep_for(std::chrono::microseconds(50));
}

}  // namespace

// What many hooking libraries do: the jump's opcode, then where it goes.
void change_opcode_first(std::size_t first, std::size_t stride,
                         const std::atomic<bool>& stop)
{
  for (std::size_t i = first; !stop; i = (i + stride) % subject_count) {
    subject& it = subjects[i];
    volatile std::uint8_t* word = writable_word(it.name);
    std::uint8_t pristine[5];
    for (int byte = 0; byte < 5; ++byte)
      pristine[byte] = word[byte];
    const auto from = reinterpret_cast<std::uintptr_t>(word) + 5;
    const auto to = reinterpret_cast<std::uintptr_t>(variants[0].code);
    const auto distance = static_cast<std::int32_t>(to - from);
    std::uint8_t operand[4];
    std::memcpy(operand, &distance, sizeof operand);

    ++it.version;
    word[0] = 0xe9;
    dwell();
    for (int byte = 0; byte < 4; ++byte)
      word[1 + byte] = operand[byte];
    dwell();
    for (int byte = 4; byte >= 0; --byte)
      word[byte] = pristine[byte];
    ++it.version;
    count_change();
  }
}

namespace {

// A function of two cache lines:
//   61: 0f 1f 44 | 00 00        nopl 0(%rax,%rax,1)
//       8d 47 01                lea 1(%rdi),%eax
//       c3                      ret
// and, at `target`, one that adds 2.  A jump there begins with e9 and the low
// half of a distance whose high half is not that of the NOP's operand.
constexpr std::size_t straddling_at = 4096 + 61;
constexpr std::size_t target_at = 0;
unsigned char* straddling_page;

std::uint64_t load_across(const unsigned char* from)
{
  std::uint64_t word;
  std::memcpy(&word, from, sizeof word);
  return word;
}

void store_across(unsigned char* to, std::uint64_t word)
{
  asm volatile("movq %1, %0" : "=m"(*to) : "r"(word) : "memory");
}

}  // namespace

void place_across_lines()
{
  const unsigned char code[] = {0x0f, 0x1f, 0x44, 0x00, 0x00,
                                0x8d, 0x47, 0x01, 0xc3};
  const unsigned char target[] = {0x8d, 0x47, 0x02, 0xc3};
  void* const memory = mmap(nullptr, 8192, PROT_READ | PROT_WRITE | PROT_EXEC,
                            MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  straddling_page = static_cast<unsigned char*>(memory);
  std::memcpy(straddling_page + straddling_at, code, sizeof code);
  std::memcpy(straddling_page + target_at, target, sizeof target);
  subjects[subject_count - 1].call =
      reinterpret_cast<function>(straddling_page + straddling_at);
}

// One store of eight bytes, as the library makes it, but the word is not
// aligned.
void change_across_lines(std::size_t, std::size_t,
                         const std::atomic<bool>& stop)
{
  unsigned char* const word = straddling_page + straddling_at;
  const std::uint64_t pristine = load_across(word);
  const auto distance =
      static_cast<std::int32_t>(static_cast<std::ptrdiff_t>(target_at) -
                                static_cast<std::ptrdiff_t>(straddling_at) - 5);
  unsigned char jump[8];
  std::memcpy(jump, word, sizeof jump);
  jump[0] = 0xe9;
  std::memcpy(jump + 1, &distance, sizeof distance);
  const std::uint64_t jumping = load_across(jump);
  ++subjects[subject_count - 1].version;  // either result is good
  while (!stop.load(std::memory_order_relaxed)) {
    store_across(word, jumping);
    store_across(word, pristine);
    count_change();
  }
}

// Says that a change is done before it is.
void change_too_late(std::size_t first, std::size_t stride,
                     const std::atomic<bool>& stop)
{
  for (std::size_t i = first; !stop; i = (i + stride) % subject_count) {
    subject& it = subjects[i];
    ++it.version;
    it.expected = variants[0].increment;
    ++it.version;
    dwell();
    hp_apply(it.name, variants[0].code);
    ++it.version;
    it.expected = original_increment;
    hp_revert(it.name);
    ++it.version;
    count_change();
  }
}

}  // namespace stress
