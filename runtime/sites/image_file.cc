// Looking for a loaded image's file, and comparing the two.
// SPDX-License-Identifier: MIT
#include "runtime/sites/image_file.h"

#include <cstdio>
#include <cstring>
#include <limits.h>

#include <sys/auxv.h>
#include <sys/mman.h>
#include <unistd.h>

#include "format/record.h"
#include "runtime/base/memory_map.h"
#include "runtime/base/status.h"

namespace hotpatch {

namespace {

// The second one works when the first thread has ended: /proc/self is that
// thread's, and has no program then.  The first one is what Valgrind answers
// for the program that it runs.
constexpr const char* program_links[] = {"/proc/self/exe",
                                         "/proc/thread-self/exe"};

const void* in_memory(const mapped_image& image, std::uint64_t address)
{
  return reinterpret_cast<const void*>(image.base + address);
}

bool is_loaded(const mapped_image& image, std::uint64_t address,
               std::uint64_t size) noexcept
{
  for (std::size_t i = 0; i < image.header_count; ++i) {
    const ElfW(Phdr)& header = image.headers[i];
    const memory_range range = {header.p_vaddr, header.p_memsz};
    if (header.p_type == PT_LOAD && (header.p_flags & PF_R) &&
        range.contains(address, size))
      return true;
  }
  return false;
}

build_id id_in_memory(const mapped_image& image) noexcept
{
  for (std::size_t i = 0; i < image.header_count; ++i) {
    const ElfW(Phdr)& header = image.headers[i];
    if (header.p_type != PT_NOTE ||
        !is_loaded(image, header.p_vaddr, header.p_memsz))
      continue;
    const build_id found = find_build_id(in_memory(image, header.p_vaddr),
                                         header.p_memsz, header.p_align);
    if (found.present())
      return found;
  }
  return {};
}

// The first address that is mapped from the file.
std::uint64_t first_address(const mapped_image& image) noexcept
{
  for (std::size_t i = 0; i < image.header_count; ++i) {
    if (image.headers[i].p_type == PT_LOAD && image.headers[i].p_filesz != 0)
      return image.base + image.headers[i].p_vaddr;
  }
  return image.base;
}

bool same_segments(const mapped_image& image, elf_file& file) noexcept
{
  if (file.segment_count() != image.header_count)
    return false;
  elf_segment segment;
  for (std::size_t i = 0; i < image.header_count; ++i) {
    const ElfW(Phdr)& header = image.headers[i];
    if (!file.segment(i, segment) || segment.type != header.p_type ||
        segment.address != header.p_vaddr ||
        segment.file_size != header.p_filesz ||
        segment.memory_size != header.p_memsz)
      return false;
  }
  return true;
}

// Whether `file` is mapped in the image.  stat(2) and the maps disagree about
// device numbers on overlay and btrfs filesystems, so the file is mapped too
// and the kernel describes both.
bool same_inode(const mapped_image& image, const elf_file& file) noexcept
{
  void* page = mmap(nullptr, 1, PROT_READ, MAP_PRIVATE, file.descriptor(), 0);
  if (page == MAP_FAILED)
    return false;
  memory_mapping ours;
  memory_mapping theirs;
  const bool same = find_mapping(reinterpret_cast<std::uint64_t>(page), ours) &&
                    find_mapping(first_address(image), theirs) &&
                    ours.inode != 0 && ours.inode == theirs.inode &&
                    ours.device == theirs.device;
  munmap(page, 1);
  return same;
}

// HP_OK if the file at `path` is the one that is loaded; it stays open then.
hp_status open_same(const mapped_image& image, const char* path,
                    elf_file& file) noexcept
{
  if (const hp_status status = file.open(path, elf_file::access::copied);
      status != HP_OK)
    return status;
  const build_id loaded = id_in_memory(image);
  const bool same =
      same_segments(image, file) &&
      (loaded.present() ? loaded == file.id() : same_inode(image, file));
  if (same)
    return HP_OK;
  file.close();
  return fail(HP_UNREADABLE, "%s: %s", path,
              loaded.present()
                  ? "this is not the file that was loaded: its build-id or "
                    "its segments differ; it was replaced"
                  : "cannot prove that this is the file that was loaded; "
                    "link with -Wl,--build-id");
}

struct mapped_path {
  std::uint64_t address;
  char path[PATH_MAX];
};

bool find_mapped_path(const memory_mapping& candidate, const char* path,
                      void* data) noexcept
{
  auto& wanted = *static_cast<mapped_path*>(data);
  if (candidate.end <= wanted.address)
    return true;
  if (candidate.begin <= wanted.address)
    std::snprintf(wanted.path, sizeof wanted.path, "%s", path);
  return false;
}

}  // namespace

// Tries the places where the image's file can be, the likeliest first.  Reports
// the first failure: the other places are last resorts.
hp_status open_image_file(const mapped_image& image, elf_file& file) noexcept
{
  hp_status status =
      open_same(image, image.executable ? program_links[0] : image.name, file);
  if (status == HP_OK)
    return HP_OK;
  char reason[512];
  std::snprintf(reason, sizeof reason, "%s", last_message());

  if (image.executable && open_same(image, program_links[1], file) == HP_OK)
    return HP_OK;

  // Without /proc: the path that execve(2) was given.
  const auto* started = reinterpret_cast<const char*>(getauxval(AT_EXECFN));
  if (image.executable && started && open_same(image, started, file) == HP_OK)
    return HP_OK;
  // A path that is relative to a former working directory, or a program that
  // was started as an argument of the dynamic linker.
  mapped_path place = {first_address(image), ""};
  for_each_mapping(find_mapped_path, &place);
  if (place.path[0] != '\0' && open_same(image, place.path, file) == HP_OK)
    return HP_OK;
  // The mapped file itself, deleted or not; needs a privilege (proc(5)).
  memory_mapping range;
  if (find_mapping(first_address(image), range)) {
    char link[64];
    std::snprintf(link, sizeof link, "/proc/self/map_files/%llx-%llx",
                  static_cast<unsigned long long>(range.begin),
                  static_cast<unsigned long long>(range.end));
    if (open_same(image, link, file) == HP_OK)
      return HP_OK;
  }
  return fail(HP_UNREADABLE, "%s", reason);
}

hp_status locate_records(const mapped_image& image,
                         record_section& into) noexcept
{
  into = {};
  elf_file file;
  if (const hp_status status = open_image_file(image, file); status != HP_OK)
    return status;
  elf_section section;
  if (!file.find_section(format::section_name, 0, section) || section.size == 0)
    return HP_OK;
  if (!(section.flags & SHF_ALLOC) || section.type == SHT_NOBITS)
    return fail(HP_MALFORMED, "%s: the section .hotpatch is not loaded",
                file.label());
  into = {image.base + section.address, section.size};
  if (file.find_section(format::section_name, section.index + 1, section))
    return fail(HP_MALFORMED,
                "%s: there are several sections .hotpatch; the linker script "
                "must join them",
                file.label());
  return HP_OK;
}

bool read_program_link(char (&path)[PATH_MAX]) noexcept
{
  for (const char* link : program_links) {
    const ssize_t length = readlink(link, path, sizeof path - 1);
    path[length > 0 ? length : 0] = '\0';
    if (length > 0)
      return true;
  }
  return false;
}

bool program_path(array<char>& into) noexcept
{
  char path[PATH_MAX];
  if (!read_program_link(path)) {
    const auto* started = reinterpret_cast<const char*>(getauxval(AT_EXECFN));
    return assign_text(into, started ? started : "");
  }
  // The kernel appends this when the file is gone; a file may also be called
  // so.
  constexpr char deleted[] = " (deleted)";
  constexpr std::size_t mark = sizeof deleted - 1;
  const std::size_t length = std::strlen(path);
  if (length > mark && std::strcmp(path + length - mark, deleted) == 0 &&
      access(path, F_OK) != 0)
    path[length - mark] = '\0';
  return assign_text(into, path);
}

}  // namespace hotpatch
