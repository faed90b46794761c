// All code of an ELF file: which bytes are functions, which are dead padding
// between them, and where in all of it something leads.
//
// To look at one function is not enough to know that its first bytes may be
// overwritten: memmove() of the GNU C library is entered at its second
// instruction, from mempcpy().  So everything is decoded: what .eh_frame and
// the symbol tables call a function, from its first byte, what lies between
// them, and what is branched to.  References are taken from branches, from
// addresses that code computes, from tables of distances, from words in data
// and from dynamic relocations.  What is none, but looks like one, can only
// lead to a refusal.
//
// The file is taken for hostile; its bytes must outlive the map.  Built by one
// thread, then read by any number.
//
// SPDX-License-Identifier: MIT
#ifndef HOTPATCH_UNPREPARED_CODE_MAP_H
#define HOTPATCH_UNPREPARED_CODE_MAP_H

#include <cstddef>
#include <cstdint>
#include <span>

#include "runtime/base/array.h"
#include "runtime/elf/elf_file.h"
#include "runtime/elf/memory_view.h"
#include "unprepared/instruction.h"

namespace hotpatch::unprepared {

// A stretch of code that something calls a function, or a part of one.
struct code_extent {
  std::uint64_t begin = 0;
  std::uint64_t end = 0;
  bool has_frame = false;          // .eh_frame says so
  bool undecodable = false;        // some of its bytes are no instructions
  bool falls_through = true;       // execution may come to what follows its end
  bool computes_distance = false;  // a jump whose targets are not known
};

enum class reference_kind : std::uint8_t { branch, call, address, table };

// Something leads to `to`, near the beginning of an extent.
struct code_reference {
  std::uint64_t to;
  std::uint64_t from;  // the instruction; of a call what follows it; 0: data
  reference_kind kind;
};

// Dead bytes between two functions: NOPs and int3 that nothing leads to.
struct dead_pad {
  std::uint64_t begin;
  std::uint64_t end;
};

class code_map {
 public:
  // Places that begin functions besides those that .eh_frame knows; `end` is 0
  // if it is not known.
  struct place {
    std::uint64_t begin;
    std::uint64_t end;
  };

  // HP_MALFORMED, HP_NO_MEMORY, HP_UNSUPPORTED for what is not linked.
  [[nodiscard]] hp_status load(elf_file& file,
                               std::span<const place> known) noexcept;

  [[nodiscard]] memory_view view() const noexcept
  {
    return {ranges_.data(), ranges_.size()};
  }

  // Code from `address` on, to the end of its range; empty: there is none.
  [[nodiscard]] std::span<const std::uint8_t> code_at(
      std::uint64_t address) const noexcept;

  [[nodiscard]] const array<code_extent>& extents() const noexcept
  {
    return extents_;
  }
  // The innermost one that contains the address, or null.
  [[nodiscard]] const code_extent* extent_at(
      std::uint64_t address) const noexcept;

  // Those to [begin, end), by ascending `to`; of calls and branches only what
  // leads to the first bytes of an extent is kept.
  [[nodiscard]] std::span<const code_reference> references(
      std::uint64_t begin, std::uint64_t end) const noexcept;

  // How far from the beginning of an extent references are kept.
  static constexpr std::uint64_t kept_distance = 32;

  [[nodiscard]] const array<dead_pad>& pads() const noexcept { return pads_; }

 private:
  friend class code_walk;

  array<memory_range> ranges_;
  array<memory_range> code_;  // executable sections
  array<code_extent> extents_;
  array<std::uint64_t> reach_;  // the greatest end up to each extent
  array<code_reference> references_;
  array<dead_pad> pads_;
};

// The ranges of .eh_frame's descriptions.  False: it is damaged, or no memory;
// what was read until then is in `into`.
[[nodiscard]] bool read_frame_extents(elf_file& file, memory_view view,
                                      array<code_map::place>& into) noexcept;

}  // namespace hotpatch::unprepared

#endif
