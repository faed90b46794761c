// The way of a change, and the transaction as an object.
// SPDX-License-Identifier: MIT
#include "runtime/transactions/transaction.h"

#include <algorithm>
#include <cstring>

#include "runtime/base/countermeasure.h"
#include "runtime/base/memory_map.h"
#include "runtime/base/status.h"
#include "runtime/library/image_pin.h"
#include "runtime/library/library.h"
#include "runtime/library/log.h"
#include "runtime/patches/patch_plan.h"
#include "runtime/transactions/patch_hooks.h"

namespace hotpatch {

namespace {

// The code that a step makes the library jump to, or call.
hp_status note_code(const operation& step, image_pins& pins)
{
  if (step.what == operation::kind::apply)
    return pins.note(step.replacement);
  if (step.what != operation::kind::add_patch)
    return HP_OK;
  for (const std::uint64_t hook : hooks_of(step.known.patch->info))
    if (hook != 0)
      if (const hp_status noted = pins.note(hook); noted != HP_OK)
        return noted;
  return HP_OK;
}

// The program itself never is: no lock is needed to see that.
bool can_be_unloaded(const operation& step, memory_mapping& recent)
{
  if (step.what != operation::kind::apply)
    return step.what == operation::kind::add_patch;
  return step.replacement - recent.begin >= recent.end - recent.begin &&
         !find_program_segment(step.replacement, recent);
}

hp_status pin_images(std::span<const operation> operations, image_pins& pins)
{
  memory_mapping recent;
  if (std::none_of(
          operations.begin(), operations.end(),
          [&](const operation& step) { return can_be_unloaded(step, recent); }))
    return HP_OK;
  const hp_status status = library::locked([&](library&) {
    for (const operation& step : operations)
      if (const hp_status noted = note_code(step, pins); noted != HP_OK)
        return noted;
    return HP_OK;
  });
  if (status == HP_OK)
    pins.take();
  return status;
}

void log_warnings(const commit_warnings& warnings)
{
  warnings.for_each([](const commit_warnings::warning& each) {
    log(each.level, "%s", each.text);
  });
}

void log_patches(const patch_hooks& patches)
{
  for (const named_patch* each : patches.gone)
    log(HP_LOG_INFO, "patch \"%s\" (version %u): taken away", each->info.name,
        each->info.version);
  for (const named_patch* each : patches.come)
    log(HP_LOG_INFO, "patch \"%s\" (version %u): applied", each->info.name,
        each->info.version);
}

}  // namespace

hp_status check_options(const char* function,
                        const hp_commit_options& options) noexcept
{
  // Nothing else is looked at before: there may be less memory.
  if (options.size < sizeof options)
    return fail(HP_INVALID,
                "%s: the size of the options is %zu, and they have %zu bytes; "
                "set their member size to sizeof(hp_commit_options)",
                function, options.size, sizeof options);
  if (options.size > sizeof options)
    return fail(HP_INVALID,
                "%s: the size of the options is %zu, and libhotpatch %s knows "
                "only %zu bytes of them; set their member size to "
                "sizeof(hp_commit_options), or install the library that "
                "hotpatch.h came with",
                function, options.size, hp_version(), sizeof options);
  // A C program can pass any number; in C++ hp_level cannot hold it.
  int level;
  static_assert(sizeof level == sizeof options.level);
  std::memcpy(&level, &options.level, sizeof level);
  if (level < HP_IMMEDIATE || level > HP_SAFEPOINT)
    return fail(HP_INVALID, "%s: there is no level %d", function, level);
  if ((options.flags & ~static_cast<unsigned>(HP_ALLOW_COPIES)) != 0)
    return fail(HP_INVALID, "%s: unknown flags %#x", function, options.flags);
  return HP_OK;
}

namespace {

// A thread that waits, for the turn or for the lock, is searched by others, and
// what ended calls have left in its frames counts as if it were inside.  So the
// frames of those who wait are small: what is large stands in attempt(), which
// does not wait, and the words of warnings are cleared before.

// How an attempt went; its warnings are the caller's.
struct attempt_result {
  hp_status status = HP_OK;
  bool may_succeed_later = false;

  attempt_result(hp_status how = HP_OK, bool later = false) noexcept
      : status(how), may_succeed_later(later)
  {
  }
};

// Dead bytes that held the long jump of a function that has none any more go
// back to what they were, as soon as no thread is in them; all threads stand
// for that moment.  If one is, they stay until the next time.
void clear_unused_jumps(library& self, const commit_order& order)
{
  array<change> changes;
  array<code_range> pads;
  bool complete = true;
  self.all_patches().for_each([&](site_state& state) {
    const entry_code* const entry = state.site.entry;
    if (entry == nullptr || entry->tail_size == 0 || entry->needs_standing ||
        state.word != entry->pristine ||
        plan_tail(*entry, load_pad(state.site)) != pad_step::none)
      return;
    change each{};
    each.site = &state.site;
    each.address = state.site.word;
    each.old_word = each.new_word = entry->pristine;
    complete = complete && changes.append(each) &&
               pads.append(ranges_of_entry(state.site).on_the_way()[0]);
  });
  if (!complete || changes.empty())
    return;
  std::sort(
      changes.begin(), changes.end(),
      [](const change& a, const change& b) { return a.address < b.address; });
  constexpr std::int64_t patience = 100'000'000;  // nanoseconds
  const commit_order standing{HP_QUIESCENT, deadline::in_nanoseconds(patience),
                              order.call};
  const commit_outcome cleared = commit(
      self.writer(), {changes.data(), changes.size()},
      {pads.data(), pads.size()}, self.all_patches().all_junctions(), standing);
  if (cleared.status != HP_OK)
    remark("%s", "");
}

bool reverts_entry(std::span<const change> changes)
{
  return std::any_of(changes.begin(), changes.end(), [](const change& each) {
    return each.site->entry != nullptr &&
           each.new_word == each.site->entry->pristine;
  });
}

// The library's own lock is free while files are read.
hp_status prepare_functions(std::span<const operation> operations)
{
  array<const char*> names;
  for (const operation& step : operations)
    if (step.what == operation::kind::apply &&
        (step.flags & HP_ALLOW_UNPREPARED) != 0 && step.known.site == 0 &&
        !names.append(step.name))
      return fail(HP_NO_MEMORY, "no memory for the names of functions");
  return names.empty()
             ? HP_OK
             : unprepared_functions::prepare({names.data(), names.size()});
}

// Under the library's lock.  Planned again in each attempt: others have had the
// lock in between.
[[gnu::noinline]] attempt_result attempt(library& self,
                                         std::span<const operation> operations,
                                         const commit_order& order,
                                         inlined_copies& copies,
                                         image_pins& pins,
                                         commit_warnings& warnings)
{
  patch_plan plan(self.all_patches());
  if (const hp_status planned =
          plan_operations(self, plan, operations, order.level, copies);
      planned != HP_OK)
    return planned;
  if (!self.kept().reserve(pins.size()))
    return fail(HP_NO_MEMORY, "no memory to keep %zu objects loaded",
                pins.size());
  const commit_outcome committed =
      commit(self.writer(), plan.changes(), plan.vacated(),
             self.all_patches().all_junctions(), order);
  if (committed.status == HP_OK || !HP_COUNTERMEASURE(adopt_after_success)) {
    const bool leaves_jumps =
        order.level != HP_QUIESCENT && reverts_entry(plan.changes());
    plan.adopt();
    if (leaves_jumps && HP_COUNTERMEASURE(clear_jumps))
      clear_unused_jumps(self, order);
    if (plan.adds())
      pins.keep(self.kept());
  }
  warnings = committed.warnings;
  return {committed.status, committed.may_succeed_later};
}

// Attempts until one succeeds, fails for good, or the time is over.
[[gnu::noinline]] hp_status commit_in_time(
    const call_context& call, std::span<const operation> operations,
    const hp_commit_options& options, inlined_copies& copies, image_pins& pins)
{
  commit_warnings warnings;
  warnings.clear();
  for (time_slices time(deadline::in_milliseconds(options.timeout_ms));;) {
    const commit_order order{options.level, time.slice(), call};
    attempt_result result =
        library::locked([&](library& self) -> attempt_result {
          return attempt(self, operations, order, copies, pins, warnings);
        });
    log_warnings(warnings);
    warnings.clear();
    if (result.status == HP_INLINED && copies.asked()) {
      result = copies.judge(operations);
      if (result.status == HP_OK)
        continue;
    }
    if (!result.may_succeed_later || !time.go_on())
      return result.status;
  }
}

}  // namespace

hp_status commit_transaction(const call_context& call,
                             std::span<const operation> operations,
                             const hp_commit_options& options,
                             owned_patches* pending) noexcept
{
  hp_status status = check_operations(call.function, operations);
  if (status == HP_OK)
    status = prepare_functions(operations);
  if (status != HP_OK)
    return status;

  // What the steps lead to stays loaded.  Before the turn, because it takes the
  // loader's lock, whose holder may wait for the turn.
  image_pins pins;
  const bool early = HP_COUNTERMEASURE(pins_before_turn);
  if (early)
    status = pin_images(operations, pins);

  // Transactions with named patches come one after the other, and are asked
  // whether they may.
  patch_turn turn;
  patch_hooks hooks;
  inlined_copies copies((options.flags & HP_ALLOW_COPIES) != 0);
  if (status == HP_OK &&
      std::any_of(operations.begin(), operations.end(), concerns_patches)) {
    status = turn.take(options.timeout_ms);
    if (status == HP_OK)
      status = copies.judged(operations, [&] {
        return library::locked([&](library& self) {
          return survey_patches(self, operations, options.level, copies, hooks);
        });
      });
    if (status == HP_OK)
      status = hooks.before();
  }
  if (status == HP_OK && !early)
    status = pin_images(operations, pins);
  if (status != HP_OK)
    return status;

  status = commit_in_time(call, operations, options, copies, pins);
  if (status != HP_OK)
    return hooks.abandon(status);
  // From here on the library owns the patches that have come, and we those that
  // are gone.
  for (const named_patch* each : hooks.come)
    pending->remove(each);
  hooks.after();
  log_patches(hooks);
  for (named_patch* each : hooks.gone)
    named_patch::destroy(each);
  return HP_OK;
}

hp_status log_outcome(const char* function, const char* name,
                      hp_status status) noexcept
{
  const char* const quote = name != nullptr ? "\"" : "";
  if (name == nullptr)
    name = "";
  if (status == HP_OK)
    log(HP_LOG_INFO, "%s(%s%.250s%s): done", function, quote, name, quote);
  else
    log(HP_LOG_ERROR, "%s(%s%.250s%s): %s: %s", function, quote, name, quote,
        hp_status_name(status), last_message());
  return status;
}

}  // namespace hotpatch

using hotpatch::operation;

namespace {

hp_status no_memory_for_step(const char* function)
{
  return hotpatch::fail(
      HP_NO_MEMORY, "%s: no memory for a step of the transaction", function);
}

}  // namespace

bool hp_transaction::append_copy(const operation& step) noexcept
{
  // The texts first: without them there is no step.
  const char* const name =
      step.name != nullptr ? texts_.copy(step.name) : nullptr;
  if (step.type != nullptr &&
      // Many steps of one type follow each other.
      (last_type_ == nullptr || std::strcmp(last_type_, step.type) != 0))
    last_type_ = texts_.copy(step.type);
  if ((name == nullptr) != (step.name == nullptr) ||
      (step.type != nullptr && last_type_ == nullptr) || !steps_.append(step))
    return false;
  operation& copy = steps_[steps_.size() - 1];
  copy.name = name;
  if (step.type != nullptr)
    copy.type = last_type_;
  return true;
}

hp_status hp_transaction::add(const char* function,
                              const operation& step) noexcept
{
  hp_status status = hotpatch::check_operations(function, {&step, 1});
  if (status == HP_OK && !append_copy(step))
    status = no_memory_for_step(function);
  return note(status);
}

hp_status hp_transaction::add_patch(const char* function,
                                    const hp_patch_info& info) noexcept
{
  if (const char* flaw = hotpatch::flaw_of(info))
    return note(hotpatch::fail(HP_INVALID, "%s: %s", function, flaw));
  hotpatch::named_patch* patch = hotpatch::named_patch::make(info);
  if (patch == nullptr || !patches_.append(patch)) {
    hotpatch::named_patch::destroy(patch);
    return note(no_memory_for_step(function));
  }
  operation step{operation::kind::add_patch};
  step.known.patch = patch;
  return add(function, step);
}

hp_status hp_transaction::note(hp_status status) noexcept
{
  if (status != HP_OK && incomplete_ == HP_OK)
    incomplete_ = status;
  return status;
}

hp_status hp_transaction::check_complete() const noexcept
{
  return incomplete_ == HP_OK
             ? HP_OK
             : hotpatch::fail(incomplete_,
                              "hp_commit: a step could not be added to the "
                              "transaction (%s), so nothing is done",
                              hp_status_name(incomplete_));
}
