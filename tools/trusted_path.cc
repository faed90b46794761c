// From directory to directory.
//
// SPDX-License-Identifier: MIT
#include "tools/trusted_path.h"

#include <cerrno>
#include <climits>
#include <cstring>
#include <deque>
#include <string_view>
#include <utility>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "processes/trouble.h"
#include "runtime/base/countermeasure.h"
#include "runtime/base/file_descriptor.h"

namespace hotpatch::tools {

namespace {

constexpr int most_links = 40;

[[noreturn]] void refuse(const std::string& path, const char* what)
{
  throw trouble(path + ' ' + what);
}

[[noreturn]] void fail(const std::string& path)
{
  throw trouble(path + ": " + std::strerror(errno));
}

void check_owner(const std::string& path, const struct stat& about)
{
  if (about.st_uid != 0 && about.st_uid != geteuid())
    throw trouble(path + " belongs to another user (uid " +
                  std::to_string(about.st_uid) +
                  "), who could have any code executed; it must belong to "
                  "root or to the user of hp-watch");
}

void check_writers(const std::string& path, const struct stat& about)
{
  if ((about.st_mode & (S_IWGRP | S_IWOTH)) != 0)
    refuse(path,
           "can be written by others, who could have any code executed; take "
           "that right away: chmod go-w");
}

struct stat look(int descriptor, const std::string& path)
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
    const struct stat about = look(found, name);
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
    const struct stat about = look(at_.get(), name_);
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
  const struct stat about = look(found.get(), path);
  if (!S_ISDIR(about.st_mode))
    refuse(path, "is no directory");
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
  const struct stat about = look(found.get(), way.name());
  if (!S_ISREG(about.st_mode))
    return -1;
  check_owner(way.name(), about);
  check_writers(way.name(), about);
  return reopen(found.get(), O_NONBLOCK, way.name());
}

}  // namespace hotpatch::tools
