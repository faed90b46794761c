// Stop, search, and if a thread is inside let all run and try again.
// SPDX-License-Identifier: MIT
#include "runtime/threads/quiescence.h"
#include "runtime/base/back_off.h"

#include <algorithm>
#include <cstring>

#include "runtime/base/countermeasure.h"
#include "runtime/base/status.h"

namespace hotpatch {

namespace {

constexpr std::int64_t millisecond = 1'000'000;

}  // namespace

hp_status quiescence::reach(std::span<const code_range> ranges, deadline until,
                            const call_context& call) noexcept
{
  if (const hp_status status = ranges_.prepare(ranges, searched_memory());
      status != HP_OK)
    return status;
  prepare_stack_search();
  caller_inside_ = !ranges.empty() && caller_is_inside(call.frame);
  if (caller_inside_)
    return report(ranges);

  // How long an attempt may take: longer each time, because the threads stand
  // for as long, and a loaded machine needs it only sometimes.
  std::int64_t patience = 20 * millisecond;
  back_off pauses(millisecond / 10);
  deadline limit = deadline::in_nanoseconds(patience);
  for (;;) {
    const std::int64_t start = monotonic_now();
    hp_status status;
    if (attempt(limit, status))
      return HP_OK;
    if (status != HP_BUSY)
      return status;
    const bool occupied = found_.how != occupied_by::none;
    if (occupied)
      status = report(ranges);
    if (status != HP_BUSY || until.passed())
      return status;

    sleep_for(std::min(pauses.after(monotonic_now() - start), until.left()));
    if (!occupied)
      patience = std::min(2 * patience, 500 * millisecond);
    limit = deadline::in_nanoseconds(patience);
  }
}

bool quiescence::attempt(deadline until, hp_status& status) noexcept
{
  found_.how = occupied_by::none;
  stacks_.emplace();
  status = others_.stop(until);
  if (status == HP_OK &&
      (ranges_.empty() ||
       !stack_search(ranges_, *stacks_).find_others(others_, found_)))
    return true;
  release();
  if (status == HP_OK)
    status = HP_BUSY;
  return false;
}

bool quiescence::caller_is_inside(const void* frame) noexcept
{
  found_.how = occupied_by::none;
  locked_stacks stacks;
  ranges_.count_only_returns(HP_COUNTERMEASURE(count_only_returns));
  const bool inside = stack_search(ranges_, stacks).find_caller(frame, found_);
  ranges_.count_only_returns(false);
  return inside;
}

void quiescence::release(stopped_threads::on_resume action) noexcept
{
  others_.resume(action);
  stacks_.reset();
}

hp_status quiescence::report(std::span<const code_range> ranges) const noexcept
{
  switch (found_.how) {
    case occupied_by::none:
      return HP_OK;
    case occupied_by::frame:
    case occupied_by::announced_stack:
      return report_finding(ranges);
    case occupied_by::unread_map:
      return fail(HP_UNSUPPORTED,
                  "stacks cannot be searched without /proc/thread-self/maps: "
                  "%s",
                  std::strerror(found_.error));
  }
  return HP_INTERNAL;
}

hp_status quiescence::report_finding(
    std::span<const code_range> ranges) const noexcept
{
  const frame_finding& what = found_.finding;
  const bool known = what.range < ranges.size();
  const char* function = known ? ranges[what.range].name : "";
  const char* remark = known ? ranges[what.range].remark : "";
  if (found_.how == occupied_by::announced_stack)
    return fail(HP_BUSY,
                "an announced stack on which no thread runs has not left %s: "
                "%#lx is on it%s",
                function, what.address, remark);
  switch (what.how) {
    case frame_place::instruction_pointer:
      return fail(HP_BUSY, "thread %d (%s) is in %s, at %#lx%s", found_.thread,
                  found_.name, function, what.address, remark);
    case frame_place::other_register:
      return fail(
          HP_BUSY,
          "thread %d (%s) holds %#lx, an address in %s, in a register%s",
          found_.thread, found_.name, what.address, function, remark);
    case frame_place::stack:
      return fail(HP_BUSY,
                  "thread %d (%s) has not left %s: it will return to %#lx, "
                  "which is on its stack%s",
                  found_.thread, found_.name, function, what.address, remark);
    case frame_place::below_stack:
      return fail(HP_BUSY,
                  "thread %d (%s) has not left %s, as far as can be told: %#lx "
                  "is in memory near its stack, where it may have left frames "
                  "to run on a fiber%s",
                  found_.thread, found_.name, function, what.address, remark);
    case frame_place::first_stack:
      return fail(HP_BUSY,
                  "thread %d (%s) has not left %s: it will return to %#lx, "
                  "which is on the stack that it was started on; it runs on "
                  "another one now%s",
                  found_.thread, found_.name, function, what.address, remark);
    case frame_place::unreadable:
      return fail(HP_BUSY,
                  "thread %d (%s) runs on a stack at %#lx that cannot be read",
                  found_.thread, found_.name, what.address);
    case frame_place::too_large:
      return fail(HP_BUSY,
                  "thread %d (%s) runs on a stack at %#lx that lies in %lu MiB "
                  "of memory, and to search all of it would take too long "
                  "while the program stands: make the stack's bounds known "
                  "with hp_stack_announce()",
                  found_.thread, found_.name, what.address, what.size >> 20);
  }
  return HP_INTERNAL;
}

}  // namespace hotpatch
