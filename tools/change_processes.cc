// Going through processes and patches.
//
// SPDX-License-Identifier: MIT
#include "tools/change_processes.h"

#include <algorithm>
#include <memory>
#include <set>
#include <utility>

#include "processes/all_processes.h"
#include "processes/incarnation.h"
#include "processes/threads.h"
#include "processes/trouble.h"
#include "runtime/base/countermeasure.h"
#include "runtime/base/deadline.h"
#include "tools/change_report.h"
#include "tools/messages.h"
#include "tools/process_tasks.h"

namespace hotpatch::tools {

namespace {

// What became of one process; bits, for all its patches together.
enum outcome : int {
  nothing_to_do = 0,
  changed = 1,
  refused = 2,
  busy = 4,
  has_ended = 8,
  half = 16,
};

const char* name_of(change_kind kind)
{
  return kind == change_kind::apply ? "hp-apply" : "hp-revert";
}

class changing {
 public:
  changing(change_kind kind, const change_options& chosen)
      : kind_(kind), chosen_(chosen)
  {
  }

  change_status change_one();
  change_status change_all();

 private:
  void say(const std::string& text) const { complain(name_of(kind_), text); }
  int change(pid_t pid, const std::string& patch, const process_handle* run);
  int change(pid_t pid, const process_handle* run);
  bool begin(pid_t pid, process_tasks& tasks);
  void end(const process_handle& run, const task_result& result);

  const change_kind kind_;
  const change_options& chosen_;
  std::set<std::pair<pid_t, incarnation>> known_;
  std::size_t living_ = 0;  // those that had not ended when it was their turn
  int all_ = nothing_to_do;
  int round_ = nothing_to_do;  // since the list of processes was made
};

change_status status_of(int outcomes)
{
  return (outcomes & half) != 0      ? change_half
         : (outcomes & busy) != 0    ? change_busy
         : (outcomes & refused) != 0 ? change_refused
                                     : change_done;
}

// `run`: the process may end, which is no failure then; null: it was asked for.
int changing::change(pid_t pid, const std::string& patch,
                     const process_handle* run)
{
  try {
    const std::int64_t start = monotonic_now();
    const outside::apply_result result =
        change_patch(kind_, chosen_.how, pid, patch);
    tell_change(kind_, chosen_.how.settings.dry_run, pid, result,
                monotonic_now() - start);
    return result.changed ? changed : nothing_to_do;
  } catch (const process_busy& reason) {
    say(process_lines(pid, reason.what()));
    return busy;
  } catch (const half_changed& reason) {
    say(process_lines(pid, reason.what()));
    return half;
  } catch (const std::exception& reason) {
    if (run != nullptr && !run->runs_the_same())
      return has_ended;
    say(process_lines(pid, reason.what()));
    return refused;
  }
}

int changing::change(pid_t pid, const process_handle* run)
{
  int all = nothing_to_do;
  for (const std::string& patch : chosen_.patches)
    all |= change(pid, patch, run);
  return all;
}

change_status changing::change_one()
{
  return status_of(change(chosen_.pid, nullptr));
}

void changing::end(const process_handle& run, const task_result& result)
{
  int outcomes = result.status;
  if (!result.failure.empty()) {
    outcomes = run.runs_the_same() ? refused : has_ended;
    if (outcomes == refused)
      say(process_lines(run.id(), result.failure));
  }
  if ((outcomes & has_ended) == 0)
    ++living_;
  round_ |= outcomes;
}

// False: it has had its turn, or has ended.
bool changing::begin(pid_t pid, process_tasks& tasks)
{
  // Its parent's turn is its own.
  if (HP_COUNTERMEASURE(pass_over_vfork_children) &&
      shares_its_parents_memory(pid))
    return false;
  try {
    const auto run = std::make_shared<const process_handle>(pid);
    if (!known_.emplace(pid, run->run()).second)
      return false;
    tasks.start(
        [this, run](std::string&) { return change(run->id(), run.get()); },
        [this, run](const task_result& result) { end(*run, result); });
    return true;
  } catch (const no_process&) {
    return false;
  } catch (const std::exception& reason) {
    say(process_lines(pid, reason.what()));
    round_ |= refused;
    return true;
  }
}

// Processes fork while others are patched, and a child of one that had not had
// its turn has none of the patch: the list is made again until a whole one had
// nothing left to do.
change_status changing::change_all()
{
  // Beside the time for threads: loading, checking, and a machine that is busy.
  constexpr std::int64_t grace_ms = 60'000;
  const std::int64_t limit_ms = chosen_.how.settings.timeout_ms + grace_ms;
  const deadline until = deadline::in_milliseconds(limit_ms);
  process_tasks tasks(limit_ms);
  for (bool again = true; again; all_ |= round_) {
    round_ = nothing_to_do;
    bool any_new = false;
    if (all_ == nothing_to_do || HP_COUNTERMEASURE(look_again_for_processes))
      for (const pid_t pid : processes_of(chosen_.program))
        any_new |= begin(pid, tasks);
    // One that waits does not keep its siblings' children waiting.
    constexpr std::int64_t pause_ms = 50;
    if (!any_new && !tasks.is_idle())
      tasks.wait(pause_ms);
    again = !tasks.is_idle() || (round_ & changed) != 0;
    if (again && until.passed() && tasks.is_idle()) {
      say("more and more processes execute " + chosen_.program +
          ", and some have not had their turn");
      round_ |= busy;
      again = false;
    }
  }
  if (living_ == 0) {
    say("no process executes " + chosen_.program);
    return change_refused;
  }
  return status_of(all_);
}

}  // namespace

change_status change_processes(change_kind kind, const change_options& chosen)
{
  try {
    changing work(kind, chosen);
    return chosen.program.empty() ? work.change_one() : work.change_all();
  } catch (const std::exception& reason) {
    complain(name_of(kind), reason.what());
    return change_refused;
  }
}

}  // namespace hotpatch::tools
