// Looking at directories and processes by turns.
//
// SPDX-License-Identifier: MIT
#include "tools/watching.h"

#include <csignal>
#include <cstdio>
#include <ctime>
#include <map>
#include <vector>

#include <unistd.h>

#include "processes/all_processes.h"
#include "tools/patch_directory.h"
#include "tools/watched_process.h"

namespace hotpatch::tools {

namespace {

// How old a process is when what it refuses is final.
constexpr std::int64_t grown_up_ms = 3'000;

volatile std::sig_atomic_t ended = 0;

// Without SA_RESTART, so that nanosleep() ends, too.
void end_on(int signal)
{
  struct sigaction action = {};
  action.sa_handler = [](int) { ended = 1; };
  sigaction(signal, &action, nullptr);
}

std::vector<const watched_patch*> look(std::vector<patch_directory>& all)
{
  std::vector<const watched_patch*> patches;
  for (patch_directory& each : all) {
    each.look();
    const auto some = each.patches();
    patches.insert(patches.end(), some.begin(), some.end());
  }
  return patches;
}

// Forgets the processes that ended, or that execute another program now, and
// gets to know the new ones.
void meet(std::map<pid_t, watched_process>& known)
{
  std::map<pid_t, watched_process> met;
  for (const pid_t pid : all_processes()) {
    const auto run = incarnation_of(pid);
    if (!run || pid == getpid())
      continue;
    const auto before = known.find(pid);
    if (before != known.end() && before->second.run() == *run)
      met.insert(known.extract(before));
    else
      met.emplace(pid, watched_process(pid, *run,
                                       deadline::in_milliseconds(grown_up_ms)));
  }
  known.swap(met);
}

}  // namespace

void watch(const watch_options& chosen)
{
  std::vector<patch_directory> directories;
  for (const std::string& path : chosen.directories) {
    directories.emplace_back(path);
    directories.back().check();
  }
  end_on(SIGTERM);
  end_on(SIGINT);
  setlinebuf(stdout);
  std::map<pid_t, watched_process> processes;
  const timespec pause = {chosen.interval_ms / 1000,
                          chosen.interval_ms % 1000 * 1'000'000};
  while (!ended) {
    const auto patches = look(directories);
    meet(processes);
    for (auto& [pid, process] : processes)
      if (!ended)
        process.apply(patches, chosen.how);
    if (!ended)
      nanosleep(&pause, nullptr);
  }
}

}  // namespace hotpatch::tools
