// Reading the state that patch objects keep in their process.
//
// SPDX-License-Identifier: MIT
#include "tools/process_status.h"

#include <algorithm>
#include <map>
#include <optional>
#include <set>

#include "outside/control_patching.h"
#include "outside/loaded_patches.h"
#include "outside/patch_object.h"
#include "outside/target_images.h"
#include "outside/target_memory.h"
#include "processes/errors.h"

namespace hotpatch::tools {

bool process_status::is_in_order() const
{
  return lacks.empty() && std::none_of(patches.begin(), patches.end(),
                                       [](const patch_status& each) {
                                         return each.is_half_done() ||
                                                each.lost;
                                       });
}

const char* state_word(const patch_status& patch)
{
  if (patch.lost)
    return "lost";
  switch (patch.phase) {
    case format::patch_phase::loaded:
      return "loaded";
    case format::patch_phase::applying:
      return "half applied";
    case format::patch_phase::applied:
      return "applied";
    case format::patch_phase::reverting:
      return "half reverted";
  }
  return "unknown";
}

namespace {

process_status read_memory_status(pid_t pid)
{
  process_status status;
  status.pid = pid;
  const outside::target_images images(pid);
  if (const outside::target_image* program = images.program())
    status.program = program->path;
  for (const outside::target_image& image : images.all()) {
    elf_section records;
    if (image.file->find_section(format::section_name, 0, records))
      ++status.images;
  }
  if (outside::loaded_patch_objects(images, &status.damages).empty())
    return status;
  outside::target_memory memory(pid);
  const outside::loaded_patches patches(pid, memory);
  status.damages = patches.damages();
  for (const outside::loaded_patch& each : patches.all())
    status.patches.push_back(
        {each.object->name, each.object->contents().version,
         static_cast<format::patch_phase>(each.state.phase),
         each.state.sequence, each.object->path,
         each.lost && each.is_noted_applied()});
  std::sort(status.patches.begin(), status.patches.end(),
            [](const patch_status& a, const patch_status& b) {
              return a.sequence < b.sequence;
            });
  return status;
}

// Nothing: it offers none to us.
std::optional<process_status> ask_status(pid_t pid)
{
  outside::control_patching process(pid, {}, {});
  const auto told = process.status();
  if (!told)
    return {};
  process_status status;
  status.pid = pid;
  status.program = told->program;
  status.images = told->images;
  for (const outside::controlled_patch& each : told->patches)
    status.patches.push_back({each.name, each.version,
                              format::patch_phase::applied, each.sequence,
                              each.path, false});
  return status;
}

// What was applied from outside the library does not know, nor what its sites
// hold by now.
void add_missing(process_status& status, const process_status& memory)
{
  status.damages = memory.damages;
  for (const patch_status& each : memory.patches) {
    const auto known = std::find_if(
        status.patches.begin(), status.patches.end(),
        [&](const patch_status& other) { return other.name == each.name; });
    if (known == status.patches.end())
      status.patches.push_back(each);
    else
      known->lost = known->lost || each.lost;
  }
}

}  // namespace

process_status read_process_status(pid_t pid)
{
  std::optional<process_status> status;
  try {
    status = ask_status(pid);
  } catch (const tool_error&) {
    // What it says without end or in vain, its memory may still tell.
    return read_memory_status(pid);
  }
  if (!status)
    return read_memory_status(pid);
  try {
    add_missing(*status, read_memory_status(pid));
  } catch (const tool_error&) {
    // Its word has to be enough.
  }
  return *status;
}

// Asking takes longer than reading.
process_status read_status_of_many(pid_t pid)
{
  try {
    return read_memory_status(pid);
  } catch (const tool_error&) {
    if (auto status = ask_status(pid))
      return *status;
    throw;
  }
}

void find_lacking(std::vector<process_status>& all,
                  const std::vector<std::string>& wanted)
{
  std::map<std::string, std::set<std::string>> expected;
  for (const process_status& process : all) {
    auto& names = expected[process.program];
    names.insert(wanted.begin(), wanted.end());
    if (wanted.empty())
      for (const patch_status& each : process.patches)
        if (each.is_applied())
          names.insert(each.name);
  }
  for (process_status& process : all)
    for (const std::string& name : expected[process.program])
      if (std::none_of(process.patches.begin(), process.patches.end(),
                       [&](const patch_status& each) {
                         return each.name == name && each.is_applied();
                       }))
        process.lacks.push_back(name);
}

}  // namespace hotpatch::tools
