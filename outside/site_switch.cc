// Looking at sites, and changing them in an order that is harmless.
//
// SPDX-License-Identifier: MIT
#include "outside/site_switch.h"

#include <algorithm>
#include <iterator>
#include <map>
#include <utility>

#include "format/patch_word.h"
#include "processes/text.h"
#include "processes/trouble.h"
#include "runtime/base/page_size.h"

namespace hotpatch::outside {

namespace {

constexpr std::uint64_t page_mask = ~(page_size - 1);

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

bool is_same(const far_pad& a, const far_pad& b)
{
  return std::equal(std::begin(a.bytes), std::end(a.bytes),
                    std::begin(b.bytes));
}

std::span<const std::uint8_t> bytes_of(
    const std::vector<std::uint64_t>& quadwords)
{
  return {reinterpret_cast<const std::uint8_t*>(quadwords.data()),
          quadwords.size() * sizeof(std::uint64_t)};
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
    if (has_far_form(each.where)) {
      each.pad = memory_.load<far_pad>(far_pad_address(each.where));
      each.cell = decode_pad(each.where, each.pad);
    }
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

std::string site_switch::changed_since(
    std::span<const site_change> changes) const
{
  for (const site_change& each : changes) {
    const bool same =
        memory_.load<std::uint64_t>(each.where.word) == each.word &&
        (!has_far_form(each.where) ||
         is_same(memory_.load<far_pad>(far_pad_address(each.where)),
                 each.pad)) &&
        (each.form.form != word_form::far ||
         memory_.load<std::uint64_t>(each.cell) == each.active);
    if (!same)
      return each.name;
  }
  return {};
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

// Of the sites that no far word leads to yet: dead bytes.
void site_switch::write_pads(std::span<const site_change> changes,
                             change_journal& journal)
{
  for (const site_change& each : changes) {
    const far_pad pad = encode_pad(each.where, each.cell);
    if (is_same(each.pad, pad))
      continue;
    if (!pad_is_pristine(each.pad))
      throw trouble(each.name +
                    ": the bytes before it are not as the compiler left "
                    "them, something else uses them");
    journal.store(far_pad_address(each.where), each.pad, pad);
  }
}

void site_switch::store_cells(std::span<const site_change> changes,
                              std::uint64_t (*value)(const site_change&),
                              change_journal& journal)
{
  struct page_write {
    std::uint64_t first;
    std::vector<std::uint64_t> old;
    std::vector<std::uint64_t> values;
  };
  std::map<std::uint64_t, std::map<std::uint64_t, std::uint64_t>> pages;
  for (const site_change& each : changes)
    pages[each.cell & page_mask][each.cell] = value(each);
  std::vector<page_write> writes;
  for (const auto& [page, cells] : pages) {
    page_write one = {cells.begin()->first, {}, {}};
    one.old.resize((cells.rbegin()->first - one.first) / 8 + 1);
    memory_.read(one.first, {reinterpret_cast<std::uint8_t*>(one.old.data()),
                             one.old.size() * 8});
    one.values = one.old;
    for (const auto& [cell, content] : cells)
      one.values[(cell - one.first) / 8] = content;
    writes.push_back(std::move(one));
  }
  // Nothing between these: it is the moment of the change.
  for (const page_write& each : writes)
    journal.write(each.first, bytes_of(each.old), bytes_of(each.values));
}

void site_switch::commit(std::span<const site_change> changes,
                         change_journal& journal)
{
  if (!needs_cells(changes)) {
    for (const site_change& each : changes)
      if (changes_anything(each))
        journal.store(each.where.word, each.word,
                      each.target != 0 ? encode_near(each.where, each.target)
                                       : pristine(each));
  } else {
    // A cell that a far word leads through holds that already.
    store_cells(
        changes, [](const site_change& each) { return each.active; }, journal);
    write_pads(changes, journal);
    for (const site_change& each : changes)
      journal.store(each.where.word, each.word, encode_far(each.where));
    store_cells(
        changes, [](const site_change& each) { return each.wanted(); },
        journal);
    for (const site_change& each : changes)
      if (each.target == 0)
        journal.store(each.where.word, encode_far(each.where), pristine(each));
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
                    ": the process does not hold what was written to it");
}

}  // namespace hotpatch::outside
