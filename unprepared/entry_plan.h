// How the first instructions of a function can be overwritten with a jump, or
// why they cannot.
//
// Owns the rules.  They are asked in the order in which their answers are of
// use to people, and nothing is guessed: what cannot be shown to be safe is
// refused. What they cannot see is in hotpatch-unprepared(7).
//
// SPDX-License-Identifier: MIT
#ifndef HOTPATCH_UNPREPARED_ENTRY_PLAN_H
#define HOTPATCH_UNPREPARED_ENTRY_PLAN_H

#include <cstddef>
#include <cstdint>
#include <span>

#include "runtime/unprepared/interface.h"
#include "unprepared/code_map.h"

namespace hotpatch::unprepared {

// What is known of a function before its bytes are looked at.
struct function_facts {
  std::uint64_t begin = 0;
  std::uint64_t end = 0;  // as its symbol or .eh_frame says
  entry_refusal refusal = entry_refusal::none;  // by its name, type or record
  site_maker maker = site_maker::none;
  std::uint64_t made_at = 0;  // where the maker's no-ops begin
};

// Whether an extent is a function of its own: something calls it, takes its
// address, or gives it a name.
[[nodiscard]] bool is_function(const code_map& code, const code_extent& extent,
                               std::span<const std::uint64_t> named) noexcept;

// `named`: the addresses of all functions with names, sorted.  Fills the parts
// of `into` that speak of the code; those that speak of names stay.
void plan_entry(const code_map& code, const function_facts& about,
                std::span<const std::uint64_t> named,
                unprepared_function& into) noexcept;

}  // namespace hotpatch::unprepared

#endif
