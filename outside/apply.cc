// The order in which a process is patched from outside.
//
// SPDX-License-Identifier: MIT
#include "outside/apply.h"

#include <algorithm>
#include <cstddef>
#include <map>
#include <set>
#include <utility>

#include <unistd.h>

#include "format/changing.h"
#include "outside/object_loading.h"
#include "outside/remote_call.h"
#include "outside/remote_call_point.h"
#include "outside/site_switch.h"
#include "outside/stopped_process.h"
#include "outside/switch_hooks.h"
#include "outside/tracer.h"
#include "processes/memory.h"
#include "processes/process_list.h"
#include "processes/text.h"
#include "runtime/base/back_off.h"
#include "runtime/base/countermeasure.h"
#include "runtime/base/status.h"
#include "runtime/include/hotpatch.h"
#include "runtime/model/patch_rules.h"
#include "runtime/objects/import_stores.h"
#include "runtime/objects/patch_check.h"
#include "runtime/objects/private_copy.h"
#include "runtime/sites/name_demangle.h"

namespace hotpatch::outside {

namespace {

// Whether a thread of the process has this number in the innermost PID
// namespace that it is in: the last one of NSpid (proc_pid_status(5)).
bool has_own_number(pid_t process, std::uint64_t number)
{
  for (const pid_t thread : threads_of(process)) {
    const std::string numbers =
        status_field(thread_file(process, thread, "status"), "NSpid");
    const std::size_t last = numbers.find_last_of(" \t");
    if (numbers.substr(last == std::string::npos ? 0 : last + 1) ==
        std::to_string(number))
      return true;
  }
  return false;
}

// Owns the rule that a refusal names all reasons at once: each check is tried,
// whatever the others said.
class all_reasons {
 public:
  template <typename Check>
  void attempt(Check check)
  {
    try {
      check();
    } catch (const tool_error& reason) {
      add(reason.what());
    }
  }

  // Throws tool_error with all that was found, a line each.
  void throw_any() const
  {
    if (!text_.empty())
      throw tool_error(text_);
  }

 private:
  void add(const char* reason)
  {
    text_ += text_.empty() ? "" : "\n";
    text_ += reason;
  }

  std::string text_;
};

std::string place(const char* file, std::uint32_t line)
{
  std::string text;
  append_printable(text, file);
  return text + ':' + std::to_string(line);
}

void add_target(const patch_target& target, std::vector<std::string>& lines)
{
  const patch_replacement& by = *target.replacement;
  std::string text = "replaces ";
  append_printable(text, by.target);
  text += ": ";
  append_printable(text, target.where.prototype);
  lines.push_back(text);
  lines.push_back("  at " + place(target.where.file, target.where.line) +
                  " in " + target.image->path);
  text = "  by ";
  append_printable(text, by.name);
  lines.push_back(text + ", " + place(by.file, by.line));
}

std::string describe_import(const import_value& import)
{
  std::string text = "uses ";
  append_printable(text, import.symbol);
  return text + " of " + import.image->path;
}

// Of imports that may mean something else than was meant.
std::vector<std::string> warnings_of(const checked_patch& checked)
{
  std::vector<std::string> all;
  for (const import_value& each : checked.imports) {
    if (*each.unnamed_file == '\0')
      continue;
    std::string text = "uses ";
    append_printable(text, each.symbol);
    text += ", the only one in the program, which is static in ";
    append_printable(text, each.unnamed_file);
    text +=
        "; another file may have had one that the compiler has left out.  "
        "If this one is meant, write FILE:NAME in HP_IMPORT";
    all.push_back(text);
  }
  return all;
}

std::string describe_own(const own_definition& own)
{
  char plain[300];
  std::string text = own.is_function ? "has its own function "
                                     : "warning: has its own variable ";
  append_printable(text,
                   demangle(own.name, name_form::full, plain, sizeof plain));
  text += ", as has ";
  append_printable(text, own.image->path);
  if (*own.file != '\0') {
    text += " (";
    append_printable(text, own.file);
    text += ')';
  }
  return text + (own.is_function
                     ? ": the patch calls its own, all others the program's"
                     : ": the patch begins with a new one; use HP_IMPORT to "
                       "share the program's");
}

// Which functions are replaced, and what else of the program is used.
std::vector<std::string> describe(const checked_patch& checked)
{
  std::vector<std::string> lines;
  for (const patch_target& each : checked.targets)
    add_target(each, lines);
  // Not the data of inline functions, of which both have a copy.
  for (const import_value& each : checked.imports)
    if (each.image != nullptr && each.own == 0)
      lines.push_back(describe_import(each));
  for (const own_definition& each : checked.own)
    lines.push_back(describe_own(each));
  return lines;
}

using format::patch_phase;

constexpr std::int64_t millisecond = 1'000'000;

// Copies of the library in one image.
constexpr std::uint64_t most_notes = 8;

std::string version_text(const patch_object& patch)
{
  return patch.name + ", version " + std::to_string(patch.contents().version);
}

// The part of format::patch_state that a change writes, in one write: the
// kernel does not do it in parts.
struct state_note {
  std::uint32_t phase;
  std::uint32_t agent;
  std::uint64_t sequence;
};
static_assert(offsetof(format::patch_state, phase) + 4 ==
              offsetof(format::patch_state, agent));
static_assert(offsetof(format::patch_state, agent) + 4 ==
              offsetof(format::patch_state, sequence));

state_note note_in(const format::patch_state& state)
{
  return {state.phase, state.agent, state.sequence};
}

// What makes two reasons the same for who reads them one after the other.
std::string without_addresses(const std::string& text)
{
  std::string rest;
  for (std::size_t at = 0; at < text.size();) {
    if (text.compare(at, 2, "0x") == 0)
      at = std::min(text.find_first_not_of("0123456789abcdef", at + 2),
                    text.size());
    else
      rest += text[at++];
  }
  return rest;
}

// With this process as the agent: it tells patches that were applied from
// outside from those of the program's own library.
state_note new_note(patch_phase phase, std::uint64_t sequence)
{
  return {static_cast<std::uint32_t>(phase),
          static_cast<std::uint32_t>(getpid()), sequence};
}

void store_note(change_journal& journal, const loaded_patch& patch,
                const state_note& old, const state_note& now)
{
  journal.store(
      patch.object->state_address() + offsetof(format::patch_state, phase), old,
      now);
}

// Of a patch that is given up.
void store_loaded(change_journal& journal, const loaded_patch& patch)
{
  store_note(journal, patch, note_in(patch.state),
             new_note(patch_phase::loaded, 0));
}

bool same_build(patch_object& a, patch_object& b)
{
  const build_id id = a.file.elf().id();
  return id.present() && id == b.file.elf().id();
}

// May the file take the place of another build of the patch?
void check_version_of(const patch_object& file, const loaded_patch& present)
{
  const hp_status status =
      check_version(file.name.c_str(), file.contents().version,
                    {present.object->contents().version, !present.lost});
  if (status == HP_APPLIED)
    throw tool_error(
        std::string(last_message()) +
        ", from another file; revert it first, or give the new one "
        "a higher version");
  throw_if_failed(status);
}

// With every thread standing while sites change, no thread can meet a mixture:
// from outside, immediate keeps what strict promises, too.
format::level stated_level(const patch_object& patch)
{
  const format::level stated = patch.contents().level;
  if (stated == format::level::safepoint)
    throw tool_error(
        patch.name +
        " is to be applied at safe points, of which only the program "
        "itself knows (hp_load); --level=quiescent does without");
  return stated == format::level::unstated || stated == format::level::quiescent
             ? format::level::quiescent
             : format::level::immediate;
}

}  // namespace

// What the process has of that name already.
struct live_patching::present_patch {
  const loaded_patch* same = nullptr;   // the same build
  const loaded_patch* other = nullptr;  // another one

  bool is_applied() const { return same != nullptr && same->is_applied(); }
};

// What is under way.
struct live_patching::change {
  patch_object* file = nullptr;  // that is to be applied; null: one is reverted
  std::uint64_t bias = 0;        // of the patch object, 0: not loaded yet
  bool loads = false;            // it was not loaded before
  std::uint64_t older_bias = 0;  // of what is given up for it, 0: nothing
  format::level level = format::level::quiescent;
  switch_plan plan;
  // What import slots held before they were first stored to.
  std::map<std::uint64_t, std::uint64_t> slots;
};

tool_error no_patch(pid_t process, const std::string& name)
{
  return tool_error(process_text(process) + " has no patch named \"" + name +
                    "\"; hp-status shows those that it has");
}

live_patching::live_patching(const change_lock& lock,
                             const apply_settings& settings)
    : process_(lock.process()),
      settings_(settings),
      until_(deadline::in_milliseconds(settings.timeout_ms)),
      memory_((wait_until_started(process_, until_), process_)),
      patches_(process_, memory_),
      cells_(memory_)
{
  refuse_shadow_stack(process_);
  refuse_shared_memory(process_);
}

void live_patching::report_step(const std::string& text) const
{
  if (settings_.step_listener)
    settings_.step_listener(process_text(process_) + ": " + text);
}

// For what has to be ended because it was begun, although the time is over.
deadline live_patching::until_end() const
{
  constexpr std::int64_t grace_ms = 1000;
  return until_.or_later(deadline::in_milliseconds(grace_ms));
}

// Searching the C library for it takes longer than looking at the images.
const target_code& live_patching::code()
{
  if (code_)
    find_libraries(patches_.images(), *code_);
  else
    code_ = find_target_code(patches_.images());
  return *code_;
}

template <typename Action>
void live_patching::borrow(deadline until, Action action)
{
  const target_code& known = code();
  remote_call_point place(patches_.images(), known, memory_,
                          {settings_.suspend_seccomp});
  std::string name;
  std::int64_t since = 0;
  try {
    tracee lender = place.find(until);
    since = lender.stopped_since();
    if (is_filtered(process_, lender.id())) {
      lender.suspend_filters(true);
      suspended_ = thread_text(process_, lender.id());
    }
    name = thread_text(process_, lender.id());
    borrowed_thread thread(lender, memory_, known.borrowed, until);
    action(thread, known);
  } catch (const unfinished_call&) {
    code_is_in_use_ = HP_COUNTERMEASURE(keep_code_in_use);
    throw;
  }
  // Not before: the reader may keep this process waiting.
  const std::int64_t away = monotonic_now() - since;
  away_ns_ += away;
  report_step(name + " was borrowed for " + std::to_string(away / 1000) +
              " us");
}

void live_patching::try_to_borrow()
{
  std::string name;
  {
    const tracee lender = remote_call_point(patches_.images(), code(), memory_,
                                            {settings_.suspend_seccomp})
                              .find(until_);
    name = thread_text(process_, lender.id());
  }
  report_step(name + " could be borrowed");
}

format::level live_patching::level_for(const patch_object& patch) const
{
  return settings_.level != format::level::unstated ? settings_.level
                                                    : stated_level(patch);
}

// What another hp-apply or hp-watch made a thread do, and this one would have
// another thread do as well.
void live_patching::refuse_held_thread()
{
  if (!HP_COUNTERMEASURE(one_held_thread))
    return;
  const std::string held = find_held_thread(process_, patches_.images().maps(),
                                            memory_, until_end());
  if (!held.empty())
    throw process_busy(process_text(process_) + ": " + held +
                       " has not come back from a hook or a constructor that "
                       "an earlier command made it call; no other thread is "
                       "borrowed until it has");
}

void live_patching::store_imports(change& what, const checked_patch& checked)
{
  struct slots {
    const target_memory& memory;
    const std::map<std::uint64_t, std::uint64_t>& stored;
  };
  slots known = {memory_, what.slots};
  const slot_reader reader = {
      [](std::uint64_t address, std::uint64_t& value, void* data) {
        const slots& all = *static_cast<slots*>(data);
        if (const auto before = all.stored.find(address);
            before != all.stored.end()) {
          value = before->second;
          return true;
        }
        return all.memory.read_some(address,
                                    {reinterpret_cast<std::uint8_t*>(&value),
                                     sizeof value}) == sizeof value;
      },
      &known};
  array<import_store> stores;
  throw_if_failed(plan_import_stores(
      what.file->file.elf(), what.bias,
      {checked.imports.data(), checked.imports.size()}, reader, stores));
  for (const import_store& each : stores) {
    what.slots.try_emplace(each.address,
                           memory_.load<std::uint64_t>(each.address));
    memory_.store(each.address, each.value);
  }
}

// Everything that the change depends on, of the process as it is now.
void live_patching::look_again(change& what)
{
  patches_.refresh();
  switch_plan plan;
  plan.apply = what.file != nullptr;
  plan.patch = patches_.find_bias(what.bias);
  plan.older =
      what.older_bias != 0 ? patches_.find_bias(what.older_bias) : nullptr;
  if (plan.patch == nullptr)
    throw tool_error(process_text(process_) +
                     " does not have the patch object any more; something else "
                     "has unloaded it");
  if (what.file != nullptr) {
    patches_.check_needs(*what.file);
    std::string copies;
    const checked_patch checked = patches_.check_object(
        *what.file, settings_.allow_copies ? &copies : nullptr);
    store_imports(what, checked);
    plan.sequence = patches_.newest_sequence() + 1;
  } else {
    patches_.check_unneeded(plan.patch->object->name);
  }
  make_plan(patches_, memory_, plan);
  if (what.level == format::level::immediate)
    plan.code.clear();
  what.plan = std::move(plan);
}

// Everything that comes in between counts as a reason to plan again.
std::string live_patching::find_stale(const switch_plan& plan)
{
  if (!HP_COUNTERMEASURE(plan_again))
    return {};
  std::string changed = patches_.changed_since_look();
  if (!changed.empty())
    return changed;
  changed = site_switch(memory_).changed_since(plan.changes);
  return changed.empty() ? changed
                         : "the patch site of " + changed + " changed";
}

void live_patching::switch_standing(const switch_plan& plan)
{
  const state_note during =
      new_note(plan.apply ? patch_phase::applying : patch_phase::reverting,
               plan.sequence);
  const state_note after = new_note(
      plan.apply ? patch_phase::applied : patch_phase::loaded, plan.sequence);
  change_journal journal(memory_);
  try {
    store_note(journal, *plan.patch, note_in(plan.patch->state), during);
    site_switch(memory_).commit(plan.changes, journal);
    store_note(journal, *plan.patch, during, after);
    if (plan.older != nullptr)
      store_loaded(journal, *plan.older);
    for (const loaded_patch* each : plan.lost)
      store_loaded(journal, *each);
  } catch (const std::exception& failure) {
    if (journal.undo())
      throw;
    check_process(process_);  // was it killed?
    throw half_changed(describe_half(plan) + "; " + failure.what() +
                       ", and that could not be undone");
  }
}

// "process 1: fix is half applied (first leads to it, second does not yet)"
std::string live_patching::describe_half(const switch_plan& plan)
{
  std::string text = process_text(process_) + ": " + plan.patch->object->name +
                     (plan.apply ? " is half applied" : " is half reverted");
  const char* between = " (";
  for (site_change each : plan.changes) {
    const std::uint64_t before = each.active;
    text += between + each.name;
    between = ", ";
    try {
      site_switch(memory_).read_sites({&each, 1});
      text += each.active == each.wanted() ? " is changed"
              : each.active == before      ? " is as it was"
                                      : " is neither as it was nor changed";
    } catch (const std::exception&) {
      text += " cannot be read";
    }
  }
  return text +
         "), and its code stays loaded; hp-apply with the same file finishes "
         "it, hp-revert takes it away";
}

// While all stand: the process's own library is in the middle of a change.
std::string live_patching::find_own_change() const
{
  for (const target_image& image : patches_.images().all()) {
    elf_section notes;
    if (!image.file->find_section(format::changing_section_name, 0, notes))
      continue;
    const std::uint64_t count =
        std::min(notes.size / sizeof(format::changing_thread), most_notes);
    for (std::uint64_t i = 0; i < count; ++i) {
      const auto number = memory_.load<format::changing_thread>(
          notes.address + image.bias + i * sizeof(format::changing_thread));
      if (number != 0 && has_own_number(process_, number))
        return "its own library is in the middle of a change";
    }
  }
  return {};
}

void live_patching::stop_and_switch(change& what, apply_result& result)
{
  back_off pauses(millisecond / 10);
  std::set<std::string> reported;
  for (;;) {
    // Not in the middle of it: who is inside is the better answer.
    stopped_process all(process_, until_end());
    const std::string stale = find_stale(what.plan);
    std::string inside;
    if (stale.empty())
      inside = find_own_change();
    if (stale.empty() && inside.empty() && HP_COUNTERMEASURE(search_threads))
      inside = find_inside(all, what.plan.code);
    if (stale.empty() && inside.empty()) {
      switch_standing(what.plan);
      cells_.keep();
      result.stood_ns = all.release();
      return;
    }
    const std::int64_t stood = all.release();
    const std::string why = stale.empty() ? inside : stale + " meanwhile";
    if (reported.insert(without_addresses(why)).second)
      report_step(why);
    if (until_.passed())
      throw process_busy(process_text(process_) + ": " + why);
    if (!stale.empty()) {
      look_again(what);
      if (!cells_.reuse(what.plan.changes))
        borrow(until_, [&](borrowed_thread& thread, const target_code&) {
          cells_.give(thread, what.plan.changes);
        });
    }
    tracer::pause(std::min(pauses.after(stood), until_.left()));
  }
}

void live_patching::end_hooks(switch_hooks& hooks, apply_result& result)
{
  if (!hooks.any_after())
    return;
  try {
    borrow(until_end(), [&](borrowed_thread& thread, const target_code&) {
      hooks.after(thread);
    });
  } catch (const std::exception& reason) {
    result.unended = reason.what();
  }
}

// After a failure: what was begun is ended, and what was brought is taken away.
void live_patching::clean_up(change& what, switch_hooks& hooks)
{
  try {
    if (hooks.any_to_take_back())
      borrow(until_end(), [&](borrowed_thread& thread, const target_code&) {
        hooks.take_back(thread);
      });
  } catch (const std::exception& reason) {
    report_step(
        std::string("what consented cannot be told that nothing came of it: ") +
        reason.what());
  }
  try {
    if (cells_.any_to_drop())
      borrow(until_end(), [&](borrowed_thread& thread, const target_code&) {
        cells_.drop(thread);
      });
  } catch (const std::exception& reason) {
    report_step(std::string("memory for far jumps stays mapped: ") +
                reason.what());
  }
  if (what.loads && what.bias != 0)
    unload_if_possible(what.bias);
}

void live_patching::load(change& what)
{
  std::set<std::uint64_t> before;
  for (const loaded_patch& each : patches_.all())
    before.insert(each.object->bias);
  refuse_held_thread();
  try {
    borrow(until_, [&](borrowed_thread& thread, const target_code& code) {
      what.bias = load_object(thread, memory_, code, *what.file);
    });
  } catch (const std::exception&) {
    // It may have been loaded all the same.
    patches_.refresh();
    for (const loaded_patch& each : patches_.all())
      if (!before.contains(each.object->bias) &&
          same_build(*each.object, *what.file))
        what.bias = each.object->bias;
    what.loads = true;
    throw;
  }
  // The dynamic linker gives a file that it has loaded before once more.
  what.loads = !before.contains(what.bias);
}

// Cells, constructors, which use the imports, and hooks that have to consent.
void live_patching::prepare(change& what, switch_hooks& hooks)
{
  hooks.concern(what.plan);
  const bool has_cells = cells_.reuse(what.plan.changes);
  const bool is_constructed =
      what.file == nullptr ||
      is_object_constructed(memory_, *what.file, what.bias);
  if (has_cells && is_constructed && !hooks.any_before())
    return;
  refuse_held_thread();
  borrow(until_, [&](borrowed_thread& thread, const target_code& code) {
    cells_.give(thread, what.plan.changes);
    if (!is_constructed)
      construct_object(thread, memory_, code, *what.file, what.bias);
    hooks.before(thread);
  });
}

// The whole of a change, in its order.
void live_patching::carry_out(change& what, apply_result& result)
{
  switch_hooks hooks(memory_);
  try {
    if (what.bias == 0)
      load(what);
    look_again(what);
    prepare(what, hooks);
    stop_and_switch(what, result);
  } catch (const half_changed&) {
    throw;
  } catch (const unfinished_call& late) {
    clean_up(what, hooks);
    const std::string message = process_text(process_) + ": " + late.what() +
                                "; no function was changed";
    if (HP_COUNTERMEASURE(call_what_hangs_once))
      throw process_held(message);
    throw process_busy(message);
  } catch (const std::exception&) {
    clean_up(what, hooks);
    throw;
  }
  end_hooks(hooks, result);
}

// Empty, or why it stays loaded.
std::string live_patching::unload_if_possible(std::uint64_t bias)
{
  try {
    if (code_is_in_use_)
      throw tool_error("a thread is in it that has not come back");
    if (const loaded_patch* patch = patches_.find_bias(bias);
        patch != nullptr &&
        (load_state(memory_, *patch->object).flags & format::state_stays) != 0)
      throw tool_error(stays_constructed);
    borrow(until_end(), [&](borrowed_thread& thread, const target_code& code) {
      if (!unload_object(thread, memory_, code, bias))
        throw tool_error(
            "the dynamic linker of the process keeps it (it is linked with "
            "-z nodelete, something else uses it, or this C library never "
            "unloads)");
    });
    return {};
  } catch (const std::exception& reason) {
    const std::string text = reason.what();
    report_step("the code that is not used stays loaded: " + text);
    return text;
  }
}

// Into an object of the caller: GCC 12 returns the value into the variable that
// it is assigned to, which an exception leaves half written.
void live_patching::find_present(patch_object& file,
                                 present_patch& present) const
{
  const loaded_patch* found = patches_.find_name(file.name);
  if (found == nullptr)
    return;
  const bool same = same_build(*found->object, file);
  if (found->is_left_for_good()) {
    if (same)
      present.same = found;
    return;
  }
  if (same && found->lost && found->is_noted_applied())
    report_step(
        version_text(*found->object) +
        " is not in effect any more, because what it replaces functions of "
        "was loaded again; it is applied again");
  else if (!found->is_noted_applied())
    report_step(version_text(*found->object) +
                " was left half done by an hp-apply that was interrupted");
  else if (!same)
    check_version_of(file, *found);
  (same ? present.same : present.other) = found;
}

apply_result live_patching::apply(patch_object& file)
{
  apply_result result;
  result.name = file.name;
  result.functions = file.contents().replacements.size();
  present_patch present;
  checked_patch checked;
  std::string copies;
  all_reasons wrong;
  wrong.attempt([&] { find_present(file, present); });
  result.changed = !present.is_applied();
  if (!result.changed)
    return result;
  wrong.attempt([&] { patches_.check_needs(file); });
  wrong.attempt([&] {
    checked =
        patches_.check_object(file, settings_.allow_copies ? &copies : nullptr);
    check_sites(patches_, memory_, checked);
  });
  wrong.attempt([&] {
    (void)code();
    if (settings_.dry_run)
      try_to_borrow();
  });
  wrong.attempt([&] { (void)level_for(file); });
  wrong.throw_any();
  report_step(version_text(file) + ": all checks passed");
  result.warnings = warnings_of(checked);
  if (!copies.empty())
    report_step("warning: " + copies);
  if (settings_.dry_run) {
    result.report = describe(checked);
    if (!copies.empty())
      result.report.push_back("warning: " + copies);
    return result;
  }
  if (present.other != nullptr && !present.other->is_noted_applied()) {
    apply_result undone;
    take_away(*present.other, undone);
    patches_.refresh();
    present = {};
  }
  load_and_switch(file, present, result);
  result.away_ns = away_ns_;
  result.suspended = suspended_;
  return result;
}

void live_patching::load_and_switch(patch_object& file,
                                    const present_patch& present,
                                    apply_result& result)
{
  change what;
  what.file = &file;
  what.level = level_for(file);
  if (present.same != nullptr)
    what.bias = present.same->object->bias;
  if (present.other != nullptr)
    what.older_bias = present.other->object->bias;
  carry_out(what, result);
  if (what.older_bias != 0 && what.level == format::level::quiescent)
    unload_if_possible(what.older_bias);
}

apply_result live_patching::revert(const std::string& name)
{
  const loaded_patch* patch = patches_.find_name(name);
  if (patch == nullptr)
    throw no_patch(process_, name);
  if (patch->is_left_for_good()) {
    apply_result result;
    result.name = name;
    result.changed = false;
    return result;
  }
  patches_.check_unneeded(name);
  apply_result result;
  result.name = name;
  result.functions = patch->object->contents().replacements.size();
  take_away(*patch, result);
  result.away_ns = away_ns_;
  result.suspended = suspended_;
  return result;
}

void live_patching::take_away(const loaded_patch& patch, apply_result& result)
{
  change what;
  what.bias = patch.object->bias;
  what.level = settings_.level != format::level::unstated
                   ? settings_.level
                   : format::level::quiescent;
  if (settings_.dry_run) {
    look_again(what);
    try_to_borrow();
    return;
  }
  carry_out(what, result);
  if (what.level == format::level::quiescent)
    result.stays = unload_if_possible(what.bias);
}

}  // namespace hotpatch::outside
