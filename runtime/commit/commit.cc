// Immediate, strict, quiescent, at safe points.
// SPDX-License-Identifier: MIT
#include "runtime/commit/commit.h"

#include <cstdio>
#include <optional>

#include "runtime/base/core_serialise.h"
#include "runtime/base/countermeasure.h"
#include "runtime/commit/commit_batch.h"
#include "runtime/text/barrier.h"
#include "runtime/threads/quiescence.h"
#include "runtime/threads/safe_point.h"

namespace hotpatch {

namespace {

bool changes_text(std::span<const change> changes)
{
  for (const change& each : changes)
    if (each.old_word != each.new_word)
      return true;
  return false;
}

protocol protocol_for(hp_level level, writer_kind writer,
                      std::span<const change> changes)
{
  if (level == HP_QUIESCENT)
    return protocol::standing;
  const bool text = changes_text(changes);
  // One store to one cell is one moment for everybody.
  if (!text && (changes.size() == 1 || level != HP_STRICT))
    return protocol::words;
  // How the kernel copies eight bytes is not documented, and where memory may
  // not become executable there are no junctions.
  if (writer == writer_kind::proc_mem)
    return protocol::standing;
  return level == HP_STRICT ? protocol::one_moment : protocol::words;
}

// When the stores may happen: between reach() and pass() the threads stand that
// the level or the protocol wants to stand.
class commit_moment {
 public:
  commit_moment(const commit_order& order, protocol how) noexcept
      : order_(order), how_(how)
  {
  }

  hp_status reach(std::span<const code_range> vacated) noexcept
  {
    if (order_.level == HP_QUIESCENT)
      return stop_all(vacated, order_.until);
    if (order_.level == HP_SAFEPOINT)
      if (const hp_status status = registered_.reach(order_.until);
          status != HP_OK)
        return status;
    return how_ == protocol::standing ? stop_for_writer() : HP_OK;
  }

  // Lets them go on; none will do so without a serialising instruction.
  void pass() noexcept
  {
    if (all_) {
      if (HP_COUNTERMEASURE(allocate_nothing))
        serialise_core();
      else
        asm volatile("" : : "r"(__builtin_malloc(9)));
      all_->release(stopped_threads::on_resume::serialise);
    }
    registered_.release();
  }

  // If it was not reached.
  bool may_come_later(hp_status status) const noexcept
  {
    const bool level_waits =
        order_.level == HP_QUIESCENT || order_.level == HP_SAFEPOINT;
    return status == HP_BUSY && level_waits &&
           !(all_ && all_->caller_was_inside());
  }

 private:
  hp_status stop_all(std::span<const code_range> vacated,
                     deadline until) noexcept
  {
    return all_.emplace().reach(vacated, until, order_.call);
  }

  // Wherever they are.
  hp_status stop_for_writer() noexcept
  {
    constexpr std::int64_t patience = 1'000'000'000;
    const hp_status status = stop_all({}, deadline::in_nanoseconds(patience));
    if (status == HP_OK)
      return HP_OK;
    char reason[512];
    std::snprintf(reason, sizeof reason, "%s", last_message());
    return fail(status,
                "text is written through /proc/self/mem, for which all threads "
                "have to stand still: %s",
                reason);
  }

  const commit_order& order_;
  const protocol how_;
  safe_point_stop registered_;
  std::optional<quiescence> all_;
};

// --- By which means ----------------------------------------------------------

// What was told last, under the library's lock.
constinit const char* told_writer = nullptr;
constinit const char* told_barrier = nullptr;

// A second choice is worth knowing, with its reason; the best one is a detail.
void add_choice(commit_warnings& warnings, const char* what, const char* chosen,
                const char* reason)
{
  if (*reason != '\0')
    warnings.add(HP_LOG_INFO, "%s: %s, because %s", what, chosen, reason);
  else
    warnings.add(HP_LOG_DEBUG, "%s: %s", what, chosen);
}

// Told by the first change, and whenever something else is used.
void add_means(commit_warnings& warnings, text_writer& writer)
{
  if (told_writer != writer.name())
    add_choice(warnings, "writer", told_writer = writer.name(),
               writer.reason());
  if (told_barrier != barrier_name())
    add_choice(warnings, "barrier", told_barrier = barrier_name(),
               barrier_reason());
}

}  // namespace

commit_outcome commit(text_writer& writer, std::span<change> changes,
                      std::span<const code_range> vacated, junctions& junctions,
                      const commit_order& order) noexcept
{
  commit_outcome outcome;
  while (!changes.empty()) {
    const writer_kind kind = writer.kind();
    if (kind == writer_kind::none)
      return writing_refused(*changes[0].site, writer.reason(), 0);
    const protocol how = protocol_for(order.level, kind, changes);
    commit_batch batch(kind, how, changes, junctions);
    commit_moment moment(order, how);
    outcome.status = batch.prepare();
    if (outcome.status == HP_OK)
      outcome.status = moment.reach(vacated);
    outcome.may_succeed_later = moment.may_come_later(outcome.status);
    if (outcome.status == HP_OK) {
      batch.store();
      moment.pass();
      outcome.status = batch.explain();
    }
    if (batch.forbidden()) {
      writer.demote(batch.error());
      continue;
    }
    if (outcome.status == HP_OK)
      add_means(outcome.warnings, writer);
    batch.add_warnings(outcome.warnings);
    break;
  }
  return outcome;
}

}  // namespace hotpatch
