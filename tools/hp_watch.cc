// hp-watch: applies directories of patch objects to processes as they start.
//
// It reads /proc again and again, rather than asking the kernel for events
// (linux/cn_proc.h): that needs no privilege and works in every container, and
// a process that has just started cannot be patched before it is loaded anyway.
//
// SPDX-License-Identifier: MIT
#include <algorithm>
#include <argp.h>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <exception>
#include <map>
#include <memory>
#include <string>
#include <unistd.h>
#include <vector>

#include "config.h"
#include "processes/process_list.h"
#include "runtime/base/countermeasure.h"
#include "tools/change_processes.h"
#include "tools/messages.h"
#include "tools/patch_directory.h"
#include "tools/process_tasks.h"
#include "tools/watched_process.h"

const char* argp_program_version =
    "hp-watch (" PACKAGE_NAME ") " PACKAGE_VERSION;

namespace hotpatch::tools {

// --- Options -----------------------------------------------------------------

struct watch_options {
  std::vector<std::string> directories;
  std::int64_t interval_ms = 1000;
  change_method method;
};

namespace {

constexpr argp_option option_table[] = {
    {"interval", 'i', "SECONDS", 0,
     "How often to look at the directories and processes; the default is 1", 1},
    {}};

constexpr char description[] =
    "Applies the patch objects of directories, *.so in the order of their "
    "names, to running processes and to those that start later.  A patch has "
    "to state the build that it is for.\v"
    "Exit status: 0 a signal told it to exit; 1 a directory cannot be used; 3 "
    "a "
    "file became shorter while it was read; 64 misuse.";

constexpr std::int64_t shortest_interval_ms = 10;

error_t parse_one(int key, char* argument, argp_state* state)
{
  auto& chosen = *static_cast<watch_options*>(state->input);
  switch (key) {
    case ARGP_KEY_INIT:
      state->child_inputs[0] = &chosen.method;
      break;
    case 'i':
      chosen.interval_ms = std::max(parse_seconds("interval", argument, state),
                                    shortest_interval_ms);
      break;
    case ARGP_KEY_ARG:
      chosen.directories.emplace_back(argument);
      break;
    case ARGP_KEY_END:
      if (chosen.directories.empty())
        argp_error(state, "no directory is named");
      break;
    default:
      return ARGP_ERR_UNKNOWN;
  }
  return 0;
}

// Others wait while one process is busy.
constexpr std::int64_t default_timeout_ms = 1'000;

}  // namespace

// Leaves the program for --help, --version and misuse, as argp does.
watch_options parse_watch_options(int argc, char** argv)
{
  constexpr argp_child children[] = {{&method_parser, 0, nullptr, 0}, {}};
  const argp parser = {option_table, parse_one, "DIRECTORY...", description,
                       children,     nullptr,   nullptr};
  watch_options chosen;
  chosen.method.settings.timeout_ms = default_timeout_ms;
  argp_parse(&parser, argc, argv, 0, nullptr, &chosen);
  return chosen;
}

// --- Watching ----------------------------------------------------------------

namespace {

// How old a process is when what it refuses is final.
constexpr std::int64_t grown_up_ms = 3'000;

// Beside the time for threads, how long one process may be worked on.
constexpr std::int64_t grace_ms = 30'000;

volatile std::sig_atomic_t ended = 0;

// Without SA_RESTART, so that nanosleep() ends, too.
void end_on(int signal)
{
  struct sigaction action = {};
  action.sa_handler = [](int) { ended = 1; };
  sigaction(signal, &action, nullptr);
}

std::vector<const watched_patch*> rescan_all(std::vector<patch_directory>& all)
{
  std::vector<const watched_patch*> patches;
  for (patch_directory& each : all) {
    try {
      each.rescan();
    } catch (const std::exception& failure) {
      complain("hp-watch", failure.what());
    }
    const auto some = each.patches();
    patches.insert(patches.end(), some.begin(), some.end());
  }
  return patches;
}

// A process that was there before this tool may be old already.
deadline grown_up(const incarnation& run)
{
  timespec now;
  clock_gettime(CLOCK_BOOTTIME, &now);
  const std::int64_t age_ms =
      now.tv_sec * 1000 + now.tv_nsec / 1'000'000 -
      static_cast<std::int64_t>(run.start) * 1000 / sysconf(_SC_CLK_TCK);
  return deadline::in_milliseconds(std::max<std::int64_t>(
      grown_up_ms - std::max<std::int64_t>(age_ms, 0), 0));
}

using processes = std::map<pid_t, std::shared_ptr<watched_process>>;

// Forgets the processes that ended, or that execute another program now, and
// gets to know the new ones.
void meet(processes& known)
{
  processes met;
  for (const pid_t pid : all_processes()) {
    const auto run = incarnation_of(pid);
    const auto before = known.find(pid);
    if (!run || pid == getpid())
      continue;
    // What works in its parent's memory is no process to patch yet.
    if (before == known.end() && memory_owner(pid) != 0)
      continue;
    if (before != known.end() && before->second->run() == *run)
      met.insert(known.extract(before));
    else
      met.emplace(pid, std::make_shared<watched_process>(
                           pid, *run,
                           before == known.end()
                               ? grown_up(*run)
                               : deadline::in_milliseconds(grown_up_ms)));
  }
  known.swap(met);
}

// Takes a fiftieth of the time, however many processes there are.
class change_finder {
 public:
  void look_for_changes(const processes& known, process_tasks& tasks)
  {
    if (!next_.passed())
      return;
    const std::int64_t start = monotonic_now();
    for (const auto& [pid, process] : known)
      process->look_for_changes();
    if (HP_COUNTERMEASURE(watch_lost_patches))
      look_closely_at_one(known, tasks);
    next_ = deadline::in_nanoseconds(50 * (monotonic_now() - start));
  }

 private:
  // One after the other has its turn.
  void look_closely_at_one(const processes& known, process_tasks& tasks)
  {
    for (auto next = known.upper_bound(last_); next != known.end(); ++next) {
      last_ = next->first;
      if (next->second->look_for_losses(tasks))
        return;
    }
    last_ = 0;
  }

  pid_t last_ = 0;
  deadline next_ = deadline::in_nanoseconds(0);
};

}  // namespace

void watch(const watch_options& chosen)
{
  std::vector<patch_directory> directories;
  for (const std::string& path : chosen.directories) {
    directories.emplace_back(path);
    directories.back().check_trusted();
  }
  end_on(SIGTERM);
  end_on(SIGINT);
  setlinebuf(stdout);
  processes known;
  change_finder changes;
  process_tasks tasks(chosen.method.settings.timeout_ms + grace_ms);
  while (!ended) {
    const auto patches = rescan_all(directories);
    meet(known);
    changes.look_for_changes(known, tasks);
    for (const auto& [pid, process] : known)
      if (!ended)
        process->apply(patches, chosen.method, tasks);
    if (!ended)
      tasks.wait(chosen.interval_ms);
  }
  constexpr std::int64_t second = 1000;
  while (!tasks.is_idle())
    tasks.wait(second);
}

}  // namespace hotpatch::tools

int main(int argc, char** argv)
{
  using namespace hotpatch::tools;
  tell_of_shortened_files("hp-watch", exit_cut_off, look_at_process);
  const watch_options chosen = parse_watch_options(argc, argv);
  try {
    watch(chosen);
    return 0;
  } catch (const std::exception& failure) {
    complain("hp-watch", failure.what());
    return 1;
  }
}
