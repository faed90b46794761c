// Immediate, strict, quiescent, at safe points.
// SPDX-License-Identifier: MIT
#include "runtime/commit/level.h"

#include <cstdio>

#include "runtime/base/core_serialise.h"
#include "runtime/base/status.h"
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

// While all other threads stand still, wherever they are.
hp_status store_standing(commit_batch& batch, const void* frame)
{
  constexpr std::int64_t patience = 1'000'000'000;
  quiescence moment;
  if (const hp_status status =
          moment.reach({}, deadline::in_nanoseconds(patience), frame);
      status != HP_OK) {
    char reason[512];
    std::snprintf(reason, sizeof reason, "%s", last_message());
    return fail(status,
                "text is written through /proc/self/mem, for which all threads "
                "have to stand still: %s",
                reason);
  }
  batch.store();
  serialise_core();
  moment.release(stopped_threads::on_resume::serialise);
  return HP_OK;
}

// Lets the batch store at the right moment.
hp_status store_at_level(commit_batch& batch, protocol how,
                         std::span<const code_range> vacated,
                         commit_order& order)
{
  if (order.level == HP_QUIESCENT) {
    quiescence moment;
    const hp_status status = moment.reach(vacated, order.until, order.frame);
    order.hopeless = moment.caller_was_inside();
    if (status != HP_OK)
      return status;
    batch.store();
    serialise_core();
    moment.release(stopped_threads::on_resume::serialise);
    return HP_OK;
  }
  safe_point_stop registered;
  if (order.level == HP_SAFEPOINT)
    if (const hp_status status = registered.reach(order.until); status != HP_OK)
      return status;
  if (how == protocol::standing)
    return store_standing(batch, order.frame);
  batch.store();
  return HP_OK;
}

}  // namespace

hp_status commit(text_writer& writer, std::span<change> changes,
                 std::span<const code_range> vacated, junctions& junctions,
                 commit_order& order) noexcept
{
  if (changes.empty())
    return HP_OK;
  for (;;) {
    const writer_kind kind = writer.kind();
    if (kind == writer_kind::none)
      return writing_refused(*changes[0].site, writer.reason(), 0);
    const protocol how = protocol_for(order.level, kind, changes);
    commit_batch batch(kind, how, changes, junctions);
    hp_status status = batch.prepare();
    if (status == HP_OK)
      status = store_at_level(batch, how, vacated, order);
    if (status != HP_OK && !batch.forbidden())
      return status;
    order.barrier_missed = batch.barrier_missed();
    order.left_open = batch.left_open();
    if (!batch.forbidden())
      return batch.explain();
    writer.demote(batch.error());
  }
}

}  // namespace hotpatch
