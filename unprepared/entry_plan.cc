// The forms, and the reasons against them.
// SPDX-License-Identifier: MIT
#include "unprepared/entry_plan.h"

#include <algorithm>
#include <cstring>

#include "runtime/base/countermeasure.h"
#include "unprepared/caller_scan.h"
#include "unprepared/instruction.h"
#include "unprepared/relocation.h"

namespace hotpatch::unprepared {

namespace {

constexpr std::uint64_t word_size = 8;
constexpr std::size_t long_jump = 5;   // e9 rel32
constexpr std::size_t short_jump = 2;  // eb rel8

class planner {
 public:
  planner(const code_map& code, const function_facts& about,
          std::span<const std::uint64_t> named, unprepared_function& into)
      : code_(code), about_(about), named_(named), into_(into)
  {
  }

  void plan();

 private:
  struct refused {
    entry_refusal why = entry_refusal::none;
    std::uint64_t place = 0;
  };

  refused look_at_function();
  refused look_at_entry();
  refused find_kept_registers();
  refused choose_form();
  refused check_span(std::size_t size);
  refused check_references(std::size_t size);
  bool is_own_branch(const code_reference& each) const;
  bool measure();
  void find_dead_bytes();
  void look_for_second_form();
  void find_pads();
  void add_pad(std::uint64_t begin, std::uint64_t end);

  std::uint64_t entry() const { return into_.entry; }
  // With the dead bytes after the function.
  std::uint64_t room() const { return into_.end - into_.entry + dead_after_; }
  bool first_ends() const
  {
    return first_.way == flow::jump || first_.way == flow::computed_jump ||
           first_.way == flow::end;
  }

  const code_map& code_;
  const function_facts& about_;
  std::span<const std::uint64_t> named_;
  unprepared_function& into_;
  instruction first_;
  std::uint64_t dead_after_ = 0;
  std::size_t several_ = 0;  // whole instructions that a long jump covers
};

planner::refused planner::look_at_function()
{
  const code_extent* const extent = code_.extent_at(about_.begin);
  if (extent == nullptr)
    return {entry_refusal::no_code};
  if (into_.end <= into_.begin)
    into_.end = extent->end;
  if (about_.maker != site_maker::none)
    return {};
  if (extent->undecodable)
    return {entry_refusal::undecodable};
  if (extent->computes_distance && HP_COUNTERMEASURE(computed_jumps))
    return {entry_refusal::computed_jump};
  return {};
}

// endbr64 stays first.
planner::refused planner::look_at_entry()
{
  into_.entry = about_.made_at != 0 ? about_.made_at : about_.begin;
  auto code = code_.code_at(into_.begin);
  instruction mark;
  if (decode(code.data(), code.size(), into_.begin, mark) && mark.is_endbr64) {
    into_.has_endbr64 = true;
    into_.entry = std::max(into_.entry, into_.begin + mark.length);
  }
  if (entry() >= into_.end)
    return {entry_refusal::too_short};
  code = code_.code_at(entry());
  if (!decode(code.data(), code.size(), entry(), first_))
    return {entry_refusal::undecodable};
  const std::size_t kept = std::min(code.size(), sizeof into_.code);
  std::memcpy(into_.code, code.data(), kept);
  return {};
}

// False: the function ends before.
bool planner::measure()
{
  const auto code = code_.code_at(entry());
  several_ = 0;
  instruction one;
  while (several_ < long_jump) {
    if (!decode(code.data() + several_, code.size() - several_,
                entry() + several_, one))
      return false;
    several_ += one.length;
  }
  return several_ <= room();
}

// Inside of the function, or of a part of it that lies elsewhere.
bool planner::is_own_branch(const code_reference& each) const
{
  if (each.kind == reference_kind::table)
    return true;
  if (each.kind != reference_kind::branch)
    return false;
  if (each.from - into_.begin < into_.end - into_.begin)
    return true;
  const code_extent* const from = code_.extent_at(each.from);
  return from == nullptr || from->begin == into_.begin ||
         !is_function(code_, *from, named_);
}

planner::refused planner::check_references(std::size_t size)
{
  const std::uint64_t end = entry() + size;
  for (const code_reference& each : code_.references(into_.begin, end)) {
    // A branch among what is moved leads to what was moved.
    if (each.kind == reference_kind::branch && each.from - entry() < size)
      continue;
    if (each.to > entry())
      return {entry_refusal::branch_inside, each.from};
    if (each.to > into_.begin && each.kind == reference_kind::address)
      return {entry_refusal::branch_inside, each.from};
    if (is_own_branch(each))
      return {entry_refusal::branch_to_start, each.from};
  }
  return {};
}

planner::refused planner::check_span(std::size_t size)
{
  if (size > sizeof into_.code || size > code_map::kept_distance)
    return {entry_refusal::unmovable};
  if (about_.maker == site_maker::none && HP_COUNTERMEASURE(branches_counted))
    if (const refused found = check_references(size);
        found.why != entry_refusal::none)
      return found;
  std::uint8_t moved[relocated_limit(sizeof into_.code)];
  const relocation done =
      relocate({into_.code, size}, entry(), entry() + 0x10000, moved);
  if (done.failure != relocation_failure::none)
    return {entry_refusal::unmovable, entry()};
  into_.moves_call = done.has_call;
  into_.span = static_cast<std::uint8_t>(size);
  return {};
}

void planner::add_pad(std::uint64_t begin, std::uint64_t end)
{
  // What a short jump reaches, from the instruction after it.
  const std::uint64_t next = entry() + short_jump;
  begin = std::max(begin, next < 128 ? 0 : next - 128);
  end = std::min(end, next + 127 + long_jump);
  if (end <= begin || end - begin < long_jump)
    return;
  constexpr std::size_t most = sizeof into_.pads / sizeof into_.pads[0];
  const auto distance = [&](const entry_pad& pad) {
    return pad.address < next ? next - pad.address : pad.address - next;
  };
  const entry_pad made = {begin, static_cast<std::uint32_t>(end - begin)};
  if (into_.pad_count == most) {
    if (distance(made) >= distance(into_.pads[most - 1]))
      return;
    --into_.pad_count;
  }
  std::size_t at = into_.pad_count++;
  for (; at > 0 && distance(made) < distance(into_.pads[at - 1]); --at)
    into_.pads[at] = into_.pads[at - 1];
  into_.pads[at] = made;
}

void planner::find_pads()
{
  into_.pad_count = 0;
  // What XRay's own jump passes over.
  if (about_.maker == site_maker::xray && first_.way == flow::jump) {
    add_pad(entry() + first_.length, first_.target);
    return;
  }
  const array<dead_pad>& all = code_.pads();
  const std::uint64_t lowest = entry() < 256 ? 0 : entry() - 256;
  const dead_pad* each = std::lower_bound(
      all.begin(), all.end(), lowest,
      [](const dead_pad& pad, std::uint64_t at) { return pad.end < at; });
  for (; each != all.end() && each->begin < entry() + 256; ++each)
    add_pad(each->begin, each->end);
}

// A pad that begins where the function ends.
void planner::find_dead_bytes()
{
  const array<dead_pad>& all = code_.pads();
  const dead_pad* const after = std::lower_bound(
      all.begin(), all.end(), into_.end,
      [](const dead_pad& pad, std::uint64_t at) { return pad.begin < at; });
  dead_after_ = after != all.end() && after->begin == into_.end
                    ? after->end - after->begin
                    : 0;
}

// For when other functions have taken all the pads.
void planner::look_for_second_form()
{
  const unprepared_function first = into_;
  if (measure() && check_span(several_).why == entry_refusal::none)
    into_.several_span = into_.span;
  into_.span = first.span;
  into_.moves_call = first.moves_call || into_.moves_call;
}

planner::refused planner::choose_form()
{
  find_dead_bytes();
  const std::uint64_t in_word = entry() % word_size;
  const bool whole = first_.length <= into_.end - entry();
  // Nothing executes dead bytes, so those after a function that consists of one
  // instruction belong to it, and those that XRay's jump passes over.
  std::size_t cover = first_.length;
  if (about_.maker == site_maker::xray && first_.way == flow::jump)
    cover = static_cast<std::size_t>(first_.target - entry());
  else if (first_ends() && entry() + first_.length == into_.end)
    cover = static_cast<std::size_t>(room());
  refused why = {entry_refusal::too_short};
  if (whole && cover >= short_jump) {
    why = check_span(first_.length);
    if (why.why == entry_refusal::none) {
      if (cover >= long_jump && in_word + long_jump <= word_size) {
        into_.form = entry_form::one_store;
        return {};
      }
      if (in_word + short_jump <= word_size)
        find_pads();
      if (into_.pad_count != 0) {
        into_.form = entry_form::short_jump;
        look_for_second_form();
        return {};
      }
    } else if (why.why == entry_refusal::branch_to_start) {
      return why;
    }
  }
  if (!measure())
    return why.why == entry_refusal::none ? refused{entry_refusal::too_short}
                                          : why;
  why = check_span(several_);
  if (why.why == entry_refusal::none)
    into_.form = entry_form::several;
  return why;
}

planner::refused planner::find_kept_registers()
{
  if (HP_COUNTERMEASURE(callers_scanned))
    for (const std::uint64_t called : {into_.begin, into_.entry})
      if (const std::uint64_t caller = find_keeping_caller(code_, called);
          caller != 0)
        return {entry_refusal::kept_register, caller};
  return {};
}

// What its name, type or record says comes first.
void planner::plan()
{
  refused found = look_at_function();
  if (found.why == entry_refusal::none)
    found = look_at_entry();
  if (found.why == entry_refusal::none)
    found = choose_form();
  into_.possible = into_.form;
  if (about_.refusal != entry_refusal::none)
    found = {about_.refusal};
  else if (found.why == entry_refusal::none)
    found = find_kept_registers();
  into_.refusal = found.why;
  into_.place = found.place;
  if (found.why != entry_refusal::none) {
    into_.form = entry_form::none;
    into_.pad_count = 0;
  }
}

}  // namespace

bool is_function(const code_map& code, const code_extent& extent,
                 std::span<const std::uint64_t> named) noexcept
{
  if (std::binary_search(named.begin(), named.end(), extent.begin))
    return true;
  for (const code_reference& each :
       code.references(extent.begin, extent.begin + 1))
    if (each.kind == reference_kind::call ||
        each.kind == reference_kind::address)
      return true;
  return false;
}

void plan_entry(const code_map& code, const function_facts& about,
                std::span<const std::uint64_t> named,
                unprepared_function& into) noexcept
{
  into.begin = about.begin;
  into.end = about.end;
  into.maker = about.maker;
  planner(code, about, named, into).plan();
}

}  // namespace hotpatch::unprepared
