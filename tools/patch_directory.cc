// Listing patch objects, and opening those that are new.
//
// SPDX-License-Identifier: MIT
#include "tools/patch_directory.h"

#include <cerrno>
#include <cstring>
#include <filesystem>

#include <unistd.h>

#include "outside/patch_object.h"
#include "processes/trouble.h"
#include "tools/messages.h"

namespace hotpatch::tools {

namespace {

void tell(const std::string& text)
{
  complain("hp-watch", text);
}

void check_owner(const std::string& path, const struct stat& about)
{
  if (about.st_uid != 0 && about.st_uid != geteuid())
    throw trouble(path + " belongs to another user (uid " +
                  std::to_string(about.st_uid) +
                  "), who could have any code executed; it must belong to "
                  "root or to the user of hp-watch");
  if ((about.st_mode & (S_IWGRP | S_IWOTH)) != 0)
    throw trouble(path +
                  " can be written by others, who could have any code "
                  "executed; take that right away: chmod go-w");
}

std::set<std::string> stated_builds(const std::string& path)
{
  const auto patch = outside::open_patch_object(path);
  std::set<std::string> builds;
  for (const char* id : patch->contents().builds)
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
  struct stat about;
  if (stat(path_.c_str(), &about) != 0)
    throw trouble(path_ + ": " + std::strerror(errno));
  if (!S_ISDIR(about.st_mode))
    throw trouble(path_ + " is no directory");
  check_owner(path_, about);
}

void patch_directory::look_at(const std::string& file)
{
  struct stat about;
  if (stat(file.c_str(), &about) != 0 || !S_ISREG(about.st_mode))
    return;
  const file_version version = {
      about.st_dev, about.st_ino, about.st_size,
      about.st_mtim.tv_sec * std::int64_t{1'000'000'000} +
          about.st_mtim.tv_nsec};
  entry& known = entries_[file];
  if (known.version == version)
    return;
  known = {version, false, {}};
  try {
    check_owner(file, about);
    known.patch = {file, version, stated_builds(file)};
    known.is_taken = true;
  } catch (const trouble& reason) {
    tell(reason.what());
  }
}

void patch_directory::look()
{
  std::set<std::string> files;
  std::string now;
  try {
    check();
    for (const auto& each : std::filesystem::directory_iterator(path_))
      if (each.path().extension() == ".so")
        files.insert(each.path());
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
    look_at(file);
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
