// Attempts at a commit, and the transaction as an object.
// SPDX-License-Identifier: MIT
#include "runtime/library/transaction.h"

#include <algorithm>
#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "runtime/base/memory_map.h"
#include "runtime/base/status.h"
#include "runtime/library/image_pin.h"
#include "runtime/library/library.h"
#include "runtime/library/log.h"
#include "runtime/library/patch_hooks.h"
#include "runtime/library/time_slices.h"
#include "runtime/text/barrier.h"

namespace hotpatch {

namespace {

// What was told last.
constinit std::atomic<const char*> told_writer{nullptr};
constinit std::atomic<const char*> told_barrier{nullptr};

// By which means text is changed here, and, where that will be told, why so;
// kept for the log, which is called without the library's lock.
struct means {
  const char* writer = "";
  const char* barrier = "";
  char writer_reason[256] = "";
  char barrier_reason[384] = "";

  void note(text_writer& used, bool barrier_missed) noexcept
  {
    writer = used.name();
    barrier = barrier_name();
    if (told_writer.load() != writer)
      std::snprintf(writer_reason, sizeof writer_reason, "%s", used.reason());
    if (told_barrier.load() != barrier || barrier_missed)
      std::snprintf(barrier_reason, sizeof barrier_reason, "%s",
                    hotpatch::barrier_reason());
  }
};

// A second choice is worth knowing, with its reason; the best one is a detail.
void log_choice(const char* what, const char* chosen, const char* reason)
{
  if (*reason != '\0')
    log(HP_LOG_INFO, "%s: %s, because %s", what, chosen, reason);
  else
    log(HP_LOG_DEBUG, "%s: %s", what, chosen);
}

// Told by the first change and whenever something else is used.
void log_means(const means& now)
{
  const bool writer_is_new = told_writer.exchange(now.writer) != now.writer;
  const bool barrier_is_new = told_barrier.exchange(now.barrier) != now.barrier;
  if (writer_is_new)
    log_choice("writer", now.writer, now.writer_reason);
  if (barrier_is_new)
    log_choice("barrier", now.barrier, now.barrier_reason);
}

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

// One attempt, or several of a level that knows how to wait.
hp_status attempt(std::span<const operation> operations, commit_order& order,
                  image_pins& pins)
{
  means used;
  const hp_status status = library::locked([&](library& self) {
    if (!self.kept().reserve(pins.size()))
      return fail(HP_NO_MEMORY, "no memory to keep %zu objects loaded",
                  pins.size());
    bool added = false;
    const hp_status result = self.change(operations, order, added);
    if (result == HP_OK && added)
      pins.keep(self.kept());
    used.note(self.writer(), order.barrier_missed);
    return result;
  });
  if (status == HP_OK)
    log_means(used);
  if (order.left_open != 0)
    log(HP_LOG_ERROR,
        "the system does not let program text at %#lx be protected again, so "
        "it stays writable; mprotect(2) may do it later",
        order.left_open);
  if (status == HP_OK && order.barrier_missed)
    log(HP_LOG_ERROR,
        "threads may enter an old function for a moment after this change: %s",
        used.barrier_reason);
  return status;
}

bool waits(hp_level level)
{
  return level == HP_QUIESCENT || level == HP_SAFEPOINT;
}

}  // namespace

hp_status check_options(const char* call,
                        const hp_commit_options& options) noexcept
{
  // A C program can pass any number; in C++ hp_level cannot hold it.
  int level;
  static_assert(sizeof level == sizeof options.level);
  std::memcpy(&level, &options.level, sizeof level);
  if (level < HP_IMMEDIATE || level > HP_SAFEPOINT)
    return fail(HP_INVALID, "%s: there is no level %d", call, level);
  if (options.flags != 0)
    return fail(HP_INVALID, "%s: unknown flags %#x", call, options.flags);
  return HP_OK;
}

hp_status check_operation(const char* call, const operation& step) noexcept
{
  if (step.what == operation::kind::revert_all ||
      step.what == operation::kind::add_patch)
    return HP_OK;
  if (step.name == nullptr || *step.name == '\0')
    return fail(HP_INVALID, "%s: the name is null or empty", call);
  if (step.what == operation::kind::remove_patch)
    return HP_OK;
  if (step.what != operation::kind::revert && step.replacement == 0)
    return fail(HP_INVALID,
                "%s(\"%s\"): the replacement is null, or a pointer to a "
                "virtual member function, which has no address of its own",
                call, step.name);
  if ((step.flags & ~static_cast<unsigned>(HP_ANY_PROTOTYPE)) != 0)
    return fail(HP_INVALID, "%s(\"%s\"): unknown flags %#x", call, step.name,
                step.flags);
  return HP_OK;
}

namespace {

// Tries until it is done, or until the level's time is over.
hp_status commit_in_time(std::span<const operation> operations,
                         const hp_commit_options& options, const void* frame,
                         image_pins& pins)
{
  return try_in_slices(deadline::in_milliseconds(options.timeout_ms),
                       [&](deadline until, bool& hopeless) {
                         commit_order order{options.level, until, frame};
                         const hp_status status =
                             attempt(operations, order, pins);
                         hopeless = order.hopeless || !waits(options.level);
                         return status;
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

// The same between the hooks of the patches that come and go.
hp_status commit_patches(std::span<const operation> operations,
                         const hp_commit_options& options, const void* frame,
                         image_pins& pins, owned_patches& pending,
                         std::uint32_t turn_timeout_ms)
{
  patch_turn turn;
  if (const hp_status status = turn.take(turn_timeout_ms); status != HP_OK)
    return status;
  patch_hooks hooks;
  hp_status status = library::locked([&](library& self) {
    return self.survey(operations, options.level, hooks);
  });
  if (status == HP_OK)
    status = hooks.before();
  if (status != HP_OK)
    return status;
  status = commit_in_time(operations, options, frame, pins);
  if (status != HP_OK)
    return hooks.abandon(status);
  // From here on the library owns those that have come, and we the others.
  for (const named_patch* each : hooks.come)
    pending.remove(each);
  hooks.after();
  log_patches(hooks);
  for (named_patch* each : hooks.gone)
    named_patch::destroy(each);
  return HP_OK;
}

}  // namespace

hp_status commit_operations(std::span<const operation> operations,
                            const hp_commit_options& options, const void* frame,
                            owned_patches& pending,
                            std::uint32_t turn_timeout_ms) noexcept
{
  // Outside of the turn, because it takes the loader's lock.
  image_pins pins;
  if (const hp_status status = pin_images(operations, pins); status != HP_OK)
    return status;
  if (std::any_of(operations.begin(), operations.end(), concerns_patches))
    return commit_patches(operations, options, frame, pins, pending,
                          turn_timeout_ms);
  return commit_in_time(operations, options, frame, pins);
}

void log_outcome(hp_status status, const char* call, const char* name) noexcept
{
  const char* const quote = name != nullptr ? "\"" : "";
  if (name == nullptr)
    name = "";
  if (status == HP_OK)
    log(HP_LOG_INFO, "%s(%s%.250s%s): done", call, quote, name, quote);
  else
    log(HP_LOG_ERROR, "%s(%s%.250s%s): %s: %s", call, quote, name, quote,
        hp_status_name(status), last_message());
}

}  // namespace hotpatch

using hotpatch::operation;

namespace {

hp_status no_memory_for_step(const char* call)
{
  return hotpatch::fail(HP_NO_MEMORY,
                        "%s: no memory for a step of the transaction", call);
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

hp_status hp_transaction::add(const char* call, const operation& step) noexcept
{
  hp_status status = hotpatch::check_operation(call, step);
  if (status == HP_OK && !append_copy(step))
    status = no_memory_for_step(call);
  return note(status);
}

hp_status hp_transaction::add_patch(const char* call,
                                    const hp_patch_info& info) noexcept
{
  if (const char* flaw = hotpatch::flaw_of(info))
    return note(hotpatch::fail(HP_INVALID, "%s: %s", call, flaw));
  hotpatch::named_patch* patch = hotpatch::named_patch::make(info);
  if (patch == nullptr || !patches_.append(patch)) {
    hotpatch::named_patch::destroy(patch);
    return note(no_memory_for_step(call));
  }
  operation step{operation::kind::add_patch};
  step.known.patch = patch;
  return add(call, step);
}

hp_status hp_transaction::note(hp_status status) noexcept
{
  if (status != HP_OK && incomplete_ == HP_OK)
    incomplete_ = status;
  return status;
}

hp_status hp_transaction::commit(const hp_commit_options& options,
                                 const void* frame) noexcept
{
  if (incomplete_ != HP_OK)
    return hotpatch::fail(incomplete_,
                          "hp_commit: a step could not be added to the "
                          "transaction (%s), so nothing is done",
                          hp_status_name(incomplete_));
  return hotpatch::commit_operations({steps_.data(), steps_.size()}, options,
                                     frame, patches_, options.timeout_ms);
}
