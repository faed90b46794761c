// Reading patch objects, and their state in a process.
//
// SPDX-License-Identifier: MIT
#include "outside/patch_object.h"

#include <cerrno>
#include <cstddef>
#include <cstring>
#include <filesystem>
#include <string_view>
#include <utility>

#include <fcntl.h>
#include <unistd.h>

#include "processes/errors.h"
#include "runtime/base/countermeasure.h"
#include "runtime/base/file_descriptor.h"
#include "runtime/base/status.h"

namespace hotpatch::outside {

namespace {

// "fix.so" -> "/srv/fix.so", and "/proc/17/root/srv/fix.so" -> "/srv/fix.so":
// what it is called in a process that sees it.
std::string path_in_its_root(const std::string& path)
{
  constexpr std::string_view proc = "/proc/";
  constexpr std::string_view root = "/root/";
  std::string found = path;
  if (found.starts_with(proc)) {
    const std::size_t number = found.find('/', proc.size());
    if (number != std::string::npos && found.compare(number, 6, root) == 0)
      return found.substr(number + root.size() - 1);
  }
  // A link keeps its own name: a patch that states none is named after it.
  std::error_code error;
  const std::filesystem::path given = std::filesystem::absolute(path, error);
  const std::filesystem::path directory =
      std::filesystem::canonical(given.parent_path(), error);
  return error ? path : (directory / given.filename()).string();
}

}  // namespace

std::unique_ptr<patch_object> open_patch_object(const std::string& path)
{
  // O_NONBLOCK: a FIFO must not make us wait for a writer.
  const file_descriptor file(
      ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (!file)
    throw tool_error(path + ": " + std::strerror(errno));
  return open_patch_object(path, file.get());
}

std::unique_ptr<patch_object> open_patch_object(const std::string& path,
                                                int descriptor)
{
  auto patch = std::make_unique<patch_object>();
  throw_if_failed(patch->file.open(path.c_str(), descriptor));
  patch->path = path_in_its_root(path);
  patch->name = patch->file.name();
  return patch;
}

std::vector<std::unique_ptr<patch_object>> loaded_patch_objects(
    const target_images& images, std::vector<std::string>* damages)
{
  std::vector<std::unique_ptr<patch_object>> found;
  for (const target_image& image : images.all()) {
    elf_section records;
    if (!image.file->find_section(format::patch_section_name, 0, records))
      continue;
    const std::size_t size = image.file->size();
    auto patch = std::make_unique<patch_object>();
    if (const hp_status status = patch->file.open(
            image.path.c_str(), {image.file->contents(0, size), size});
        status != HP_OK && status != HP_NO_MEMORY &&
        HP_COUNTERMEASURE(pass_over_damage)) {
      if (damages != nullptr)
        damages->emplace_back(last_message());
      continue;
    } else {
      throw_if_failed(status);
    }
    patch->path = image.path;
    patch->name = patch->file.name();
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
    throw tool_error(patch.path +
                     ": its state in the process is of a form that this "
                     "hp-apply does not know");
  return state;
}

}  // namespace hotpatch::outside
