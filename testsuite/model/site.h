// The site that the model patches: where its bytes lie, what they are in each
// state, and what a processor does that executes a given mix of them.
//
// The bytes here are written down a second time, from the instruction set's
// manuals and not from the runtime's encoder, so that the model can disagree
// with it.  Immutable after construction.
//
// SPDX-License-Identifier: MIT
#ifndef HOTPATCH_TESTSUITE_MODEL_SITE_H
#define HOTPATCH_TESTSUITE_MODEL_SITE_H

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "testsuite/model/text.h"

namespace hotpatch::model {

// What a call can end in.
enum class function : std::uint8_t { original, near_a, near_b, far_c, far_d };
inline constexpr function no_function{0xff};

// What a cell may lead to besides: a junction.
inline constexpr function a_junction{0xfe};

const char* name_of(function which);

constexpr bool is_far(function which)
{
  return which == function::far_c || which == function::far_d;
}

struct layout {
  const char* name;
  std::uint8_t symbol;  // offsets from an aligned quadword
  std::uint8_t word;
};

// The layouts that the plugin makes: without endbr64; with it; and with it
// under the user's own alignment of the function.
inline constexpr layout plain{"plain", 8, 8};
inline constexpr layout endbr{"endbr64", 12, 16};
inline constexpr layout endbr_aligned{"endbr64, aligned symbol", 8, 16};

inline constexpr std::size_t word_size = 8;
inline constexpr std::size_t far_pad_size = 7;

using pad_bytes = std::array<std::uint8_t, far_pad_size>;

enum class action { enter, go_to_pad, trap, empty_cell, nonsense };

struct execution {
  action what;
  function entered = no_function;
};

class site {
 public:
  // A word that is `shift` bytes off its alignment is for showing what then
  // goes wrong.
  explicit site(const layout& layout, std::uint8_t shift = 0);

  std::uint32_t id() const;
  std::size_t word() const { return word_; }
  std::size_t pad() const { return symbol_ - far_pad_size; }
  std::vector<std::uint8_t> pristine_text() const;

  // The word with which calls end in that function.
  quadword_bytes word_for(function which) const;
  pad_bytes pristine_pad() const;
  pad_bytes far_pad() const;

  // A pad that jumps through a second cell, which holds far D for ever.
  pad_bytes other_pad() const;

  // Where things are in the address space of the program.
  std::uint64_t address_of(std::size_t offset) const;
  std::uint64_t address_of(function which) const;
  std::uint64_t cell_address() const;
  function function_at(std::uint64_t address) const;

  // What a core does that stands before the word, or before the pad, and has
  // fetched these bytes.
  execution execute_word(const quadword_bytes& bytes) const;
  execution execute_pad(const quadword_bytes& bytes, function cell) const;

  std::string describe_text(const text& text) const;

 private:
  std::uint64_t behind(std::size_t offset, std::int64_t distance) const;
  pad_bytes jump_through(std::uint64_t cell) const;

  std::uint8_t symbol_;
  std::uint8_t word_;
};

std::string hex(std::span<const std::uint8_t> bytes);

}  // namespace hotpatch::model

#endif
