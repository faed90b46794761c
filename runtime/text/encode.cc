// The bytes of a site: pristine, near, far.
// SPDX-License-Identifier: MIT
#include "runtime/text/encode.h"

#include <cstring>

#include "format/patch_word.h"

namespace hotpatch {

namespace {

// Intel SDM volume 2, JMP; AMD64 APM volume 3, JMP (near).
constexpr std::uint8_t jmp_rel8 = 0xeb;
constexpr std::size_t jmp_rel8_size = 2;

//   3e ff 25 rel32      notrack jmp *cell(%rip)
// 3e exempts the jump from indirect branch tracking (Intel SDM volume 1,
// chapter 17), so the replacement need not begin with endbr64.
constexpr std::uint8_t far_jmp[3] = {0x3e, 0xff, 0x25};

using word_bytes = std::uint8_t[format::word_size];

// A jump's distance counts from the instruction after it.
bool fits_rel32(std::uint64_t next, std::uint64_t target, std::int32_t& rel)
{
  const auto distance = static_cast<std::int64_t>(target - next);
  rel = static_cast<std::int32_t>(distance);
  return rel == distance;
}

std::int64_t distance_to_pad(const site_code& site)
{
  return static_cast<std::int64_t>(far_pad_address(site) -
                                   (site.word + jmp_rel8_size));
}

std::uint64_t as_quadword(const word_bytes& bytes)
{
  std::uint64_t word;
  std::memcpy(&word, bytes, sizeof word);
  return word;
}

// Bytes after a jump are no instruction's head; int3 keeps the processor
// from speculating past it.
bool only_filler(const std::uint8_t* begin, const std::uint8_t* end)
{
  for (; begin != end; ++begin)
    if (*begin != format::filler)
      return false;
  return true;
}

}  // namespace

bool has_far_form(const site_code& site) noexcept
{
  if (site.entry != nullptr)
    return true;
  const std::int64_t distance = distance_to_pad(site);
  return site.pad >= far_pad_size && distance >= INT8_MIN && distance < 0;
}

bool cell_reaches(const site_code& site, std::uint64_t cell) noexcept
{
  std::int32_t rel;
  return fits_rel32(site.symbol, cell, rel);
}

//   eb rel8             jmp symbol-7
//   cc cc cc cc cc cc   filler
std::uint64_t encode_far(const site_code& site) noexcept
{
  if (site.entry != nullptr)
    return site.entry->jump;
  word_bytes bytes;
  std::memset(bytes, format::filler, sizeof bytes);
  bytes[0] = jmp_rel8;
  bytes[1] = static_cast<std::uint8_t>(distance_to_pad(site));
  return as_quadword(bytes);
}

far_pad encode_pad(const site_code& site, std::uint64_t cell) noexcept
{
  far_pad pad = {};
  if (site.entry != nullptr) {
    std::memcpy(pad.bytes, site.entry->tail_jump, entry_code::tail_limit);
    return pad;
  }
  std::int32_t rel = 0;
  fits_rel32(site.symbol, cell, rel);
  std::memcpy(pad.bytes, far_jmp, sizeof far_jmp);
  std::memcpy(pad.bytes + sizeof far_jmp, &rel, sizeof rel);
  return pad;
}

decoded_word decode_word(const site_code& site, std::uint64_t word) noexcept
{
  if (word == pristine_word(site))
    return {word_form::pristine, 0};
  if (site.entry != nullptr)
    return word == site.entry->jump
               ? decoded_word{word_form::far, site.entry->stub}
               : decoded_word{word_form::foreign, 0};
  if (has_far_form(site) && word == encode_far(site))
    return {word_form::far, far_pad_address(site)};

  word_bytes bytes;
  std::memcpy(bytes, &word, sizeof bytes);
  if (bytes[0] != jmp_rel32 ||
      !only_filler(bytes + jmp_rel32_size, bytes + sizeof bytes))
    return {word_form::foreign, 0};
  std::int32_t rel;
  std::memcpy(&rel, bytes + 1, sizeof rel);
  return {word_form::near,
          site.word + jmp_rel32_size +
              static_cast<std::uint64_t>(static_cast<std::int64_t>(rel))};
}

std::uint64_t decode_pad(const site_code& site, const far_pad& pad) noexcept
{
  if (site.entry != nullptr ||
      std::memcmp(pad.bytes, far_jmp, sizeof far_jmp) != 0)
    return 0;
  std::int32_t rel;
  std::memcpy(&rel, pad.bytes + sizeof far_jmp, sizeof rel);
  return site.symbol +
         static_cast<std::uint64_t>(static_cast<std::int64_t>(rel));
}

pad_step plan_tail(const entry_code& entry, const far_pad& pad) noexcept
{
  return std::memcmp(pad.bytes, entry.tail_jump, entry.tail_size) == 0
             ? pad_step::none
         : std::memcmp(pad.bytes, entry.tail_pristine, entry.tail_size) == 0
             ? pad_step::write
             : pad_step::foreign;
}

bool pad_is_pristine(const far_pad& pad) noexcept
{
  for (const std::uint8_t byte : pad.bytes)
    if (byte != format::filler && byte != format::pad_nop)
      return false;
  return true;
}

}  // namespace hotpatch
