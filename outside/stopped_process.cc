// Stopping every thread that there is.
//
// SPDX-License-Identifier: MIT
#include "outside/stopped_process.h"

#include <algorithm>
#include <set>

#include "outside/borrow_place.h"
#include "processes/threads.h"

namespace hotpatch::outside {

// Threads that ended meanwhile are no loss.
std::size_t stopped_process::seize_new()
{
  std::set<pid_t> known;
  for (const tracee& thread : threads_)
    known.insert(thread.id());
  std::size_t added = 0;
  for (const pid_t id : threads_of(process_)) {
    if (known.contains(id))
      continue;
    try {
      threads_.emplace_back(process_, id);
      ++added;
    } catch (const thread_gone&) {
    }
  }
  return added;
}

stopped_process::stopped_process(pid_t process, deadline until)
    : process_(process)
{
  std::size_t standing = 0;
  // A thread that still ran may have started another one.
  while (seize_new() != 0 || standing < threads_.size()) {
    if (since_ == 0)
      since_ = monotonic_now();
    for (std::size_t i = standing; i < threads_.size(); ++i) {
      try {
        threads_[i].interrupt();
      } catch (const thread_gone&) {
      }
    }
    std::vector<tracee> stopped;
    stopped.reserve(threads_.size());
    for (std::size_t i = 0; i < threads_.size(); ++i) {
      if (i >= standing) {
        try {
          threads_[i].wait_for_event(until);
        } catch (const thread_gone&) {
          continue;
        }
      }
      stopped.push_back(std::move(threads_[i]));
    }
    threads_.swap(stopped);
    standing = threads_.size();
  }
  if (threads_.empty())
    throw thread_gone(process_text(process) + " has ended");
}

std::int64_t stopped_process::release()
{
  for (tracee& thread : threads_)
    thread.release();
  threads_.clear();
  return monotonic_now() - since_;
}

}  // namespace hotpatch::outside
