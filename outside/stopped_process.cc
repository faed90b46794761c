// Stopping every thread that there is.
//
// SPDX-License-Identifier: MIT
#include "outside/stopped_process.h"

#include <algorithm>
#include <set>
#include <utility>

#include "outside/tracer.h"
#include "processes/incarnation.h"
#include "processes/process_list.h"
#include "runtime/base/back_off.h"
#include "runtime/base/countermeasure.h"

namespace hotpatch::outside {

namespace {

constexpr std::int64_t millisecond = 1'000'000;

// How long the threads that stopped stand for those that do not.  To run to its
// stop, a thread needs a processor, which others may have.
deadline end_of_attempt(std::size_t threads)
{
  const std::int64_t base =
      HP_COUNTERMEASURE(short_attempts) ? 50 * millisecond : 3000 * millisecond;
  constexpr std::int64_t for_each = millisecond / 20;
  return deadline::in_nanoseconds(
      base + for_each * static_cast<std::int64_t>(threads));
}

}  // namespace

void refuse_shared_memory(pid_t process)
{
  const pid_t owner =
      HP_COUNTERMEASURE(memory_owner) ? memory_owner(process) : 0;
  if (owner != 0)
    throw tool_error(process_text(process) + " uses the memory of " +
                     process_text(owner) +
                     ", whose child by vfork() or posix_spawn() it is: patch " +
                     process_text(owner));
}

// Why an attempt would be in vain; empty if it would not.  While no thread is
// stopped.
std::string stopped_process::look_before()
{
  looks_.clear();
  newest_ = newest_process();
  sharers_ = memory_sharers(process_);
  if (const pid_t late = tracer::late_of(process_))
    return thread_text(process_, late) +
           " did not stop in time: it is in the kernel, which does not let it "
           "be interrupted there";
  for (const pid_t id : threads_of(process_)) {
    const thread_look& look = looks_[id] = look_at_thread(process_, id);
    if (HP_COUNTERMEASURE(look_before) && look.waits_for_child())
      return thread_text(process_, id) +
             " cannot stop: it waits in vfork() or posix_spawn() until its "
             "child executes a program or ends";
  }
  return {};
}

// Threads that have ended since are no loss.
std::size_t stopped_process::seize_new()
{
  std::set<pid_t> known;
  for (const tracee& thread : threads_)
    known.insert(thread.id());
  std::size_t added = 0;
  std::vector<pid_t> processes = sharers_;
  processes.push_back(process_);
  for (const pid_t process : processes)
    for (const pid_t id : threads_of(process)) {
      if (known.contains(id))
        continue;
      try {
        const auto look = looks_.find(id);
        if (look != looks_.end())
          threads_.emplace_back(process, id, look->second);
        else
          threads_.emplace_back(process, id);
        ++added;
      } catch (const thread_gone&) {
      }
    }
  return added;
}

// A thread that ran until now may have made a process of its memory.
bool stopped_process::find_newest_sharers()
{
  const pid_t newest = newest_process();
  if (newest == newest_)
    return false;
  const auto more = memory_sharers(process_, newest_ + 1, newest);
  newest_ = newest;
  std::size_t added = 0;
  for (const pid_t each : more)
    if (std::find(sharers_.begin(), sharers_.end(), each) == sharers_.end()) {
      sharers_.push_back(each);
      ++added;
    }
  return added != 0;
}

// Empty: all stand.  Otherwise which thread does not, and why.
std::string stopped_process::try_to_stop()
{
  deadline until = end_of_attempt(0);
  std::size_t standing = 0;
  // A thread that still ran may have started another one.
  while (seize_new() != 0 || standing < threads_.size() ||
         (find_newest_sharers() && seize_new() != 0)) {
    if (since_ == 0) {
      since_ = monotonic_now();
      until = end_of_attempt(threads_.size());
    }
    for (std::size_t i = standing; i < threads_.size(); ++i) {
      try {
        threads_[i].interrupt();
      } catch (const thread_gone&) {
      }
    }
    std::vector<tracee> stopped;
    stopped.reserve(threads_.size());
    std::string late;
    for (std::size_t i = 0; i < threads_.size(); ++i) {
      if (i >= standing) {
        try {
          threads_[i].wait_for_event(until);
        } catch (const thread_gone&) {
          continue;
        } catch (const not_in_time& reason) {
          late = reason.what();
        }
      }
      stopped.push_back(std::move(threads_[i]));
    }
    threads_.swap(stopped);
    standing = threads_.size();
    if (!late.empty())
      return late;
  }
  if (threads_.empty())
    throw thread_gone(process_text(process_) + " has ended");
  return {};
}

stopped_process::stopped_process(pid_t process, deadline until)
    : process_(process)
{
  refuse_shared_memory(process);
  back_off pauses(millisecond);
  for (;;) {
    std::string late = look_before();
    std::int64_t stood = 0;
    if (late.empty()) {
      late = try_to_stop();
      if (late.empty())
        return;
      stood = release();
    }
    if (until.passed())
      throw not_in_time(process_text(process) + ": " + late);
    tracer::pause(std::min(pauses.after(stood), until.left()));
  }
}

stopped_process::~stopped_process()
{
  release();
}

// Threads that do not wait with a limit come first: for others there may be
// more to do.
std::int64_t stopped_process::release()
{
  if (threads_.empty())
    return 0;
  for (const bool limited : {false, true})
    for (tracee& thread : threads_)
      if (thread.wait_found().has_value() == limited)
        thread.release();
  threads_.clear();
  return monotonic_now() - std::exchange(since_, 0);
}

}  // namespace hotpatch::outside
