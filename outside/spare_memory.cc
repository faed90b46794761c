// Looking for the ends of images.
//
// SPDX-License-Identifier: MIT
#include "outside/spare_memory.h"

#include <algorithm>
#include <map>
#include <string_view>
#include <utility>

#include <elf.h>

#include "processes/incarnation.h"
#include "processes/maps.h"
#include "processes/memory.h"
#include "processes/trouble.h"
#include "runtime/base/deadline.h"

namespace hotpatch::outside {

namespace {

constexpr std::uint64_t page = 4096;
constexpr std::size_t most_headers = 64;

template <typename T>
bool fetch(const process_memory& memory, std::uint64_t address, T& into)
{
  return memory.fetch(address,
                      {reinterpret_cast<std::uint8_t*>(&into), sizeof into});
}

// Behind the variables of an image whose file begins at `begin`; 0: unknown.
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

// The dynamic linker uses the rest of its own page.
spare_memory::spare_memory(pid_t process)
{
  try {
    const process_memory memory(process);
    const auto maps = read_maps(process);
    for (const process_mapping& each : maps) {
      const std::string_view name =
          std::string_view(each.path).substr(each.path.rfind('/') + 1);
      if (each.offset != 0 || each.inode == 0 || name.starts_with("ld-"))
        continue;
      const std::uint64_t end = end_of_variables(memory, each.begin);
      const process_mapping* const last =
          end % page != 0 ? mapping_at(maps, end) : nullptr;
      if (last == nullptr || last->executable)
        continue;
      const std::uint64_t limit = (end & ~(page - 1)) + page;
      for (std::uint64_t at = (end + 2 * size) & ~std::uint64_t{15};
           at + size <= limit; at += size)
        places_.push_back({at, 0});
    }
  } catch (const trouble&) {
    // Then there is none.
  }
}

std::uint64_t spare_memory::take()
{
  constexpr std::int64_t good_while = 30'000'000;
  if (places_.empty())
    return 0;
  place& each = places_[next_++ % places_.size()];
  const std::int64_t now = monotonic_now();
  if (each.taken != 0 && now - each.taken < good_while)
    return 0;
  each.taken = now;
  return each.address;
}

}  // namespace hotpatch::outside
