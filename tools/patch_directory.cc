// Which paths and files can be trusted, and the patches in a directory.
//
// SPDX-License-Identifier: MIT
#include "tools/patch_directory.h"

#include <cerrno>
#include <climits>
#include <cstring>
#include <deque>
#include <fcntl.h>
#include <filesystem>
#include <string_view>
#include <sys/stat.h>
#include <unistd.h>
#include <utility>

#include "processes/errors.h"
#include "runtime/base/countermeasure.h"
#include "runtime/base/file_descriptor.h"
#include "tools/messages.h"

namespace hotpatch::tools {

// --- Trusted path -----------------------------------------------------------
// From directory to directory.

namespace {

constexpr int most_links = 40;

[[noreturn]] void throw_untrusted(const std::string& path, const char* what)
{
  throw tool_error(path + ' ' + what);
}

[[noreturn]] void fail(const std::string& path)
{
  throw tool_error(path + ": " + std::strerror(errno));
}

void check_owner(const std::string& path, const struct stat& about)
{
  if (about.st_uid != 0 && about.st_uid != geteuid())
    throw tool_error(path + " belongs to another user (uid " +
                     std::to_string(about.st_uid) +
                     "), who could have any code executed; it must belong to "
                     "root or to the user of hp-watch");
}

void check_writers(const std::string& path, const struct stat& about)
{
  if ((about.st_mode & (S_IWGRP | S_IWOTH)) != 0)
    throw_untrusted(
        path,
        "can be written by others, who could have any code executed; take "
        "that right away: chmod go-w");
}

struct stat stat_of(int descriptor, const std::string& path)
{
  struct stat about;
  if (fstat(descriptor, &about) != 0)
    fail(path);
  return about;
}

class walk {
 public:
  // A relative path begins at `directory`, which was checked.
  walk(int directory, std::string name, const std::string& path)
      : at_(fcntl(directory, F_DUPFD_CLOEXEC, 0)), name_(std::move(name))
  {
    go_to(path);
  }

  // An O_PATH descriptor, the caller's; -1: there is nothing.
  int to_end()
  {
    while (!steps_.empty())
      if (!step())
        return -1;
    return fcntl(at_.get(), F_DUPFD_CLOEXEC, 0);
  }
  const std::string& name() const { return name_; }

 private:
  void go_to(std::string_view path)
  {
    std::deque<std::string> steps;
    for (std::size_t at = 0; at < path.size();) {
      const std::size_t end = std::min(path.find('/', at), path.size());
      if (end > at)
        steps.emplace_back(path.substr(at, end - at));
      at = end + 1;
    }
    steps_.insert(steps_.begin(), steps.begin(), steps.end());
    if (!path.starts_with('/'))
      return;
    at_.reset(::open("/", O_PATH | O_DIRECTORY | O_CLOEXEC));
    name_ = "/";
    if (!at_)
      fail(name_);
  }

  bool step()
  {
    const std::string next = std::move(steps_.front());
    steps_.pop_front();
    check_directory();
    const std::string name =
        name_.ends_with('/') ? name_ + next : name_ + '/' + next;
    const int found =
        openat(at_.get(), next.c_str(), O_PATH | O_NOFOLLOW | O_CLOEXEC);
    if (found < 0)
      return false;
    file_descriptor opened(found);
    const struct stat about = stat_of(found, name);
    if (S_ISLNK(about.st_mode)) {
      check_owner(name, about);
      follow(found, name);
      return true;
    }
    at_.reset(fcntl(found, F_DUPFD_CLOEXEC, 0));
    name_ = name;
    return true;
  }

  // One that something is looked for in.
  void check_directory() const
  {
    const struct stat about = stat_of(at_.get(), name_);
    if (!HP_COUNTERMEASURE(trusted_parents))
      return;
    check_owner(name_, about);
    if ((about.st_mode & S_ISVTX) == 0)
      check_writers(name_, about);
  }

  void follow(int link, const std::string& name)
  {
    if (++links_ > most_links) {
      errno = ELOOP;
      fail(name);
    }
    char target[PATH_MAX];
    const ssize_t length = readlinkat(link, "", target, sizeof target);
    if (length <= 0)
      fail(name);
    go_to({target, static_cast<std::size_t>(length)});
  }

  file_descriptor at_;
  std::string name_;
  std::deque<std::string> steps_;
  int links_ = 0;
};

// What an O_PATH descriptor leads to, for reading.
int reopen(int found, int flags, const std::string& name)
{
  const std::string here = "/proc/self/fd/" + std::to_string(found);
  const int opened = ::open(here.c_str(), flags | O_RDONLY | O_CLOEXEC);
  if (opened < 0)
    fail(name);
  return opened;
}

}  // namespace

int open_trusted_directory(const std::string& path)
{
  const file_descriptor here(::open(".", O_PATH | O_DIRECTORY | O_CLOEXEC));
  // From the root: the current directory may be anybody's.
  char current[PATH_MAX];
  std::string whole = path;
  if (!path.starts_with('/')) {
    if (getcwd(current, sizeof current) == nullptr)
      fail(path);
    whole = std::string(current) + '/' + path;
  }
  walk way(here.get(), ".", whole);
  const file_descriptor found(way.to_end());
  if (!found)
    fail(path);
  const struct stat about = stat_of(found.get(), path);
  if (!S_ISDIR(about.st_mode))
    throw_untrusted(path, "is no directory");
  check_owner(path, about);
  check_writers(path, about);
  return reopen(found.get(), O_DIRECTORY, path);
}

int open_trusted_file(int directory, const std::string& path,
                      const std::string& name)
{
  walk way(directory, path, name);
  const file_descriptor found(way.to_end());
  if (!found)
    return -1;
  const struct stat about = stat_of(found.get(), way.name());
  if (!S_ISREG(about.st_mode))
    return -1;
  check_owner(way.name(), about);
  check_writers(way.name(), about);
  return reopen(found.get(), O_NONBLOCK, way.name());
}

// --- Patch directory --------------------------------------------------------
// Listing patch objects, and opening those that are new.

namespace {

void print_problem(const std::string& text)
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
    throw tool_error(
        path +
        ": the patch does not say which build it is for; state it "
        "in its source: HP_PATCH_BUILD(\"...\"), with the build-id "
        "that readelf -n prints of the program");
  return builds;
}

}  // namespace

void patch_directory::check_trusted() const
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
  } catch (const tool_error& reason) {
    wrong = reason.what();
    known.is_taken = false;
    if (!is_trusted)
      known.version = {};
  }
  if (!wrong.empty() && wrong != known.wrong)
    print_problem(wrong);
  known.wrong = wrong;
}

void patch_directory::rescan()
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
  if (!now.empty() && now != error_)
    print_problem(now);
  error_ = now;
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
