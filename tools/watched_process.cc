// Trying patches on a process.
//
// SPDX-License-Identifier: MIT
#include "tools/watched_process.h"

#include <algorithm>
#include <string_view>

#include "outside/target_images.h"
#include "processes/errors.h"
#include "processes/maps.h"
#include "processes/process_list.h"
#include "processes/text.h"
#include "runtime/base/countermeasure.h"
#include "tools/change_processes.h"
#include "tools/messages.h"
#include "tools/process_status.h"

namespace hotpatch::tools {

// What a task found out about a patch.
enum class watched_process::verdict : char {
  settled = 's',    // applied, or it was
  busy = 'b',       // to be tried again
  refused = 'r',    // told if it is final
  held = 'h',       // told; it would take another thread away
  elsewhere = 'e',  // its builds are not all here
};

// What a task is to do, and when: what it finds is final, or is not.
struct watched_process::attempt {
  std::vector<watched_patch> patches;
  bool is_final = false;
};

namespace {

// Of which files there is code, and where: FNV-1a, 64 bits.  0: it cannot be
// told.
std::uint64_t hash_of_images(pid_t process)
{
  std::uint64_t hash = 0xcbf29ce484222325;
  const auto mix = [&hash](std::uint64_t value) {
    for (int i = 0; i < 8; ++i) {
      hash = (hash ^ (value & 0xff)) * 0x100000001b3;
      value >>= 8;
    }
  };
  try {
    for (const process_mapping& each : read_maps(process))
      if (each.executable && each.inode != 0) {
        mix(each.begin);
        mix(each.device);
        mix(each.inode);
      }
  } catch (const std::exception&) {
    return 0;
  }
  return hash;
}

}  // namespace

std::set<std::string> watched_process::loaded_builds() const
{
  std::set<std::string> builds;
  try {
    const outside::target_images images(process_);
    for (const outside::target_image& image : images.all())
      if (const build_id id = image.file->id(); id.present())
        builds.insert(build_id_text(id).text);
  } catch (const std::exception&) {
    // It ended, is a 32-bit program, or belongs to another user.
  }
  return builds;
}

watched_process::verdict watched_process::try_patch(
    const watched_patch& patch, bool is_final,
    const change_method& method) const
{
  try {
    const std::int64_t start = monotonic_now();
    const outside::apply_result result =
        apply_patch(method, process_, *patch.object);
    if (result.changed)
      tell_change(change_kind::apply, method.settings.dry_run, process_, result,
                  monotonic_now() - start);
    return verdict::settled;
  } catch (const process_held& held) {
    complain("hp-watch", process_lines(process_, held.what()) +
                             "; it is not tried again in this process");
    return verdict::held;
  } catch (const process_busy& busy) {
    if (!told_busy_.contains(patch.version))
      complain("hp-watch",
               process_lines(process_, busy.what()) + "; it is tried again");
    return verdict::busy;
  } catch (const std::exception& failure) {
    if (is_final && !told_refused_.contains(patch.version) &&
        incarnation_of(process_) == run_)
      complain("hp-watch",
               process_text(process_) + " is left alone: " + failure.what());
    return verdict::refused;
  }
}

// In the task: a verdict for each.
std::string watched_process::try_patches(const attempt& what,
                                         const change_method& method) const
{
  const std::set<std::string> builds = loaded_builds();
  std::string verdicts;
  for (const watched_patch& each : what.patches) {
    const bool is_for_it = std::includes(
        builds.begin(), builds.end(), each.builds.begin(), each.builds.end());
    verdicts +=
        static_cast<char>(is_for_it ? try_patch(each, what.is_final, method)
                                    : verdict::elsewhere);
  }
  return verdicts;
}

void watched_process::settle(const attempt& what, const task_result& result)
{
  is_worked_on_ = false;
  images_ = hash_of_images(process_);
  if (!result.failure.empty()) {
    // What it did once to the work on it, it would do again.
    if (told_refused_.empty() && incarnation_of(process_) == run_)
      complain("hp-watch",
               process_text(process_) + " is left alone: " + result.failure);
    for (const watched_patch& each : what.patches) {
      settled_.insert(each.version);
      told_refused_.insert(each.version);
    }
    return;
  }
  for (std::size_t i = 0; i < std::min(result.back.size(), what.patches.size());
       ++i) {
    const file_version& version = what.patches[i].version;
    const auto found = static_cast<verdict>(result.back[i]);
    if (found == verdict::held)
      held_.insert(version);
    else if (found == verdict::busy)
      told_busy_.insert(version);
    else if (found == verdict::settled || what.is_final)
      settled_.insert(version);
    has_patches_ |= found == verdict::settled;
    if (found == verdict::refused && what.is_final)
      told_refused_.insert(version);
  }
}

void watched_process::apply(const std::vector<const watched_patch*>& patches,
                            const change_method& method,
                            process_tasks& tasks) noexcept
{
  try {
    attempt what;
    for (const watched_patch* each : patches)
      if (!settled_.contains(each->version) && !held_.contains(each->version))
        what.patches.push_back(*each);
    if (what.patches.empty() || is_worked_on_)
      return;
    what.is_final = grown_up_.passed();
    is_worked_on_ = true;
    tasks.start(
        [this, what, &method](std::string& back) {
          back = try_patches(what, method);
          return 0;
        },
        [self = shared_from_this(), what](const task_result& result) {
          self->settle(what, result);
        });
  } catch (const std::exception& failure) {
    is_worked_on_ = false;
    complain("hp-watch", process_lines(process_, failure.what()));
  }
}

void watched_process::look_for_changes()
{
  if (is_worked_on_ || settled_.empty() ||
      !HP_COUNTERMEASURE(watch_loaded_modules))
    return;
  const std::uint64_t now = hash_of_images(process_);
  if (now != 0 && now != images_)
    settled_.clear();
  images_ = now;
}

bool watched_process::look_for_losses(process_tasks& tasks)
{
  if (is_worked_on_ || !has_patches_)
    return false;
  is_worked_on_ = true;
  try {
    tasks.start(
        [this](std::string&) {
          const process_status status = read_status_of_many(process_);
          return std::any_of(
              status.patches.begin(), status.patches.end(),
              [](const patch_status& each) { return each.lost; });
        },
        [self = shared_from_this()](const task_result& result) {
          self->is_worked_on_ = false;
          if (result.failure.empty() && result.status != 0)
            self->settled_.clear();
        });
  } catch (const std::exception& failure) {
    is_worked_on_ = false;
    complain("hp-watch", process_lines(process_, failure.what()));
  }
  return true;
}

}  // namespace hotpatch::tools
