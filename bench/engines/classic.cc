// The classic hook: mprotect, memcpy of a jump, mprotect.  It is safe only
// while no other thread is about to call the function.
// SPDX-License-Identifier: MIT
#include <cstdint>
#include <cstring>
#include <sys/mman.h>
#include <vector>

#include "bench/engine.h"

namespace bench::engine {

namespace {

constexpr std::size_t jump_size = 5;
constexpr int result = -2;

struct saved {
  unsigned char bytes[jump_size];
};
std::vector<saved> originals;

int replacement(int)
{
  return result;
}

unsigned char* code_of(std::size_t which)
{
  return reinterpret_cast<unsigned char*>(subjects[which].call);
}

bool overwrite(unsigned char* code, const unsigned char* bytes)
{
  const auto from = reinterpret_cast<std::uintptr_t>(code) & ~0xffful;
  const auto to = reinterpret_cast<std::uintptr_t>(code) + jump_size;
  auto* const page = reinterpret_cast<void*>(from);
  if (mprotect(page, to - from, PROT_READ | PROT_WRITE | PROT_EXEC) != 0)
    return false;
  std::memcpy(code, bytes, jump_size);
  return mprotect(page, to - from, PROT_READ | PROT_EXEC) == 0;
}

}  // namespace

void start()
{
  originals.resize(subject_count);
  for (std::size_t i = 0; i < subject_count; ++i)
    std::memcpy(originals[i].bytes, code_of(i), jump_size);
}

bool apply(std::size_t which)
{
  unsigned char* const code = code_of(which);
  const auto distance =
      static_cast<std::int32_t>(reinterpret_cast<std::intptr_t>(replacement) -
                                reinterpret_cast<std::intptr_t>(code) -
                                static_cast<std::intptr_t>(jump_size));
  unsigned char jump[jump_size] = {0xe9};  // jmp rel32
  std::memcpy(jump + 1, &distance, sizeof distance);
  return overwrite(code, jump);
}

bool revert(std::size_t which)
{
  return overwrite(code_of(which), originals[which].bytes);
}

bool apply_many(std::size_t count)
{
  for (std::size_t i = 0; i < count; ++i)
    if (!apply(i))
      return false;
  return true;
}

bool revert_many(std::size_t count)
{
  for (std::size_t i = 0; i < count; ++i)
    if (!revert(i))
      return false;
  return true;
}

bool entered_replacement(int returned)
{
  return returned == result;
}

}  // namespace bench::engine
