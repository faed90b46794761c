// Looking for a debug file, and seeing whether it is the one.
// SPDX-License-Identifier: MIT
#include "runtime/elf/debug_file.h"

#include <array>
#include <climits>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include <elf.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "runtime/base/countermeasure.h"
#include "runtime/base/file_descriptor.h"

namespace hotpatch {

namespace {

constexpr char default_directories[] = "/usr/lib/debug";
constexpr char link_section[] = ".gnu_debuglink";
constexpr std::uint64_t longest_link = 4096;
constexpr off_t longest_file = off_t{4} << 30;

// --- The checksum of .gnu_debuglink: CRC-32 of IEEE 802.3
// ----------------------

constexpr std::array<std::uint32_t, 256> make_table()
{
  std::array<std::uint32_t, 256> table{};
  for (std::uint32_t i = 0; i < table.size(); ++i) {
    std::uint32_t value = i;
    for (int bit = 0; bit < 8; ++bit)
      value = value >> 1 ^ ((value & 1) != 0 ? 0xedb88320u : 0);
    table[i] = value;
  }
  return table;
}

bool has_checksum(const char* path, std::uint32_t wanted)
{
  static constexpr std::array<std::uint32_t, 256> table = make_table();
  const file_descriptor file(::open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  struct stat about;
  if (!file || fstat(file.get(), &about) != 0 || about.st_size > longest_file)
    return false;
  std::uint32_t sum = ~std::uint32_t{0};
  unsigned char block[16 * 1024];
  ssize_t got;
  while ((got = ::read(file.get(), block, sizeof block)) > 0)
    for (ssize_t i = 0; i < got; ++i)
      sum = sum >> 8 ^ table[(sum ^ block[i]) & 0xff];
  return got == 0 && ~sum == wanted;
}

// --- Places
// --------------------------------------------------------------------

struct debug_link {
  const char* name = nullptr;  // null: there is none
  std::uint32_t checksum = 0;
};

// A name, zeros up to a multiple of four, and the checksum.
debug_link read_link(elf_file& file)
{
  debug_link link;
  elf_section section;
  if (!file.find_section(link_section, 0, section) || section.size < 8 ||
      section.size > longest_link)
    return link;
  const unsigned char* bytes = file.chunk(section.offset, section.size);
  if (bytes == nullptr)
    return link;
  const auto* name = reinterpret_cast<const char*>(bytes);
  const std::size_t length = strnlen(name, section.size);
  const std::size_t sum_at = (length + 1 + 3) / 4 * 4;
  if (length == 0 || sum_at + sizeof link.checksum > section.size ||
      std::memchr(name, '/', length) != nullptr)
    return link;
  std::memcpy(&link.checksum, bytes + sum_at, sizeof link.checksum);
  link.name = name;
  return link;
}

// "/proc/17/root" of "/proc/17/root/bin/server", "/proc/17/exe" or the like;
// else "".
void root_of(const char* label, char (&root)[64])
{
  int number = 0;
  int length = 0;
  root[0] = '\0';
  if (std::sscanf(label, "/proc/%d/%n", &number, &length) == 1 && length > 0)
    std::snprintf(root, sizeof root, "/proc/%d/root", number);
}

// The directory that the file is in, without a slash at its end, as its own
// root directory has it.
void directory_of(const elf_file& file, const char* root,
                  char (&into)[PATH_MAX])
{
  char link[64];
  std::snprintf(link, sizeof link, "/proc/self/fd/%d", file.descriptor());
  const ssize_t length =
      file.descriptor() < 0 ? -1 : readlink(link, into, sizeof into - 1);
  if (length > 0)
    into[length] = '\0';
  else
    std::snprintf(into, sizeof into, "%s", file.label());
  if (*root != '\0' && std::strncmp(into, root, std::strlen(root)) == 0)
    std::memmove(into, into + std::strlen(root),
                 std::strlen(into + std::strlen(root)) + 1);
  char* const slash = std::strrchr(into, '/');
  if (slash != nullptr)
    *slash = '\0';
  else
    std::snprintf(into, sizeof into, ".");
}

class looking {
 public:
  looking(elf_file& file, elf_file& debug) noexcept
      : file_(file), debug_(debug), id_(file.id()), link_(read_link(file))
  {
    root_of(file.label(), root_);
  }

  bool find() noexcept
  {
    if (!id_.present() && link_.name == nullptr)
      return false;
    const char* stated = secure_getenv("HOTPATCH_DEBUG_PATH");
    if (stated == nullptr || *stated == '\0')
      stated = default_directories;
    return by_id(stated) || (link_.name != nullptr && by_link(stated));
  }

 private:
  // "/usr/lib/debug" of a list until `visit` returns true.
  template <typename Visit>
  static bool any_directory(const char* list, Visit visit)
  {
    while (*list != '\0') {
      const std::size_t length = std::strcspn(list, ":");
      char directory[PATH_MAX];
      std::snprintf(directory, sizeof directory, "%.*s",
                    static_cast<int>(length), list);
      if (length != 0 && visit(static_cast<const char*>(directory)))
        return true;
      list += length + (list[length] == ':');
    }
    return false;
  }

  bool by_id(const char* directories) noexcept
  {
    if (!id_.present())
      return false;
    char name[2 * build_id::max_size + 16];
    std::size_t used = 0;
    for (std::size_t i = 0; i < id_.size; ++i) {
      used += static_cast<std::size_t>(
          std::snprintf(name + used, sizeof name - used, "%02x", id_.bytes[i]));
      if (i == 0)
        name[used++] = '/';
    }
    std::snprintf(name + used, sizeof name - used, ".debug");
    return any_directory(directories, [&](const char* directory) {
      return try_path("%s/.build-id/%s", directory, name);
    });
  }

  bool by_link(const char* directories) noexcept
  {
    char directory[PATH_MAX];
    directory_of(file_, root_, directory);
    if (try_path("%s/%s", directory, link_.name) ||
        try_path("%s/.debug/%s", directory, link_.name))
      return true;
    return any_directory(directories, [&](const char* debug) {
      char below[PATH_MAX];
      const int length =
          std::snprintf(below, sizeof below, "%s%s", debug, directory);
      return length < static_cast<int>(sizeof below) &&
             try_path("%s/%s", below, link_.name);
    });
  }

  // Here, and in the root directory of the process that the file is of.
  template <typename... Parts>
  bool try_path(const char* form, Parts... parts) noexcept
  {
    char path[PATH_MAX];
    const int length = std::snprintf(path, sizeof path, form, parts...);
    if (length < 0 || length >= static_cast<int>(sizeof path))
      return false;
    char in_root[PATH_MAX + sizeof root_];
    std::snprintf(in_root, sizeof in_root, "%s%s", root_, path);
    return try_file(path) || (*root_ != '\0' && try_file(in_root));
  }

  bool try_file(const char* path) noexcept
  {
    if (debug_.open(path, elf_file::access::copied) == HP_OK &&
        !debug_.is_archive() && belongs(path))
      return true;
    debug_.close();
    return false;
  }

  bool belongs(const char* path) noexcept
  {
    if (!HP_COUNTERMEASURE(own_debug_file))
      return true;
    const build_id other = id_of_sections(debug_);
    if (id_.present() && other.present())
      return id_ == other;
    return link_.name != nullptr && has_checksum(path, link_.checksum);
  }

  elf_file& file_;
  elf_file& debug_;
  const build_id id_;
  const debug_link link_;
  char root_[64] = "";
};

}  // namespace

build_id id_of_sections(elf_file& file) noexcept
{
  elf_section section;
  for (std::size_t i = 0; i < file.section_count(); ++i) {
    if (!file.section(i, section) || section.type != SHT_NOTE ||
        section.size > longest_link)
      continue;
    const unsigned char* notes = file.chunk(section.offset, section.size);
    if (notes == nullptr)
      continue;
    const build_id found =
        find_build_id(notes, section.size, section.alignment);
    if (found.present())
      return found;
  }
  return {};
}

bool open_debug_file(elf_file& file, elf_file& debug) noexcept
{
  return !file.is_archive() && looking(file, debug).find();
}

}  // namespace hotpatch
