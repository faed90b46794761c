// What Valgrind has to be told: that text has changed, because it runs a
// translation of it; and that a search reads what it must not complain of.
//
// Asked by an instruction sequence that does nothing elsewhere, so that neither
// the build nor the library needs anything of Valgrind.  Any thread;
// async-signal-safe.
//
// SPDX-License-Identifier: MIT
#ifndef HOTPATCH_RUNTIME_VALGRIND_REQUEST_H
#define HOTPATCH_RUNTIME_VALGRIND_REQUEST_H

#include <cstdint>

#include "runtime/base/countermeasure.h"

namespace hotpatch {

// The manual of Valgrind, "The Client Request mechanism"; the numbers and the
// sequence are those of its header for programs, which keeps them for ever.
enum class valgrind_question : std::uint64_t {
  discard_translations = 0x1002,
  change_error_disablement = 0x1801,
};

[[gnu::always_inline]] inline void ask_valgrind(valgrind_question what,
                                                std::uint64_t a,
                                                std::uint64_t b = 0) noexcept
{
  const std::uint64_t arguments[6] = {static_cast<std::uint64_t>(what), a, b};
  std::uint64_t answer = 0;
  // 48 c1 c7 03    rol $3, %rdi     128 bits in all: %rdi stays as it is
  // 48 c1 c7 0d    rol $13, %rdi
  // 48 c1 c7 3d    rol $61, %rdi
  // 48 c1 c7 33    rol $51, %rdi
  // 48 87 db       xchg %rbx, %rbx
  asm volatile(
      "rolq $3, %%rdi\n\t"
      "rolq $13, %%rdi\n\t"
      "rolq $61, %%rdi\n\t"
      "rolq $51, %%rdi\n\t"
      "xchgq %%rbx, %%rbx"
      : "+d"(answer)
      : "a"(arguments)
      : "cc", "memory");
}

inline void tell_valgrind_of_change(std::uint64_t address,
                                    std::uint64_t size) noexcept
{
  if (HP_COUNTERMEASURE(tell_valgrind))
    ask_valgrind(valgrind_question::discard_translations, address, size);
}

// While it lives the thread's accesses are not complained of.
class valgrind_silence {
 public:
  valgrind_silence() noexcept
  {
    ask_valgrind(valgrind_question::change_error_disablement, 1);
  }
  valgrind_silence(const valgrind_silence&) = delete;
  valgrind_silence& operator=(const valgrind_silence&) = delete;
  ~valgrind_silence()
  {
    ask_valgrind(valgrind_question::change_error_disablement,
                 ~std::uint64_t{0});
  }
};

}  // namespace hotpatch

#endif
