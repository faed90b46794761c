// Listing patch objects, and opening those that are new.
//
// SPDX-License-Identifier: MIT
#include "tools/patch_directory.h"

#include <filesystem>

#include <unistd.h>

#include "processes/trouble.h"
#include "runtime/base/file_descriptor.h"
#include "tools/messages.h"
#include "tools/trusted_path.h"

namespace hotpatch::tools {

namespace {

void tell(const std::string& text)
{
  complain("hp-watch", text);
}

std::set<std::string> stated_builds(const std::string& path,
                                    const outside::patch_object& patch)
{
  std::set<std::string> builds;
  for (const char* id : patch.contents().builds)
    builds.insert(id);
  if (builds.empty())
    throw trouble(path +
                  ": the patch does not say which build it is for; state it "
                  "in its source: HP_PATCH_BUILD(\"...\"), with the build-id "
                  "that readelf -n prints of the program");
  return builds;
}

}  // namespace

void patch_directory::check() const
{
  const file_descriptor directory(open_trusted_directory(path_));
}

void patch_directory::look_at(int directory, const std::string& file)
{
  const std::string path = path_ + '/' + file;
  entry& known = entries_[file];
  std::string wrong;
  bool is_trusted = false;
  try {
    const file_descriptor opened(open_trusted_file(directory, path_, file));
    struct stat about;
    if (!opened || fstat(opened.get(), &about) != 0)
      return;
    is_trusted = true;
    const file_version version = {
        about.st_dev, about.st_ino, about.st_size,
        about.st_mtim.tv_sec * std::int64_t{1'000'000'000} +
            about.st_mtim.tv_nsec};
    if (known.version == version)
      return;
    known = {version, false, {}, {}};
    const std::shared_ptr<outside::patch_object> object =
        outside::open_patch_object(path, opened.get());
    known.patch = {path, version, stated_builds(path, *object), object};
    known.is_taken = true;
  } catch (const trouble& reason) {
    wrong = reason.what();
    known.is_taken = false;
    if (!is_trusted)
      known.version = {};
  }
  if (!wrong.empty() && wrong != known.wrong)
    tell(wrong);
  known.wrong = wrong;
}

void patch_directory::look()
{
  std::set<std::string> files;
  std::string now;
  file_descriptor directory(-1);
  try {
    directory.reset(open_trusted_directory(path_));
    // By the descriptor: the name may lead elsewhere by now.
    const std::string here = "/proc/self/fd/" + std::to_string(directory.get());
    for (const auto& each : std::filesystem::directory_iterator(here))
      if (each.path().extension() == ".so")
        files.insert(each.path().filename());
  } catch (const std::exception& reason) {
    now = reason.what();
    files.clear();
  }
  if (!now.empty() && now != trouble_)
    tell(now);
  trouble_ = now;
  std::erase_if(entries_,
                [&](const auto& each) { return !files.contains(each.first); });
  for (const std::string& file : files)
    look_at(directory.get(), file);
}

std::vector<const watched_patch*> patch_directory::patches() const
{
  std::vector<const watched_patch*> found;
  for (const auto& [file, known] : entries_)
    if (known.is_taken)
      found.push_back(&known.patch);
  return found;
}

}  // namespace hotpatch::tools
