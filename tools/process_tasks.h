// Work on other processes, each piece in a child process of its own.
//
// What one of the other processes does, by accident or on purpose, happens to
// the child that works on it and to nothing else: it cuts off files while they
// are read, has lists without end, lets threads not come back.  Owns the
// limits: a child that takes too long is killed, which is safe at any moment
// (outside/thread_state.h), and its memory has an end.  One that has to wait
// goes on beside the next ones.
//
// From the program's first thread, while it has no other.
//
// SPDX-License-Identifier: MIT
#ifndef HOTPATCH_TOOLS_PROCESS_TASKS_H
#define HOTPATCH_TOOLS_PROCESS_TASKS_H

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace hotpatch::tools {

struct task_result {
  int status = 0;    // what the work returned
  std::string back;  // what it handed back
  // Not empty: it did not come to its end, and why.  The rest says nothing
  // then.
  std::string failure;
  bool was_cut_off = false;  // by a limit or a signal, and not by an exception
};

class process_tasks {
 public:
  // Runs in the child, which has a copy of all that there is.  0 to 255.
  using work = std::function<int(std::string& back)>;
  // Runs here, once for each, from any of the functions below.
  using done = std::function<void(const task_result&)>;

  // `time_ms` is how long one may take.
  explicit process_tasks(std::int64_t time_ms);
  process_tasks(const process_tasks&) = delete;
  process_tasks& operator=(const process_tasks&) = delete;
  ~process_tasks();  // kills those that run

  // Returns when it has ended, or has turned out to need more than a moment.
  // Throws tool_error if there can be no child.
  void start(work what, done then);

  bool is_idle() const { return running_.empty(); }

  // Waits for so long, or until one has ended.
  void wait(std::int64_t milliseconds);

 private:
  class task;

  void launch(work& what, done& then);
  void run_here(work& what, done& then);

  const std::int64_t time_ms_;
  std::vector<std::unique_ptr<task>> running_;
};

}  // namespace hotpatch::tools

#endif
