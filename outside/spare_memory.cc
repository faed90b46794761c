// Looking for the ends of images.
//
// SPDX-License-Identifier: MIT
#include "outside/spare_memory.h"

#include <algorithm>
#include <map>
#include <string_view>
#include <utility>

#include <elf.h>
#include <sys/stat.h>

#include "processes/incarnation.h"
#include "processes/maps.h"
#include "processes/memory.h"
#include "processes/threads.h"
#include "processes/trouble.h"
#include "runtime/base/deadline.h"
#include "runtime/base/page_size.h"

namespace hotpatch::outside {

namespace {

constexpr std::size_t most_headers = 64;

template <typename T>
bool fetch(const process_memory& memory, std::uint64_t address, T& into)
{
  return memory.fetch(address,
                      {reinterpret_cast<std::uint8_t*>(&into), sizeof into});
}

// After the variables of an image whose file begins at `begin`; 0: unknown.
std::uint64_t end_of_variables(const process_memory& memory,
                               std::uint64_t begin)
{
  Elf64_Ehdr header;
  if (!fetch(memory, begin, header) ||
      std::string_view(reinterpret_cast<const char*>(header.e_ident),
                       SELFMAG) != ELFMAG ||
      header.e_phentsize != sizeof(Elf64_Phdr) || header.e_phnum > most_headers)
    return 0;
  std::uint64_t end = 0;
  for (std::size_t i = 0; i < header.e_phnum; ++i) {
    Elf64_Phdr segment;
    if (!fetch(memory, begin + header.e_phoff + i * sizeof segment, segment))
      return 0;
    if (segment.p_type == PT_LOAD && (segment.p_flags & PF_W) != 0)
      end = (header.e_type == ET_DYN ? begin : 0) + segment.p_vaddr +
            segment.p_memsz;
  }
  return end;
}

// The program and the C library: the kernel may read the bytes after this
// process has let the thread go, and every other image can be unloaded by then.
// The dynamic linker uses the rest of its own page.
bool stays_mapped(const process_mapping& mapping, const struct stat& program)
{
  const std::string_view name =
      std::string_view(mapping.path).substr(mapping.path.rfind('/') + 1);
  return (mapping.device == program.st_dev &&
          mapping.inode == program.st_ino) ||
         (!mapping.is_copy &&
          (name.starts_with("libc.so") || name.starts_with("libc-")));
}

}  // namespace

spare_memory& spare_memory::of(pid_t process)
{
  static auto* const all =
      new std::map<pid_t, std::pair<std::uint64_t, spare_memory>>;
  const auto run = incarnation_of(process);
  const std::uint64_t stack = run ? run->stack : 0;
  auto found = all->find(process);
  if (found == all->end() || found->second.first != stack)
    found =
        all->insert_or_assign(process, std::pair{stack, spare_memory(process)})
            .first;
  return found->second.second;
}

spare_memory::spare_memory(pid_t process)
{
  try {
    const process_memory memory(process);
    const auto maps = read_maps(process);
    struct stat program = {};
    if (stat(memory_path(process, "/exe").c_str(), &program) != 0)
      return;
    for (const process_mapping& each : maps) {
      if (each.offset != 0 || each.inode == 0 || !stays_mapped(each, program))
        continue;
      const std::uint64_t end = end_of_variables(memory, each.begin);
      const process_mapping* const last =
          end % page_size != 0 ? mapping_at(maps, end) : nullptr;
      if (last == nullptr || last->executable)
        continue;
      const std::uint64_t limit = (end & ~(page_size - 1)) + page_size;
      for (std::uint64_t at = (end + 2 * size) & ~std::uint64_t{15};
           at + size <= limit; at += size)
        places_.push_back({at});
    }
  } catch (const trouble&) {
    // Then there is none.
  }
}

std::uint64_t spare_memory::take(pid_t thread)
{
  constexpr std::int64_t good_while = 10'000'000'000;
  place* oldest = nullptr;
  for (place& each : places_) {
    if (each.thread == thread) {
      oldest = &each;
      break;
    }
    if (oldest == nullptr || each.taken < oldest->taken)
      oldest = &each;
  }
  const std::int64_t now = monotonic_now();
  if (oldest == nullptr || (oldest->thread != 0 && oldest->thread != thread &&
                            now - oldest->taken < good_while))
    return 0;
  oldest->thread = thread;
  oldest->taken = now;
  return oldest->address;
}

}  // namespace hotpatch::outside
