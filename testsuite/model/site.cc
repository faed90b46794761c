// The bytes of the model's site, and a decoder for the few instructions that
// may stand there.
// SPDX-License-Identifier: MIT
#include "testsuite/model/site.h"

#include <cstdio>
#include <cstring>

namespace hotpatch::model {

namespace {

constexpr std::uint8_t int3 = 0xcc;
constexpr std::uint8_t nop = 0x90;
constexpr std::uint8_t jmp_rel32 = 0xe9;
constexpr std::uint8_t jmp_rel8 = 0xeb;
constexpr std::uint8_t nop8[4] = {0x0f, 0x1f, 0x84, 0x00};
constexpr std::uint8_t endbr64[4] = {0xf3, 0x0f, 0x1e, 0xfa};
constexpr std::uint8_t jmp_cell[3] = {0x3e, 0xff, 0x25};

// Every byte of every displacement differs from its counterparts, so that no
// mix of two of them is a third by accident.  The text's address is one that
// the sanitizers leave to programs, too.
constexpr std::uint64_t text_address = 0x567000000000;
constexpr std::uint64_t cell = text_address + 0x31323340;
constexpr std::uint64_t other_cell = text_address + 0x41424350;
constexpr std::int32_t distance_a = 0x11121314;
constexpr std::int32_t distance_b = 0x21222324;
constexpr std::uint64_t address_c = 0x7f0011223340;
constexpr std::uint64_t address_d = 0x7f0055667780;
constexpr std::uint32_t nop_id = 0x78563412;

std::int32_t displacement(const std::uint8_t* bytes)
{
  std::int32_t value;
  std::memcpy(&value, bytes, sizeof value);
  return value;
}

}  // namespace

const char* name_of(function which)
{
  switch (which) {
    case function::original:
      return "original";
    case function::near_a:
      return "near A";
    case function::near_b:
      return "near B";
    case function::far_c:
      return "far C";
    case function::far_d:
      return "far D";
  }
  return "nothing";
}

site::site(const layout& layout, std::uint8_t shift)
    : symbol_(static_cast<std::uint8_t>(layout.symbol + shift)),
      word_(static_cast<std::uint8_t>(layout.word + shift))
{
}

std::uint32_t site::id() const
{
  return nop_id;
}

std::vector<std::uint8_t> site::pristine_text() const
{
  std::vector<std::uint8_t> bytes(word_ + word_size, nop);
  std::memset(bytes.data(), int3, symbol_ - 5u);
  if (word_ != symbol_)
    std::memcpy(&bytes[symbol_], endbr64, sizeof endbr64);
  const quadword_bytes word = word_for(function::original);
  std::memcpy(&bytes[word_], word.data(), word_size);
  return bytes;
}

quadword_bytes site::word_for(function which) const
{
  quadword_bytes bytes;
  bytes.fill(int3);
  switch (which) {
    case function::original:
      std::memcpy(&bytes[0], nop8, sizeof nop8);
      std::memcpy(&bytes[4], &nop_id, sizeof nop_id);
      break;
    case function::near_a:
    case function::near_b: {
      const std::int32_t distance =
          which == function::near_a ? distance_a : distance_b;
      bytes[0] = jmp_rel32;
      std::memcpy(&bytes[1], &distance, sizeof distance);
      break;
    }
    case function::far_c:
    case function::far_d:
      bytes[0] = jmp_rel8;
      bytes[1] = static_cast<std::uint8_t>(pad() - (word_ + 2u));
      break;
  }
  return bytes;
}

pad_bytes site::jump_through(std::uint64_t address) const
{
  pad_bytes bytes;
  const auto distance =
      static_cast<std::int32_t>(address - address_of(symbol_));
  std::memcpy(&bytes[0], jmp_cell, sizeof jmp_cell);
  std::memcpy(&bytes[3], &distance, sizeof distance);
  return bytes;
}

pad_bytes site::pristine_pad() const
{
  pad_bytes bytes;
  std::memcpy(bytes.data(), &pristine_text()[pad()], far_pad_size);
  return bytes;
}

pad_bytes site::far_pad() const
{
  return jump_through(cell);
}

pad_bytes site::other_pad() const
{
  return jump_through(other_cell);
}

std::uint64_t site::address_of(std::size_t offset) const
{
  return text_address + offset;
}

std::uint64_t site::address_of(function which) const
{
  switch (which) {
    case function::original:
      return address_of(word_ + word_size);
    case function::near_a:
      return behind(word_ + 5u, distance_a);
    case function::near_b:
      return behind(word_ + 5u, distance_b);
    case function::far_c:
      return address_c;
    case function::far_d:
      return address_d;
  }
  return 0;
}

std::uint64_t site::cell_address() const
{
  return cell;
}

function site::function_at(std::uint64_t address) const
{
  for (const function which :
       {function::original, function::near_a, function::near_b, function::far_c,
        function::far_d})
    if (address_of(which) == address)
      return which;
  return no_function;
}

std::uint64_t site::behind(std::size_t offset, std::int64_t distance) const
{
  return address_of(offset) + static_cast<std::uint64_t>(distance);
}

//   cc                       int3
//   0f 1f 84 00 any          nopl, whatever its displacement
//   e9 rel32                 jmp to a replacement
//   eb rel8                  jmp into the pad
execution site::execute_word(const quadword_bytes& bytes) const
{
  if (bytes[0] == int3)
    return {action::trap};
  if (std::memcmp(&bytes[0], nop8, sizeof nop8) == 0)
    return {action::enter, function::original};
  if (bytes[0] == jmp_rel32) {
    const function target =
        function_at(behind(word_ + 5u, displacement(&bytes[1])));
    if (target != no_function)
      return {action::enter, target};
  }
  if (bytes[0] == jmp_rel8 &&
      behind(word_ + 2u, static_cast<std::int8_t>(bytes[1])) ==
          address_of(pad()))
    return {action::go_to_pad};
  return {action::nonsense};
}

//   3e ff 25 rel32           jmp *cell, notrack
execution site::execute_pad(const quadword_bytes& bytes, function held) const
{
  if (std::memcmp(&bytes[0], jmp_cell, sizeof jmp_cell) != 0)
    return {action::nonsense};
  const std::uint64_t read = behind(symbol_, displacement(&bytes[3]));
  if (read == other_cell)
    return {action::enter, function::far_d};
  if (read != cell)
    return {action::nonsense};
  if (held == no_function)
    return {action::empty_cell};
  return {action::enter, held};
}

std::string hex(std::span<const std::uint8_t> bytes)
{
  std::string result;
  for (const std::uint8_t byte : bytes) {
    char digits[4];
    std::snprintf(digits, sizeof digits, "%02x", byte);
    result.append(result.empty() ? "" : " ").append(digits);
  }
  return result;
}

std::string site::describe_text(const text& text) const
{
  const quadword_bytes before = text.load(pad(), far_pad_size);
  const quadword_bytes word = text.load(word_, word_size);
  return hex(std::span(before).first(far_pad_size)) + " | " + hex(word);
}

}  // namespace hotpatch::model
