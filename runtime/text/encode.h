// Which bytes a site has in each state, and which state given bytes are.
//
// Pure functions: they compute, and neither read nor write program text, so
// that the runtime uses them on its own process and tools on another one.  Any
// thread may call them.
//
// SPDX-License-Identifier: MIT
#ifndef HOTPATCH_RUNTIME_ENCODE_H
#define HOTPATCH_RUNTIME_ENCODE_H

#include <cstddef>
#include <cstdint>

#include "runtime/sites/site.h"

namespace hotpatch {

// The far jump stands in the last bytes before the symbol.
inline constexpr std::size_t far_pad_size = 7;

struct far_pad {
  std::uint8_t bytes[far_pad_size];
};

enum class word_form {
  pristine,  // the original is active
  near,      // a direct jump to the replacement
  far,       // a short jump to the far jump in the pad
  foreign,   // bytes that hotpatch did not write
};

struct decoded_word {
  word_form form;
  std::uint64_t target;  // near: the replacement; far: the pad; otherwise 0
};

//   e9 rel32            jmp target
inline constexpr std::uint8_t jmp_rel32 = 0xe9;
inline constexpr std::size_t jmp_rel32_size = 5;

// Of a direct jump in the word: it counts from the instruction after it.
[[nodiscard]] inline std::int64_t near_distance(const site_code& site,
                                                std::uint64_t target) noexcept
{
  return static_cast<std::int64_t>(target - (site.word + jmp_rel32_size));
}

// True if a direct jump in the word reaches `target`.
[[nodiscard]] inline bool near_reaches(const site_code& site,
                                       std::uint64_t target) noexcept
{
  const std::int64_t distance = near_distance(site, target);
  return static_cast<std::int32_t>(distance) == distance;
}

// True if the pad has room for the far jump and the word reaches the pad.
[[nodiscard]] bool has_far_form(const site_code& site) noexcept;

// True if the far jump can read its target from a cell at that address.
[[nodiscard]] bool cell_reaches(const site_code& site,
                                std::uint64_t cell) noexcept;

[[nodiscard]] constexpr std::uint64_t far_pad_address(
    const site_code& site) noexcept
{
  return site.symbol - far_pad_size;
}

// The word that sends calls to `target`; needs near_reaches().
//   e9 rel32            jmp target
//   cc cc cc            filler
// In a register: bytes that are stored one by one and then loaded as a quadword
// make the processor wait, for each of many sites.
[[nodiscard]] inline std::uint64_t encode_near(const site_code& site,
                                               std::uint64_t target) noexcept
{
  const auto rel = static_cast<std::uint32_t>(near_distance(site, target));
  return jmp_rel32 | std::uint64_t{rel} << 8 | std::uint64_t{0xcccccc} << 40;
}

// The word that sends calls to the pad; needs has_far_form().
[[nodiscard]] std::uint64_t encode_far(const site_code& site) noexcept;

// The pad that jumps to the address stored in `cell`; needs cell_reaches().
[[nodiscard]] far_pad encode_pad(const site_code& site,
                                 std::uint64_t cell) noexcept;

[[nodiscard]] decoded_word decode_word(const site_code& site,
                                       std::uint64_t word) noexcept;

// The address of the cell that a pad jumps through, 0 if it is no far jump.
[[nodiscard]] std::uint64_t decode_pad(const site_code& site,
                                       const far_pad& pad) noexcept;

// True if the pad is as the compiler left it: int3 and one-byte NOPs.
[[nodiscard]] bool pad_is_pristine(const far_pad& pad) noexcept;

}  // namespace hotpatch

#endif
