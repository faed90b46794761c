// Choosing a directory, making the socket, and taking it away.
// SPDX-License-Identifier: MIT
#include "runtime/control/offered_socket.h"

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "format/control_protocol.h"
#include "runtime/base/file_descriptor.h"
#include "runtime/base/status.h"

namespace hotpatch {

namespace {

constexpr mode_t owner_only = 0600;
constexpr int waiting_clients = 16;

bool is_own_directory(const char* path)
{
  struct stat about;
  return lstat(path, &about) == 0 && S_ISDIR(about.st_mode) &&
         about.st_uid == geteuid() &&
         (about.st_mode & (S_IWGRP | S_IWOTH)) == 0;
}

// No other user may write there, or could put a socket in our place.
bool make_own_directory(const char* path)
{
  if (mkdir(path, S_IRWXU) != 0 && errno != EEXIST)
    return false;
  if (is_own_directory(path))
    return true;
  errno = EPERM;
  return false;
}

// The places to try, one after the other; false after the last.
bool name_directory(int place, char (&into)[sizeof(sockaddr_un::sun_path)])
{
  const char* const runtime = secure_getenv("XDG_RUNTIME_DIR");
  const unsigned user = geteuid();
  int length = 0;
  switch (place) {
    case 0:
      if (runtime != nullptr && is_own_directory(runtime))
        length = std::snprintf(into, sizeof into, "%s/%s", runtime,
                               format::control_directory);
      break;
    case 1:
      if (user == 0)
        length = std::snprintf(into, sizeof into, "/run/%s",
                               format::control_directory);
      else
        length = std::snprintf(into, sizeof into, "/run/user/%u/%s", user,
                               format::control_directory);
      break;
    case 2:
      length = std::snprintf(into, sizeof into, "/tmp/%s-%u",
                             format::control_directory, user);
      break;
    default:
      return false;
  }
  if (length <= 0 || static_cast<std::size_t>(length) >= sizeof into)
    into[0] = '\0';
  return true;
}

}  // namespace

hp_status offered_socket::choose_path() noexcept
{
  char directory[sizeof address_.sun_path];
  int reason = ENAMETOOLONG;
  for (int place = 0; name_directory(place, directory); ++place) {
    if (directory[0] == '\0')
      continue;
    if (!make_own_directory(directory)) {
      reason = errno;
      continue;
    }
    const int length =
        std::snprintf(address_.sun_path, sizeof address_.sun_path, "%.90s/%d%s",
                      directory, getpid(), format::control_suffix);
    if (static_cast<std::size_t>(length) < sizeof address_.sun_path &&
        access(directory, W_OK | X_OK) == 0)
      return HP_OK;
    reason = errno;
  }
  forget();
  return fail(HP_DENIED,
              "there is no directory for the control socket, neither in "
              "$XDG_RUNTIME_DIR nor below /run, and in /tmp: %s; give "
              "hp_control_open() a path",
              std::strerror(reason));
}

// Left by a process that was killed.
bool offered_socket::is_abandoned() const noexcept
{
  struct stat about;
  if (lstat(address_.sun_path, &about) != 0 || !S_ISSOCK(about.st_mode) ||
      about.st_uid != geteuid())
    return false;
  const file_descriptor probe(
      socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0));
  return probe &&
         connect(probe.get(), reinterpret_cast<const sockaddr*>(&address_),
                 sizeof address_) != 0 &&
         errno == ECONNREFUSED;
}

hp_status offered_socket::listen_at_path() noexcept
{
  const auto* address = reinterpret_cast<const sockaddr*>(&address_);
  int bound = bind(descriptor_.get(), address, sizeof address_);
  if (bound != 0 && errno == EADDRINUSE) {
    if (is_abandoned())
      unlink(address_.sun_path);
    bound = bind(descriptor_.get(), address, sizeof address_);
  }
  if (bound != 0 && errno == EADDRINUSE)
    return fail(HP_BUSY,
                "%s: is there already and belongs to something else; give "
                "hp_control_open() another path",
                address_.sun_path);
  struct stat about;
  if (bound == 0 && lstat(address_.sun_path, &about) == 0) {
    device_ = about.st_dev;
    inode_ = about.st_ino;
    if (listen(descriptor_.get(), waiting_clients) == 0)
      return HP_OK;
  }
  const int reason = errno;
  remove_path();
  return fail(HP_DENIED, "%s: no socket can be made there: %s",
              address_.sun_path, std::strerror(reason));
}

hp_status offered_socket::open(const char* path) noexcept
{
  if (path == nullptr) {
    if (const hp_status status = choose_path(); status != HP_OK)
      return status;
  } else {
    const std::size_t length = std::strlen(path);
    if (*path != '/' || length >= sizeof address_.sun_path)
      return fail(HP_INVALID,
                  "%.128s: the path of a control socket has to be absolute, "
                  "and of at most %zu bytes",
                  path, sizeof address_.sun_path - 1);
    std::memcpy(address_.sun_path, path, length + 1);
  }
  descriptor_.reset(
      socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!descriptor_) {
    forget();
    return fail(HP_DENIED, "the system refuses a socket: %s",
                std::strerror(errno));
  }
  // What bind(2) makes has the mode of the socket, and never a wider one.
  fchmod(descriptor_.get(), owner_only);
  const hp_status status = listen_at_path();
  if (status != HP_OK)
    abandon();
  return status;
}

void offered_socket::close() noexcept
{
  remove_path();
  abandon();
}

void offered_socket::knock() const noexcept
{
  const file_descriptor client(
      socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (client)
    (void)!connect(client.get(), reinterpret_cast<const sockaddr*>(&address_),
                   sizeof address_);
}

void offered_socket::remove_path() noexcept
{
  struct stat about;
  if (address_.sun_path[0] != '\0' && inode_ != 0 &&
      lstat(address_.sun_path, &about) == 0 && about.st_dev == device_ &&
      about.st_ino == inode_)
    unlink(address_.sun_path);
}

void offered_socket::abandon() noexcept
{
  descriptor_.reset(-1);
  forget();
}

void offered_socket::forget() noexcept
{
  device_ = 0;
  inode_ = 0;
  address_.sun_path[0] = '\0';
}

}  // namespace hotpatch
