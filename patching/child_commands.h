// Commands that hp-patch runs: the build, compilers, cp(1) and patch(1).
//
// Owns the invariant that no command outlives this program's interest in it:
// each has a process group of its own, which is ended when a signal ends the
// work, and is waited for in any case.
//
// One thread at a time.
//
// SPDX-License-Identifier: MIT
#ifndef HOTPATCH_PATCHING_CHILD_COMMANDS_H
#define HOTPATCH_PATCHING_CHILD_COMMANDS_H

#include <csignal>
#include <cstddef>
#include <functional>
#include <span>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "processes/errors.h"

namespace hotpatch::patching {

// A signal has asked this program to end.
class interrupted : public tool_error {
 public:
  explicit interrupted(int signal);
  int signal() const { return signal_; }

 private:
  int signal_;
};

// As long as one lives, SIGINT, SIGTERM and SIGHUP wait until run_commands()
// looks, so that what they interrupt can be cleaned up.
class waiting_signals {
 public:
  waiting_signals();
  waiting_signals(const waiting_signals&) = delete;
  waiting_signals& operator=(const waiting_signals&) = delete;
  ~waiting_signals();

 private:
  sigset_t before_;
};

struct child_command {
  std::vector<std::string> arguments;  // the program is looked for in PATH
  std::string directory;               // "": this program's
  // Variables to set, or to remove where the value is null.
  std::vector<std::pair<std::string, const char*>> environment;
  // Where the output goes, "": to the standard error.
  std::string log;
};

// How a command has ended: 0 to 255 as by exit(3), and 128 more than a signal.
// Runs up to `at_once` of them at the same time; `progress` is called a few
// times in a second.  Throws interrupted, and tool_error if one cannot be run
// at all; none is left running then.
std::vector<int> run_commands(std::span<const child_command> commands,
                              std::size_t at_once = 1,
                              const std::function<void()>& progress = {});

int run_command(const child_command& command);

// The same, and tool_error if it fails, which begins with `what` and ends with
// what the command has printed to its log.
void run_checked(const child_command& command, const std::string& what);

// How many processors there are for this program.
std::size_t processors();

// The command as a shell would take it.
std::string shell_text(std::span<const std::string> arguments);

}  // namespace hotpatch::patching

#endif
