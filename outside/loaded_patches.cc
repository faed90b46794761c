// Looking at a process, and checking patch objects against it.
//
// SPDX-License-Identifier: MIT
#include "outside/loaded_patches.h"

#include <algorithm>

#include "processes/trouble.h"
#include "runtime/base/status.h"

namespace hotpatch::outside {

loaded_patches::loaded_patches(pid_t process, const target_memory& memory)
    : process_(process), memory_(memory)
{
  look();
}

void loaded_patches::look()
{
  patches_.clear();
  images_ = std::make_unique<target_images>(process_);
  program_ = std::make_unique<target_program>(*images_);
  for (auto& object : loaded_patch_objects(*images_)) {
    loaded_patch found = {std::move(object), {}, {}};
    found.state = load_state(memory_, *found.object);
    find_sites(found);
    patches_.push_back(std::move(found));
  }
}

// A function whose image was unloaded meanwhile has no site any more.
void loaded_patches::find_sites(loaded_patch& patch) const
{
  checked_patch found;
  check_report report;
  (void)check_patch(patch.object->file, program_->images(), found, report);
  const auto& replacements = patch.object->contents().replacements;
  patch.sites.assign(replacements.size(), {});
  for (const patch_target& each : found.targets)
    patch.sites[static_cast<std::size_t>(each.replacement -
                                         replacements.begin())] = each.where;
}

const loaded_patch* loaded_patches::find_name(const std::string& name) const
{
  const loaded_patch* best = nullptr;
  for (const loaded_patch& each : patches_)
    if (each.object->name == name &&
        (best == nullptr || each.state.sequence > best->state.sequence))
      best = &each;
  return best;
}

const loaded_patch* loaded_patches::find_bias(std::uint64_t bias) const
{
  for (const loaded_patch& each : patches_)
    if (each.object->bias == bias)
      return &each;
  return nullptr;
}

std::uint64_t loaded_patches::newest_sequence() const
{
  std::uint64_t newest = 0;
  for (const loaded_patch& each : patches_)
    newest = std::max(newest, each.state.sequence);
  return newest;
}

checked_patch loaded_patches::check(patch_object& file) const
{
  std::string wrong;
  const auto collect = [](hp_status, const char* message, void* data) {
    auto& text = *static_cast<std::string*>(data);
    text += text.empty() ? "" : "\n";
    text += message;
  };
  checked_patch result;
  check_report report(collect, &wrong);
  const hp_status status =
      check_patch(file.file, program_->images(), result, report);
  if (!wrong.empty() || status != HP_OK)
    throw trouble(wrong.empty() ? last_message() : wrong);
  return result;
}

void loaded_patches::check_needs(const patch_object& patch) const
{
  for (const patch_need& need : patch.contents().needs) {
    const loaded_patch* found = find_name(need.name);
    if (found == nullptr || !found->is_applied() ||
        found->object->contents().version < need.version)
      throw trouble(patch.name + " needs the patch " + need.name +
                    ", version " + std::to_string(need.version) +
                    " or newer, which is not applied");
  }
}

void loaded_patches::check_unneeded(const std::string& name) const
{
  for (const loaded_patch& other : patches_)
    for (const patch_need& need : other.object->contents().needs)
      if (other.is_applied() && name == need.name)
        throw trouble(other.object->name + " needs the patch " + name +
                      "; revert it first");
}

}  // namespace hotpatch::outside
