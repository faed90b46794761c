// Requests, and what their outcomes mean.
//
// SPDX-License-Identifier: MIT
#include "outside/control_patching.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <string_view>

#include "format/control_protocol.h"
#include "outside/patch_object.h"
#include "outside/target_images.h"
#include "outside/target_memory.h"
#include "processes/errors.h"
#include "processes/incarnation.h"
#include "processes/process_list.h"
#include "runtime/base/deadline.h"
#include "runtime/base/file_descriptor.h"
#include "runtime/base/number.h"
#include "runtime/base/sealed_file.h"

namespace hotpatch::outside {

namespace {

constexpr auto no_reports = [](const control_report&) {};

template <typename Number>
Number number_of(const std::string& text)
{
  return parse_number<Number>(text).value_or(0);
}

controlled_patch patch_of(const control_report& report)
{
  return {report.subject, number_of<std::uint32_t>(report.field("version")),
          number_of<std::size_t>(report.field("sites")),
          number_of<std::uint64_t>(report.field("sequence")),
          report.field("path")};
}

std::string sendable(const std::string& path)
{
  if (path.find('\n') != std::string::npos)
    throw tool_error(path +
                     ": a path with a line break cannot be sent to a "
                     "process");
  return path;
}

// "patch "fix" is taken away, but its code stays loaded: WHY" -> "WHY"
std::string reason_in(const std::string& message)
{
  constexpr std::string_view head = "its code stays loaded: ";
  const std::size_t at = message.find(head);
  return at == std::string::npos ? message : message.substr(at + head.size());
}

// The bytes that were checked, in a file that cannot be written to.
int sealed_copy(const patch_object& patch)
{
  const int made = make_sealed_file(patch.path.c_str(), patch.file.bytes(),
                                    sealed_for::reading);
  if (made < 0)
    throw tool_error(patch.path + ": no copy can be made in memory: " +
                     std::strerror(errno));
  return made;
}

}  // namespace

control_patching::control_patching(pid_t process,
                                   const apply_settings& settings,
                                   control_wishes wishes)
    : process_(process), settings_(settings), wishes_(std::move(wishes))
{
}

void control_patching::report_step(const std::string& text) const
{
  if (settings_.step_listener)
    settings_.step_listener(process_lines(process_, text));
}

std::optional<control_outcome> control_patching::ask(
    const std::string& request, int file,
    const std::function<void(const control_report&)>& report) const
{
  const process_handle asked(process_);
  const auto connection =
      control_connection::open(process_, wishes_.path, settings_.timeout_ms);
  if (connection == nullptr) {
    if (!wishes_.path.empty())
      throw tool_error(process_text(process_) +
                       " offers no control socket at " + wishes_.path);
    report_step("offers no control socket; falling back to ptrace");
    return {};
  }
  report_step("is asked through its control socket, " + connection->path());
  const std::int64_t wait = std::min<std::int64_t>(
      settings_.timeout_ms, format::control_longest_wait_ms);
  control_outcome outcome = connection->ask(request, file, wait, report);
  if (outcome.obeys && asked.is_alive() && !asked.runs_the_same())
    throw tool_error(process_text(process_) +
                     " executes another program since, which is not patched");
  if (outcome.obeys)
    return outcome;
  report_step("refused the request (" + outcome.message +
              "); falling back to ptrace");
  return {};
}

// A process waits no longer than a minute for one request.
template <typename Ask>
std::optional<control_outcome> control_patching::ask_until(Ask ask) const
{
  const deadline until = deadline::in_milliseconds(settings_.timeout_ms);
  for (;;) {
    std::optional<control_outcome> outcome = ask();
    if (!outcome || outcome->status != HP_BUSY || until.passed())
      return outcome;
    report_step(outcome->message);
    constexpr std::int64_t pause = 10'000'000;
    sleep_for(std::min(pause, until.left()));
  }
}

std::string control_patching::options() const
{
  const std::int64_t timeout = std::min<std::int64_t>(
      settings_.timeout_ms, format::control_longest_wait_ms);
  std::string text = "timeout " + std::to_string(timeout) + '\n';
  if (settings_.level != format::level::unstated)
    text += std::string("level ") + format::name_of(settings_.level) + '\n';
  return text;
}

std::optional<apply_result> control_patching::apply(patch_object& patch)
{
  const file_descriptor file(sealed_copy(patch));
  apply_result result;
  result.name = patch.name;
  result.functions = patch.contents().replacements.size();
  result.by_itself = true;
  std::string request = "load\npath " + sendable(patch.path) + '\n' + options();
  if (settings_.dry_run)
    request += "check\n";
  if (settings_.allow_copies)
    request += "allow-copies\n";
  std::string wrong;
  hp_status finding = HP_OK;
  const auto collect = [&](const control_report& report) {
    finding = static_cast<hp_status>(number_of<int>(report.subject));
    wrong += wrong.empty() ? "" : "\n";
    wrong += report.rest;
  };
  const auto outcome =
      ask_until([&] { return ask(request, file.get(), collect); });
  if (!outcome)
    return {};
  if (outcome->status == HP_OK) {
    if (!wrong.empty())  // what is allowed
      result.report.push_back("warning: " + wrong);
    return result;
  }
  const bool only_that = wrong.empty() || finding == HP_APPLIED;
  if (outcome->status == HP_APPLIED && only_that) {
    result.changed = false;
    return result;
  }
  const std::string message = wrong.empty() ? outcome->message : wrong;
  if (outcome->status == HP_BUSY)
    throw process_busy(process_lines(process_, message));
  throw tool_error(process_lines(process_, message));
}

bool control_patching::has(const std::string& name)
{
  const auto now = status();
  return now && std::any_of(now->patches.begin(), now->patches.end(),
                            [&](const controlled_patch& each) {
                              return each.name == name;
                            });
}

std::optional<apply_result> control_patching::revert(const std::string& name)
{
  apply_result result;
  result.name = name;
  result.by_itself = true;
  const auto note = [&](const control_report& report) {
    if (report.kind == "patch" && report.subject == name)
      result.functions = patch_of(report).sites;
  };
  if (settings_.dry_run) {
    const auto outcome = ask("status\n", -1, note);
    if (!outcome || (result.functions == 0 && has_from_outside(name)))
      return {};
    if (result.functions == 0)
      throw no_patch(process_, name);
    return result;
  }
  const std::string request = "unload\nname " + name + '\n' + options();
  const auto outcome = ask_until([&] { return ask(request, -1, note); });
  if (!outcome)
    return {};
  // What the library took away was only loaded, or it knows nothing of it.
  const bool was_not_applied =
      outcome->status == HP_NOT_APPLIED ||
      (outcome->status == HP_OK && result.functions == 0);
  if (was_not_applied && has_from_outside(name)) {
    report_step(name + " was applied from outside; falling back to ptrace");
    return {};
  }
  if (outcome->status == HP_NOT_APPLIED)
    throw no_patch(process_, name);
  if (outcome->status == HP_OK) {
    result.stays = reason_in(outcome->message);
    if (result.stays.empty() && is_loaded(name))
      result.stays = "the dynamic linker of the process keeps it";
    return result;
  }
  if (outcome->status != HP_BUSY)
    throw tool_error(process_lines(process_, outcome->message));
  if (has(name))
    throw process_busy(process_lines(process_, outcome->message));
  result.stays = reason_in(outcome->message);
  return result;
}

// As far as may be seen.
bool control_patching::is_loaded(const std::string& name) const
{
  try {
    const target_images images(process_);
    const auto loaded = loaded_patch_objects(images);
    return std::any_of(loaded.begin(), loaded.end(),
                       [&](const auto& each) { return each->name == name; });
  } catch (const tool_error&) {
    return false;
  }
}

// Applied by tracing the process.
bool control_patching::has_from_outside(const std::string& name) const
{
  try {
    const target_images images(process_);
    const target_memory memory(process_);
    for (const auto& each : loaded_patch_objects(images))
      if (each->name == name && load_state(memory, *each).agent != 0)
        return true;
  } catch (const tool_error&) {
    report_step("cannot be read, so no tool can have traced it");
  }
  return false;
}

std::optional<controlled_process> control_patching::status()
{
  controlled_process found;
  const auto outcome = ask("status\n", -1, [&](const control_report& report) {
    if (report.kind == "program") {
      found.program = report.subject;
      found.images = number_of<std::size_t>(report.field("images"));
    } else if (report.kind == "patch") {
      found.patches.push_back(patch_of(report));
    }
  });
  if (!outcome)
    return {};
  if (outcome->status != HP_OK)
    throw tool_error(process_lines(process_, outcome->message));
  return found;
}

}  // namespace hotpatch::outside
