// Making files, filling and sealing them.
// SPDX-License-Identifier: MIT
#include "runtime/base/sealed_file.h"

#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <ctime>

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "runtime/base/file_descriptor.h"

namespace hotpatch {

namespace {

// Linux 6.3; other headers do not have them.
constexpr unsigned never_executable = 0x8;    // MFD_NOEXEC_SEAL
constexpr unsigned executable_memory = 0x10;  // MFD_EXEC

// Those that most systems have.  Several of them may be mounted noexec.
constexpr const char* directories[] = {"dev/shm", "tmp", "var/tmp", "run"};

// Others cannot rename or remove what is ours there.
bool is_trusted(int directory) noexcept
{
  struct stat about;
  return fstat(directory, &about) == 0 &&
         (about.st_uid == 0 || about.st_uid == geteuid()) &&
         ((about.st_mode & (S_IWGRP | S_IWOTH)) == 0 ||
          (about.st_mode & S_ISVTX) != 0);
}

// Step by step, without following links: they may lead out of `root`.  -1.
int open_below(int root, const char* path, bool trusted) noexcept
{
  constexpr int flags = O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
  file_descriptor at(openat(root, ".", flags));
  while (at && *path != '\0') {
    char step[NAME_MAX + 1];
    const std::size_t length = std::strcspn(path, "/");
    std::snprintf(step, sizeof step, "%.*s", static_cast<int>(length), path);
    path += length + (path[length] == '/');
    if (trusted && !is_trusted(at.get()))
      return -1;
    at.reset(openat(at.get(), step, flags));
  }
  if (!at || (trusted && !is_trusted(at.get())))
    return -1;
  return fcntl(at.get(), F_DUPFD_CLOEXEC, 0);
}

std::uint64_t random_number() noexcept
{
  std::uint64_t number = 0;
  if (getrandom(&number, sizeof number, GRND_NONBLOCK) == sizeof number)
    return number;
  // O_EXCL decides; this only has to be another name.
  timespec now = {};
  clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<std::uint64_t>(now.tv_nsec) ^
         static_cast<std::uint64_t>(getpid()) << 32;
}

const char* base_name(const char* path) noexcept
{
  const char* slash = std::strrchr(path, '/');
  return slash != nullptr ? slash + 1 : path;
}

bool place_in(int root, const char* directory, bool trusted, const char* path,
              std::span<const unsigned char> bytes,
              placed_file& placed) noexcept
{
  const file_descriptor there(open_below(root, directory, trusted));
  if (!there)
    return false;
  char name[NAME_MAX + 1];
  std::snprintf(name, sizeof name, ".hotpatch-%016llx-%.200s",
                static_cast<unsigned long long>(random_number()),
                base_name(path));
  std::snprintf(placed.path, sizeof placed.path, "/%s/%s", directory, name);
  const file_descriptor made(openat(
      there.get(), name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC,
      S_IRUSR | S_IWUSR));
  if (!made)
    return false;
  placed.descriptor =
      openat(there.get(), name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
  struct stat ours, opened;
  const bool fine =
      placed.descriptor >= 0 && write_whole(made.get(), bytes) &&
      fchmod(made.get(), 0555) == 0 && fstat(made.get(), &ours) == 0 &&
      fstat(placed.descriptor, &opened) == 0 && ours.st_dev == opened.st_dev &&
      ours.st_ino == opened.st_ino && may_execute(placed.descriptor);
  if (fine)
    return true;
  const int error = errno;
  if (placed.descriptor >= 0)
    close(placed.descriptor);
  placed.descriptor = -1;
  unlinkat(there.get(), name, 0);
  errno = error;
  return false;
}

}  // namespace

void name_sealed_file(const char* path, char (&name)[sealed_name_size]) noexcept
{
  constexpr std::size_t room = sealed_name_size - sizeof sealed_prefix;
  const std::size_t length = std::strlen(path);
  const bool fits = length <= room;
  std::snprintf(name, sizeof name, "%s%s%s", sealed_prefix, fits ? "" : "...",
                fits ? path : path + (length - room + 3));
}

unsigned sealed_file_flags(bool with_exec) noexcept
{
  return MFD_CLOEXEC | MFD_ALLOW_SEALING | (with_exec ? executable_memory : 0);
}

bool write_whole(int descriptor, std::span<const unsigned char> bytes) noexcept
{
  for (std::size_t done = 0; done < bytes.size();) {
    const ssize_t more = pwrite(descriptor, bytes.data() + done,
                                bytes.size() - done, static_cast<off_t>(done));
    if (more < 0 && errno == EINTR)
      continue;
    if (more <= 0) {
      errno = more < 0 ? errno : ENOSPC;
      return false;
    }
    done += static_cast<std::size_t>(more);
  }
  return true;
}

bool seal_file(int descriptor) noexcept
{
  return fcntl(descriptor, F_ADD_SEALS,
               F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE) == 0;
}

int make_sealed_file(const char* path, std::span<const unsigned char> bytes,
                     sealed_for use) noexcept
{
  char name[sealed_name_size];
  name_sealed_file(path, name);
  int made = memfd_create(name, sealed_file_flags(true));
  if (made < 0 && errno == EINVAL)
    made = memfd_create(name, sealed_file_flags(false));
  // vm.memfd_noexec is 2.
  if (made < 0 && errno == EACCES && use == sealed_for::reading)
    made = memfd_create(name, sealed_file_flags(false) | never_executable);
  if (made < 0 || (write_whole(made, bytes) && seal_file(made)))
    return made;
  const int error = errno;
  close(made);
  errno = error;
  return -1;
}

bool may_execute(int descriptor) noexcept
{
  void* page =
      mmap(nullptr, 1, PROT_READ | PROT_EXEC, MAP_PRIVATE, descriptor, 0);
  if (page == MAP_FAILED)
    return false;
  munmap(page, 1);
  return true;
}

bool place_file(int root, bool trusted, const char* path,
                std::span<const unsigned char> bytes,
                placed_file& placed) noexcept
{
  for (const char* each : directories)
    if (place_in(root, each, trusted, path, bytes, placed))
      return true;
  return false;
}

void remove_placed(int root, const placed_file& placed) noexcept
{
  const char* const name = base_name(placed.path);
  char directory[PATH_MAX];
  std::snprintf(directory, sizeof directory, "%.*s",
                static_cast<int>(name - placed.path - 2), placed.path + 1);
  const file_descriptor there(open_below(root, directory, false));
  if (there)
    unlinkat(there.get(), name, 0);
}

}  // namespace hotpatch
