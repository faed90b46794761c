// The bytes of a patch site: what the plugin emits and the runtime expects.
//
// SPDX-License-Identifier: MIT
#ifndef HOTPATCH_FORMAT_PATCH_WORD_H
#define HOTPATCH_FORMAT_PATCH_WORD_H

#include <cstddef>
#include <cstdint>

namespace hotpatch::format {

// Eight bytes at an address that is a multiple of eight:
//   0f 1f 84 00 id32    nopl id32(%rax,%rax,1)
// One instruction, so no thread is ever stopped inside it, and in one aligned
// quadword, so a single store replaces it (AMD64 APM volume 2, section 7.6.1).
inline constexpr std::size_t word_size = 8;

//   f3 0f 1e fa         endbr64
inline constexpr std::uint8_t endbr64[4] = {0xf3, 0x0f, 0x1e, 0xfa};

// Before the symbol: int3 filler, then the 5-byte pre-pad of NOPs.  All of it
// is dead code, because nothing falls into it.
inline constexpr std::uint8_t filler = 0xcc;   // int3
inline constexpr std::uint8_t pad_nop = 0x90;  // nop
inline constexpr std::size_t pre_pad_size = 5;

// Dead bytes before the symbol, where the word comes second, after an endbr64
// or a NOP of four bytes: they put the word on a multiple of sixteen.  And
// where the word, or a NOP of eight bytes, comes first.
inline constexpr std::size_t pad_lead = 12;
inline constexpr std::size_t pad_plain = 8;

// The pristine word as the little-endian quadword that one load returns.
constexpr std::uint64_t pristine_word(std::uint32_t id)
{
  return 0x00841f0fu | static_cast<std::uint64_t>(id) << 32;
}

}  // namespace hotpatch::format

#endif
