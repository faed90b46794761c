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
long change_opcode_first(std::size_t first, std::size_t stride,
                         const std::atomic<bool>& stop)
{
  long changes = 0;
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
    ++changes;
  }
  return changes;
}

// Says that a change is done before it is.
long change_too_late(std::size_t first, std::size_t stride,
                     const std::atomic<bool>& stop)
{
  long changes = 0;
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
    ++changes;
  }
  return changes;
}

}  // namespace stress
