// System calls without the C library: they leave errno alone, are no
// cancellation points, and are not seen by interposers or sanitizers.
//
// What runs in the stop signal's handler, or while other threads stand still,
// goes through here.  Any thread; async-signal-safe.
//
// SPDX-License-Identifier: MIT
#ifndef HOTPATCH_RUNTIME_SYSTEM_CALL_H
#define HOTPATCH_RUNTIME_SYSTEM_CALL_H

#include <type_traits>

#include <sys/syscall.h>

namespace hotpatch {

// The kernel's answer: a result, or the negated error number.
[[gnu::always_inline]] inline long raw_system_call(long number, long a, long b,
                                                   long c, long d, long e,
                                                   long f) noexcept
{
  long result;
  register long r10 asm("r10") = d;
  register long r8 asm("r8") = e;
  register long r9 asm("r9") = f;
  // 0f 05    syscall
  asm volatile("syscall"
               : "=a"(result)
               : "a"(number), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
               : "rcx", "r11", "memory");
  return result;
}

template <typename T>
[[gnu::always_inline]] inline long system_call_argument(
    [[maybe_unused]] T value) noexcept
{
  if constexpr (std::is_null_pointer_v<T>)
    return 0;
  else if constexpr (std::is_pointer_v<T>)
    return reinterpret_cast<long>(value);
  else
    return static_cast<long>(value);
}

template <typename A = int, typename B = int, typename C = int,
          typename D = int, typename E = int, typename F = int>
[[gnu::always_inline]] inline long system_call(long number, A a = 0, B b = 0,
                                               C c = 0, D d = 0, E e = 0,
                                               F f = 0) noexcept
{
  return raw_system_call(number, system_call_argument(a),
                         system_call_argument(b), system_call_argument(c),
                         system_call_argument(d), system_call_argument(e),
                         system_call_argument(f));
}

}  // namespace hotpatch

#endif
