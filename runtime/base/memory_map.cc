// The maps file in /proc, read without allocation.
//
// SPDX-License-Identifier: MIT
#include "runtime/base/memory_map.h"

#include <cerrno>
#include <cstring>

#include <elf.h>
#include <link.h>
#include <sys/auxv.h>
#include <sys/ioctl.h>
#include <sys/mman.h>

#include "runtime/base/countermeasure.h"
#include "runtime/base/number.h"
#include "runtime/base/raw_file.h"

namespace hotpatch {

// Parsing a line of /proc/PID/maps.

namespace {

bool take(const char*& at, char wanted)
{
  const bool there = *at == wanted;
  at += there;
  return there;
}

}  // namespace

bool parse_map_line(const char* line, map_line& into) noexcept
{
  const char* at = line;
  const char* const end = line + std::strlen(line);
  if (!take_number(at, end, into.begin, 16) || !take(at, '-') ||
      !take_number(at, end, into.end, 16) || !take(at, ' '))
    return false;
  const char* const rights = at;  // "r-xp"
  if (strnlen(rights, 5) < 5 || rights[4] != ' ')
    return false;
  into.protection = (rights[0] == 'r' ? PROT_READ : 0) |
                    (rights[1] == 'w' ? PROT_WRITE : 0) |
                    (rights[2] == 'x' ? PROT_EXEC : 0);
  at = rights + 5;
  if (!take_number(at, end, into.offset, 16) || !take(at, ' ') ||
      !take_number(at, end, into.major, 16) || !take(at, ':') ||
      !take_number(at, end, into.minor, 16) || !take(at, ' ') ||
      !take_number(at, end, into.inode) || (*at != ' ' && *at != '\0'))
    return false;
  into.path = at + std::strspn(at, " ");
  return into.begin < into.end;
}

namespace {

// The calling thread's: /proc/self is the first thread's, and shows no memory
// once that thread has ended.
const char* own_maps()
{
  return HP_COUNTERMEASURE(own_thread_in_proc) ? "/proc/thread-self/maps"
                                               : "/proc/self/maps";
}

std::uint64_t device_number(std::uint64_t major, std::uint64_t minor)
{
  return major << 32 | minor;
}

// What visit says; true for a line that makes no sense.
bool show(const char* line, mapping_visitor visit, void* data)
{
  map_line parts;
  if (!parse_map_line(line, parts))
    return true;
  const bool is_stack =
      parts.inode == 0 && std::strcmp(parts.path, "[stack]") == 0;
  return visit({parts.begin, parts.end, parts.protection, is_stack,
                device_number(parts.major, parts.minor), parts.inode},
               parts.path, data);
}

struct search {
  std::uint64_t address;
  memory_mapping* found;
  bool hit;
};

bool covers(const memory_mapping& candidate, const char*, void* data)
{
  auto& wanted = *static_cast<search*>(data);
  if (candidate.begin > wanted.address)
    return false;
  if (candidate.end <= wanted.address)
    return true;
  *wanted.found = candidate;
  wanted.hit = true;
  return false;
}

// Linux 6.11 answers for one address, however many mappings there are; older
// headers do not have it (include/uapi/linux/fs.h, struct procmap_query).
struct mapping_query {
  std::uint64_t size = sizeof(mapping_query);
  std::uint64_t flags = 0;  // which mappings will do
  std::uint64_t address = 0;
  std::uint64_t begin = 0;
  std::uint64_t end = 0;
  std::uint64_t mapping_flags = 0;
  std::uint64_t page_size = 0;
  std::uint64_t offset = 0;
  std::uint64_t inode = 0;
  std::uint32_t device[2] = {};  // major, minor
  std::uint32_t name_size = 0;
  std::uint32_t build_id_size = 0;
  std::uint64_t name = 0;
  std::uint64_t build_id = 0;
};
static_assert(sizeof(mapping_query) == 104);
constexpr unsigned long query_command = _IOWR('f', 17, mapping_query);
constexpr std::uint64_t query_protection = 7;  // the bits of PROT_*

constexpr std::uint64_t query_or_next = 0x10;

bool find_segment(const ElfW(Phdr) * headers, std::size_t count,
                  std::uint64_t base, std::uint64_t address,
                  memory_mapping& found)
{
  for (std::size_t i = 0; i < count; ++i) {
    const ElfW(Phdr)& segment = headers[i];
    const std::uint64_t begin = base + segment.p_vaddr;
    if (segment.p_type != PT_LOAD || address - begin >= segment.p_memsz)
      continue;
    found = {begin, begin + segment.p_memsz,
             ((segment.p_flags & PF_R) != 0 ? PROT_READ : 0) |
                 ((segment.p_flags & PF_W) != 0 ? PROT_WRITE : 0) |
                 ((segment.p_flags & PF_X) != 0 ? PROT_EXEC : 0)};
    return true;
  }
  return false;
}

int segment_covers(dl_phdr_info* image, std::size_t, void* data)
{
  auto& wanted = *static_cast<search*>(data);
  wanted.hit = find_segment(image->dlpi_phdr, image->dlpi_phnum,
                            image->dlpi_addr, wanted.address, *wanted.found);
  return wanted.hit;
}

}  // namespace

mapping_questions::mapping_questions() noexcept : maps_(own_maps(), O_RDONLY) {}

mapping_questions::answer mapping_questions::ask(
    std::uint64_t address, bool or_next, memory_mapping& found) const noexcept
{
  mapping_query query;
  query.flags = or_next ? query_or_next : 0;
  query.address = address;
  if (!maps_)
    return answer::unknown;
  const long failed =
      system_call(SYS_ioctl, maps_.descriptor(), query_command, &query);
  if (failed != 0)
    return failed == -ENOENT ? answer::absent : answer::unknown;
  found.begin = query.begin;
  found.end = query.end;
  found.protection = static_cast<int>(query.mapping_flags & query_protection);
  found.is_stack = false;
  found.device = device_number(query.device[0], query.device[1]);
  found.inode = query.inode;
  return answer::found;
}

bool for_each_mapping(mapping_visitor visit, void* data) noexcept
{
  // Opened each time: a descriptor kept open would show the parent's memory
  // after fork, and a program may close descriptors it does not know.
  const raw_file maps(own_maps(), O_RDONLY);
  if (!maps) {
    errno = maps.error();
    return false;
  }

  raw_lines lines(maps);
  while (const char* line = lines.next())
    if (!show(line, visit, data))
      return true;
  if (lines.error() != 0)
    errno = lines.error();
  return lines.error() == 0;
}

bool find_program_segment(std::uint64_t address, memory_mapping& found) noexcept
{
  // Without the loader's lock: these are the kernel's words.
  const std::uint64_t place = getauxval(AT_PHDR);
  const auto* headers = reinterpret_cast<const ElfW(Phdr)*>(place);
  const std::size_t count = place != 0 ? getauxval(AT_PHNUM) : 0;
  for (std::size_t i = 0; i < count; ++i)
    if (headers[i].p_type == PT_PHDR)
      return find_segment(headers, count, place - headers[i].p_vaddr, address,
                          found);
  return false;
}

bool find_mapping(std::uint64_t address, memory_mapping& found) noexcept
{
  using answer = mapping_questions::answer;
  if (const answer known = mapping_questions().ask(address, false, found);
      known != answer::unknown)
    return known == answer::found;
  search wanted{address, &found, false};
  if (!for_each_mapping(covers, &wanted))
    dl_iterate_phdr(segment_covers, &wanted);
  return wanted.hit;
}

}  // namespace hotpatch
