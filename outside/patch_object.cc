// Reading patch objects, and their state in a process.
//
// SPDX-License-Identifier: MIT
#include "outside/patch_object.h"

#include <string_view>
#include <utility>

#include "processes/trouble.h"
#include "runtime/base/status.h"

namespace hotpatch::outside {

namespace {

void check(hp_status status)
{
  if (status != HP_OK)
    throw trouble(last_message());
}

// "/srv/fix.so" -> "fix"
std::string name_of_file(const std::string& path)
{
  std::string name = path.substr(path.rfind('/') + 1);
  if (std::string_view(name).ends_with(".so"))
    name.resize(name.size() - 3);
  return name;
}

}  // namespace

std::unique_ptr<patch_object> open_patch_object(const std::string& path)
{
  auto patch = std::make_unique<patch_object>();
  check(patch->file.open(path.c_str()));
  patch->path = path;
  patch->name = patch->file.name();
  return patch;
}

std::vector<std::unique_ptr<patch_object>> loaded_patch_objects(
    const target_images& images)
{
  std::vector<std::unique_ptr<patch_object>> found;
  for (const target_image& image : images.all()) {
    elf_section records;
    if (!image.file->find_section(format::patch_section_name, 0, records))
      continue;
    // By the way that leads to the loaded file itself.
    auto patch = open_patch_object(image.file->label());
    patch->path = image.path;
    if (*patch->contents().name == '\0')
      patch->name = name_of_file(image.path);
    patch->bias = image.bias;
    found.push_back(std::move(patch));
  }
  return found;
}

format::patch_state load_state(const target_memory& memory,
                               const patch_object& patch)
{
  const auto state = memory.load<format::patch_state>(patch.state_address());
  if (state.version != format::state_version ||
      state.size < sizeof(format::patch_state) ||
      state.phase > static_cast<std::uint32_t>(format::patch_phase::reverting))
    throw trouble(patch.path +
                  ": its state in the process is of a form that this "
                  "hp-apply does not know");
  return state;
}

}  // namespace hotpatch::outside
