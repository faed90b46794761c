// Looking at sites, and changing them in an order that is harmless.
//
// SPDX-License-Identifier: MIT
#include "outside/site_switch.h"

#include <algorithm>
#include <map>

#include "format/patch_word.h"
#include "processes/text.h"
#include "processes/trouble.h"

namespace hotpatch::outside {

namespace {

constexpr std::uint64_t page_mask = ~std::uint64_t{4095};

std::uint64_t pristine(const site_change& change)
{
  return format::pristine_word(change.where.id);
}

[[noreturn]] void refuse_foreign(const site_change& change)
{
  std::string text = change.name +
                     ": its patch word holds bytes that are not "
                     "hotpatch's (";
  std::uint8_t bytes[8];
  std::copy_n(reinterpret_cast<const std::uint8_t*>(&change.word), 8, bytes);
  append_bytes(text, bytes);
  throw trouble(text + "), perhaps a debugger's breakpoint; remove it");
}

bool changes_anything(const site_change& change)
{
  return change.active != change.wanted();
}

}  // namespace

void site_switch::look(std::span<site_change> changes) const
{
  for (site_change& each : changes) {
    each.word = memory_.load<std::uint64_t>(each.where.word);
    each.form = decode_word(each.where, each.word);
    if (has_far_form(each.where))
      each.cell = decode_pad(
          each.where, memory_.load<far_pad>(far_pad_address(each.where)));
    switch (each.form.form) {
      case word_form::pristine:
        each.active = each.body();
        break;
      case word_form::near:
        each.active = each.form.target;
        break;
      case word_form::far:
        if (each.cell == 0)
          refuse_foreign(each);
        each.active = memory_.load<std::uint64_t>(each.cell);
        break;
      case word_form::foreign:
        refuse_foreign(each);
    }
  }
}

bool site_switch::needs_cells(std::span<const site_change> changes)
{
  if (std::count_if(changes.begin(), changes.end(), changes_anything) > 1)
    return true;
  return std::any_of(
      changes.begin(), changes.end(), [](const site_change& each) {
        return changes_anything(each) &&
               (each.form.form == word_form::far ||
                (each.target != 0 && !near_reaches(each.where, each.target)));
      });
}

void site_switch::prepare(std::span<site_change> changes)
{
  for (site_change& each : changes) {
    if (each.cell == 0 || each.form.form == word_form::far)
      continue;
    memory_.store(each.cell, each.active);
    const far_pad old = memory_.load<far_pad>(far_pad_address(each.where));
    const far_pad pad = encode_pad(each.where, each.cell);
    if (decode_pad(each.where, old) == each.cell)
      continue;
    if (!pad_is_pristine(old))
      throw trouble(each.name +
                    ": the bytes before it are not as the compiler left "
                    "them, something else uses them");
    memory_.store(far_pad_address(each.where), pad);
  }
}

void site_switch::check_unchanged(std::span<const site_change> changes) const
{
  for (const site_change& each : changes)
    if (memory_.load<std::uint64_t>(each.where.word) != each.word)
      throw trouble(each.name +
                    ": its patch word changed meanwhile, somebody else "
                    "is patching this process; try again");
}

void site_switch::store_cells(std::span<const site_change> changes)
{
  std::map<std::uint64_t, std::map<std::uint64_t, std::uint64_t>> pages;
  for (const site_change& each : changes)
    pages[each.cell & page_mask][each.cell] = each.wanted();
  for (const auto& [page, cells] : pages) {
    const std::uint64_t first = cells.begin()->first;
    const std::uint64_t last = cells.rbegin()->first;
    std::vector<std::uint64_t> values((last - first) / 8 + 1);
    const std::size_t size = values.size() * 8;
    memory_.read(first, {reinterpret_cast<std::uint8_t*>(values.data()), size});
    for (const auto& [cell, value] : cells)
      values[(cell - first) / 8] = value;
    memory_.write(first,
                  {reinterpret_cast<std::uint8_t*>(values.data()), size});
  }
}

void site_switch::commit(std::span<site_change> changes)
{
  check_unchanged(changes);
  if (!needs_cells(changes)) {
    for (const site_change& each : changes)
      if (changes_anything(each))
        memory_.store(each.where.word,
                      each.target != 0 ? encode_near(each.where, each.target)
                                       : pristine(each));
  } else {
    for (const site_change& each : changes)
      memory_.store(each.where.word, encode_far(each.where));
    store_cells(changes);
    for (const site_change& each : changes)
      if (each.target == 0)
        memory_.store(each.where.word, pristine(each));
  }
  verify(changes);
}

void site_switch::verify(std::span<const site_change> changes) const
{
  std::vector<site_change> now(changes.begin(), changes.end());
  look(now);
  for (const site_change& each : now)
    if (changes_anything(each))
      throw trouble(each.name +
                    ": the process does not hold what was written to "
                    "it; hp-revert undoes what there is");
}

}  // namespace hotpatch::outside
