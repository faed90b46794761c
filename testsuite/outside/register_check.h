/* A program's look at its own registers, for tests that borrow its thread.
 *
 * Any thread; C and C++.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef HOTPATCH_TESTSUITE_REGISTER_CHECK_H
#define HOTPATCH_TESTSUITE_REGISTER_CHECK_H

#include <stdint.h>

/* Every general register, the red zone, x87, SSE, AVX and AVX-512, again and
 * again: they must be what they were.  Returns 0 as long as they are. */
__attribute__((noinline)) static int check_registers(void)
{
  static const uint64_t pattern[4] = {0x1122334455667788, 0x99aabbccddeeff00,
                                      0x0f1e2d3c4b5a6978, 0x8796a5b4c3d2e1f0};
  uint64_t bad = 0;
  uint64_t have_avx512 = (uint64_t)__builtin_cpu_supports("avx512f");
  uint64_t have_avx = (uint64_t)__builtin_cpu_supports("avx");
  __asm__ volatile(
      "sub $256, %%rsp\n\t" /* the frame's own red zone is not ours to use */
      "test %[avx], %[avx]\n\t"
      "jz 1f\n\t"
      "vmovdqu %[pattern], %%ymm15\n\t"
      "vmovdqu %[pattern], %%ymm7\n\t"
      "test %[avx512], %[avx512]\n\t"
      "jz 1f\n\t"
      "vbroadcasti64x4 %[pattern], %%zmm20\n\t"
      "mov $0x5a3c, %%eax\n\t"
      "kmovw %%eax, %%k5\n"
      "1:\n\t"
      "movdqu %[pattern], %%xmm3\n\t"
      "fld1\n\t"
      "mov $0x1234567, %%r8\n\t"
      "mov $0x2345678, %%r9\n\t"
      "mov $0x3456789, %%r10\n\t"
      "mov $0x456789a, %%r11\n\t"
      "mov $0x56789ab, %%r12\n\t"
      "mov $0x6789abc, %%r13\n\t"
      "mov %%r8, -8(%%rsp)\n\t"
      "mov %%r9, -64(%%rsp)\n\t"
      "mov %%r10, -128(%%rsp)\n\t"
      "mov $200000, %%ecx\n\t"
      "std\n"
      "2:\n\t"
      "dec %%ecx\n\t"
      "jnz 2b\n\t"
      "pushfq\n\t"
      "popq %%rax\n\t"
      "cld\n\t"
      "and $0x400, %%eax\n\t"
      "xor $0x400, %%eax\n\t"
      "or %%rax, %[bad]\n\t"
      "cmp $0x1234567, %%r8\n\t"
      "jne 3f\n\t"
      "cmp $0x2345678, %%r9\n\t"
      "jne 3f\n\t"
      "cmp $0x3456789, %%r10\n\t"
      "jne 3f\n\t"
      "cmp $0x456789a, %%r11\n\t"
      "jne 3f\n\t"
      "cmp $0x56789ab, %%r12\n\t"
      "jne 3f\n\t"
      "cmp $0x6789abc, %%r13\n\t"
      "jne 3f\n\t"
      "cmp %%r9, -64(%%rsp)\n\t"
      "jne 3f\n\t"
      "cmp %%r10, -128(%%rsp)\n\t"
      "jne 3f\n\t"
      "movdqu %[pattern], %%xmm4\n\t"
      "pcmpeqb %%xmm3, %%xmm4\n\t"
      "pmovmskb %%xmm4, %%eax\n\t"
      "xor $0xffff, %%eax\n\t"
      "or %%rax, %[bad]\n\t"
      "test %[avx], %[avx]\n\t"
      "jz 4f\n\t"
      "vmovdqu %[pattern], %%ymm2\n\t"
      "vxorps %%ymm2, %%ymm15, %%ymm15\n\t"
      "vxorps %%ymm2, %%ymm7, %%ymm7\n\t"
      "vorps %%ymm7, %%ymm15, %%ymm15\n\t"
      "vptest %%ymm15, %%ymm15\n\t"
      "jnz 3f\n\t"
      "test %[avx512], %[avx512]\n\t"
      "jz 5f\n\t"
      "kmovw %%k5, %%eax\n\t"
      "cmp $0x5a3c, %%eax\n\t"
      "jne 3f\n\t"
      "vbroadcasti64x4 %[pattern], %%zmm21\n\t"
      "vpcmpeqq %%zmm20, %%zmm21, %%k6\n\t"
      "kmovw %%k6, %%eax\n\t"
      "cmp $0xff, %%eax\n\t"
      "jne 3f\n"
      "5:\n\t"
      "vzeroupper\n\t"
      "jmp 4f\n"
      "3:\n\t"
      "or $1, %[bad]\n"
      "4:\n\t"
      "add $256, %%rsp\n\t"
      "fstp %%st(0)\n\t"
      : [bad] "+&b"(bad)
      : [avx] "D"(have_avx), [avx512] "S"(have_avx512),
        [pattern] "m"(*(const char(*)[32])pattern)
      : "rax", "rcx", "r8", "r9", "r10", "r11", "r12", "r13", "xmm2", "xmm3",
        "xmm4", "xmm7", "xmm15", "memory", "cc");
  return (int)bad;
}

#endif
