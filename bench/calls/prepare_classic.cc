// Overwrites the beginning of all functions with jumps, as no other thread
// runs. SPDX-License-Identifier: MIT
#include <cstdint>
#include <cstring>
#include <dlfcn.h>
#include <sys/mman.h>

#include "bench/calls/calls.h"

namespace {

bool jump(void* from, int (*to)(int))
{
  const auto at = reinterpret_cast<std::uintptr_t>(from);
  constexpr std::size_t size = 5;
  const auto distance = static_cast<std::int32_t>(
      reinterpret_cast<std::uintptr_t>(to) - at - size);
  unsigned char code[size] = {0xe9};  // jmp rel32
  std::memcpy(code + 1, &distance, sizeof distance);
  auto* const page = reinterpret_cast<void*>(at & ~std::uintptr_t{0xfff});
  const std::size_t length = (at & 0xfff) + size;
  if (mprotect(page, length, PROT_READ | PROT_WRITE | PROT_EXEC) != 0)
    return false;
  std::memcpy(from, code, size);
  return mprotect(page, length, PROT_READ | PROT_EXEC) == 0;
}

}  // namespace

bool bench::prepare(const char*)
{
  for (int i = 0; i < shape_table_size; ++i) {
    void* found = dlsym(RTLD_DEFAULT, shape_table[i].name);
    if (found == nullptr || !jump(found, shape_table[i].call))
      return false;
  }
  return true;
}
