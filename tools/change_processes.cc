// From a command line to changed processes and an exit status.
//
// SPDX-License-Identifier: MIT
#include "tools/change_processes.h"

#include <algorithm>
#include <argp.h>
#include <cstdint>
#include <cstdio>
#include <iterator>
#include <memory>
#include <set>
#include <string>
#include <utility>

#include "outside/change_lock.h"
#include "outside/control_patching.h"
#include "processes/errors.h"
#include "processes/incarnation.h"
#include "processes/process_list.h"
#include "processes/text.h"
#include "runtime/base/countermeasure.h"
#include "runtime/base/deadline.h"
#include "runtime/base/number.h"
#include "tools/messages.h"
#include "tools/process_tasks.h"

namespace hotpatch::tools {

// --- How options ------------------------------------------------------------
// --level, --timeout, --dry-run, --allow-copies and others, by argp.

namespace {

enum : int { key_trace = 512, key_suspend_seccomp, key_allow_copies };

constexpr argp_option method_option_table[] = {
    {nullptr, 0, nullptr, 0, "How:", 2},
    {"level", 'l', "LEVEL", 0,
     "quiescent: when no thread is inside a function that changes; immediate: "
     "now; through a control socket also strict and safepoint.  If not given, "
     "what the patch states, or quiescent",
     2},
    {"timeout", 't', "SECONDS", 0, "How long to wait for threads", 2},
    {"dry-run", 'n', nullptr, 0, "Check everything and change nothing", 2},
    {"trace", key_trace, nullptr, 0,
     "Trace the process even if it offers a control socket", 2},
    {"suspend-seccomp", key_suspend_seccomp, nullptr, 0,
     "Suspend the seccomp filter of the thread that loads the patch, for as "
     "long "
     "as it takes; for root",
     2},
    {"allow-copies", key_allow_copies, nullptr, 0,
     "Replace functions although copies of them stay where the compiler has "
     "inlined them",
     2},
    {"verbose", 'v', nullptr, 0, "Print each step", 2},
    {}};

void parse_level(const char* text, change_method& method, argp_state* state)
{
  if (!format::parse_level(text, method.settings.level))
    argp_error(state, "--level: '%s' is not %s", text, format::level_choices);
}

error_t parse_method_option(int key, char* argument, argp_state* state)
{
  auto& method = *static_cast<change_method*>(state->input);
  switch (key) {
    case 'l':
      parse_level(argument, method, state);
      break;
    case 't':
      method.settings.timeout_ms = parse_seconds("timeout", argument, state);
      break;
    case 'n':
      method.settings.dry_run = true;
      break;
    case key_trace:
      method.traces = true;
      break;
    case key_allow_copies:
      method.settings.allow_copies = true;
      break;
    case key_suspend_seccomp:
      method.settings.suspend_seccomp = true;
      break;
    case 'v':
      method.settings.step_listener = [](const std::string& text) {
        print_line(stderr, text);
      };
      break;
    default:
      return ARGP_ERR_UNKNOWN;
  }
  return 0;
}

}  // namespace

const argp method_parser = {method_option_table,
                            parse_method_option,
                            nullptr,
                            nullptr,
                            nullptr,
                            nullptr,
                            nullptr};

std::int64_t parse_seconds(const char* option, std::string_view text,
                           argp_state* state)
{
  const auto seconds = parse_number<double>(text);
  if (!seconds || !(*seconds >= 0 && *seconds < 1e9))
    argp_error(state, "--%s: '%s' is not a number of seconds", option,
               text.data());
  return static_cast<std::int64_t>(*seconds * 1000);
}

// --- Change options ---------------------------------------------------------
// The command line of hp-apply and hp-revert, by argp.

namespace {

enum : int { key_all = 256, key_control };

constexpr argp_option option_table[] = {
    {nullptr, 0, nullptr, 0, "Which processes:", 1},
    {"all-processes-of", key_all, "PROGRAM", 0,
     "Every process that executes this file, instead of PID", 1},
    {"wait", 'w', nullptr, 0,
     "Wait for threads as long as it takes, and not only 10 seconds", 2},
    {"control", key_control, "SOCKET", 0,
     "Where the process offers its control socket, if that is not the usual "
     "place",
     2},
    {nullptr, 0, nullptr, 0, nullptr, -1},
    {}};

constexpr char apply_synopsis[] =
    "PID FILE...\n--all-processes-of=PROGRAM FILE...";
constexpr char apply_description[] =
    "Applies patch objects to a running process, which need not know of it.\v"
    "Exit status: 0 the patch is applied; 1 it was refused, nothing was "
    "changed; 2 a thread did not leave a function in time, nothing was "
    "changed; 3 a file became shorter while it was read; 4 a failure could not "
    "be "
    "undone, "
    "and what the process holds is said; 64 misuse.";
constexpr char revert_synopsis[] =
    "PID NAME...\n--all-processes-of=PROGRAM NAME...";
constexpr char revert_description[] =
    "Takes patches away from a running process.\v"
    "Exit status: 0 the patch is reverted; 1 it was refused, nothing was "
    "changed; 2 a thread did not leave a function in time, nothing was "
    "changed; 3 a file became shorter while it was read; 4 a failure could not "
    "be "
    "undone, "
    "and what the process holds is said; 64 misuse.";

constexpr std::int64_t for_ever_ms = std::int64_t{1} << 40;

void add_argument(const char* text, change_options& chosen, argp_state* state)
{
  if (chosen.pid != 0 || !chosen.program.empty()) {
    chosen.patches.emplace_back(text);
    return;
  }
  chosen.pid = parse_process_id(text).value_or(0);
  if (chosen.pid == 0)
    argp_error(state, "'%s' is not a process id", text);
}

error_t parse_one(int key, char* argument, argp_state* state)
{
  auto& chosen = *static_cast<change_options*>(state->input);
  switch (key) {
    case ARGP_KEY_INIT:
      state->child_inputs[0] = &chosen.method;
      break;
    case key_all:
      chosen.program = argument;
      break;
    case 'w':
      chosen.method.settings.timeout_ms = for_ever_ms;
      break;
    case key_control:
      chosen.method.control.path = argument;
      break;
    case ARGP_KEY_ARG:
      add_argument(argument, chosen, state);
      break;
    case ARGP_KEY_END:
      if (chosen.pid == 0 && chosen.program.empty())
        argp_error(state, "no PID and no --all-processes-of");
      if (chosen.patches.empty())
        argp_error(state, "no patch is named");
      break;
    default:
      return ARGP_ERR_UNKNOWN;
  }
  return 0;
}

}  // namespace

change_options parse_change_options(change_kind kind, int argc, char** argv)
{
  const bool apply = kind == change_kind::apply;
  constexpr argp_child children[] = {{&method_parser, 0, nullptr, 0}, {}};
  const argp parser = {option_table,
                       parse_one,
                       apply ? apply_synopsis : revert_synopsis,
                       apply ? apply_description : revert_description,
                       children,
                       nullptr,
                       nullptr};
  change_options chosen;
  argp_parse(&parser, argc, argv, 0, nullptr, &chosen);
  return chosen;
}

// --- Change patch -----------------------------------------------------------
// The control socket first, then ptrace(2).

namespace {

// By the process itself, or else by tracing it.
template <typename Itself, typename Traced>
outside::apply_result change(const change_method& method, pid_t pid,
                             Itself itself, Traced traced)
{
  const outside::change_lock lock(
      pid, deadline::in_milliseconds(method.settings.timeout_ms),
      method.settings.step_listener);
  if (!method.traces) {
    outside::control_patching control(pid, method.settings, method.control);
    if (const auto result = itself(control))
      return *result;
  }
  const format::level level = method.settings.level;
  if (level == format::level::strict || level == format::level::safepoint)
    throw tool_error(process_text(pid) +
                     " is traced, which knows only the levels quiescent and "
                     "immediate; for others it has to offer a control socket");
  outside::live_patching process(lock, method.settings);
  for (const std::string& damage : process.damages())
    print_line(stderr, process_text(pid) + ": warning: " + damage);
  return traced(process);
}

}  // namespace

outside::apply_result apply_patch(const change_method& method, pid_t pid,
                                  outside::patch_object& patch)
{
  const auto apply = [&](auto& way) { return way.apply(patch); };
  return change(method, pid, apply, apply);
}

outside::apply_result change_patch(change_kind kind,
                                   const change_method& method, pid_t pid,
                                   const std::string& patch)
{
  if (kind == change_kind::apply)
    return apply_patch(method, pid, *outside::open_patch_object(patch));
  const auto revert = [&](auto& way) { return way.revert(patch); };
  return change(method, pid, revert, revert);
}

// --- Change report ----------------------------------------------------------
// One line, and the report of a dry run.

namespace {

std::string milliseconds(std::int64_t nanoseconds)
{
  char text[32];
  std::snprintf(text, sizeof text, "%.3f ms",
                static_cast<double>(nanoseconds) / 1e6);
  return text;
}

}  // namespace

void tell_change(change_kind kind, bool dry_run, pid_t pid,
                 const outside::apply_result& result, std::int64_t took_ns)
{
  const char* what = kind == change_kind::apply ? "applied" : "reverted";
  const std::string process = process_text(pid) + ": ";
  const std::string patch = process + result.name;
  const std::string functions =
      std::to_string(result.functions) +
      (result.functions == 1 ? " function" : " functions");
  for (const std::string& each : result.warnings)
    print_line(stderr, patch + ": warning: " + each);
  if (!result.changed) {
    print_line(stdout, patch + " was " + what + " already");
    return;
  }
  if (dry_run) {
    print_line(stdout, patch + " can be " + what + ", " + functions);
    for (const std::string& line : result.report)
      print_line(stdout, "  " + line);
    return;
  }
  const std::string done = patch + " is " + what + ", " + functions;
  if (result.by_itself) {
    print_line(stdout, done + ", by itself in " + milliseconds(took_ns));
    if (!result.stays.empty())
      print_line(stdout, process + "its code stays loaded: " + result.stays);
    return;
  }
  std::string line =
      done + "; it stood still for " + milliseconds(result.stood_ns);
  if (result.away_ns != 0)
    line += ", one thread was away for " + milliseconds(result.away_ns) + ',';
  print_line(stdout, line + " of " + milliseconds(took_ns));
  if (!result.suspended.empty())
    print_line(stdout, process + "the seccomp filter of " + result.suspended +
                           " was suspended while it was away");
  if (!result.stays.empty())
    print_line(stdout, process + "its code stays loaded: " + result.stays);
  if (!result.unended.empty())
    print_line(stdout, process + result.unended);
}

// --- Change processes -------------------------------------------------------
// Going through processes and patches.

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
  void complain_of(const std::string& text) const
  {
    complain(name_of(kind_), text);
  }
  int change(pid_t pid, const std::string& patch, const process_handle* run);
  int change(pid_t pid, const process_handle* run);
  bool begin(pid_t pid, process_tasks& tasks);
  void end_task(const process_handle& run, const task_result& result);

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
        change_patch(kind_, chosen_.method, pid, patch);
    tell_change(kind_, chosen_.method.settings.dry_run, pid, result,
                monotonic_now() - start);
    return result.changed ? changed : nothing_to_do;
  } catch (const process_busy& reason) {
    complain_of(process_lines(pid, reason.what()));
    return busy;
  } catch (const half_changed& reason) {
    complain_of(process_lines(pid, reason.what()));
    return half;
  } catch (const std::exception& reason) {
    if (run != nullptr && !run->runs_the_same())
      return has_ended;
    complain_of(process_lines(pid, reason.what()));
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

void changing::end_task(const process_handle& run, const task_result& result)
{
  int outcomes = result.status;
  if (!result.failure.empty()) {
    outcomes = run.runs_the_same() ? refused : has_ended;
    if (outcomes == refused)
      complain_of(process_lines(run.id(), result.failure));
  }
  if ((outcomes & has_ended) == 0)
    ++living_;
  round_ |= outcomes;
}

// False: it has had its turn, or has ended.
bool changing::begin(pid_t pid, process_tasks& tasks)
{
  // Its parent's turn is its own.
  if (HP_COUNTERMEASURE(pass_over_vfork_children) && memory_owner(pid) != 0)
    return false;
  try {
    const auto run = std::make_shared<const process_handle>(pid);
    if (!known_.emplace(pid, run->run()).second)
      return false;
    tasks.start(
        [this, run](std::string&) { return change(run->id(), run.get()); },
        [this, run](const task_result& result) { end_task(*run, result); });
    return true;
  } catch (const no_process&) {
    return false;
  } catch (const std::exception& reason) {
    complain_of(process_lines(pid, reason.what()));
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
  const std::int64_t limit_ms = chosen_.method.settings.timeout_ms + grace_ms;
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
      complain_of("more and more processes execute " + chosen_.program +
                  ", and some have not had their turn");
      round_ |= busy;
      again = false;
    }
  }
  if (living_ == 0) {
    complain_of("no process executes " + chosen_.program);
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
