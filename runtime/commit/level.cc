// Immediate, strict, quiescent, at safe points.
// SPDX-License-Identifier: MIT
#include "runtime/commit/level.h"

#include "runtime/base/core_serialise.h"
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
  // One store to one cell is one moment for everybody.
  if (changes.size() == 1 && !changes_text(changes))
    return protocol::words;
  if (level == HP_STRICT ||
      (writer == writer_kind::proc_mem && changes_text(changes)))
    return protocol::breakpoints;
  return protocol::words;
}

// Lets the batch store at the right moment.
hp_status store_at_level(commit_batch& batch,
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
  if (order.level == HP_SAFEPOINT) {
    safe_point_stop everybody;
    if (const hp_status status = everybody.reach(order.until); status != HP_OK)
      return status;
    batch.store();
    return HP_OK;
  }
  batch.store();
  return HP_OK;
}

}  // namespace

hp_status commit(text_writer& writer, std::span<change> changes,
                 std::span<const code_range> vacated,
                 commit_order& order) noexcept
{
  if (changes.empty())
    return HP_OK;
  for (;;) {
    const writer_kind kind = writer.kind();
    if (kind == writer_kind::none)
      return writing_refused(*changes[0].site, writer.reason(), 0);
    commit_batch batch(kind, protocol_for(order.level, kind, changes), changes);
    if (const hp_status status = batch.prepare(); status != HP_OK)
      return status;
    if (const hp_status status = store_at_level(batch, vacated, order);
        status != HP_OK)
      return status;
    order.barrier_missed = batch.barrier_missed();
    order.signal_taken = batch.signal_taken();
    order.left_open = batch.left_open();
    if (!batch.forbidden())
      return batch.explain();
    writer.demote(batch.error());
  }
}

}  // namespace hotpatch
