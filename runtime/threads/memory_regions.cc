// A copy of the process's memory map that can be searched.
// SPDX-License-Identifier: MIT
#include "runtime/threads/memory_regions.h"

#include <algorithm>
#include <cerrno>
#include <sys/mman.h>

#include "runtime/base/memory_map.h"

namespace hotpatch {

int memory_regions::read() noexcept
{
  regions_.clear();
  main_stack_ = none;
  full_ = false;
  if (!for_each_mapping(note, this))
    return errno;
  return full_ ? ENOMEM : 0;
}

bool memory_regions::note(const memory_mapping& mapping, const char*,
                          void* self) noexcept
{
  auto& all = *static_cast<memory_regions*>(self);
  if (mapping.is_stack && mapping.inode == 0)
    all.main_stack_ = all.regions_.size();
  // Memory shared without a name has an inode as well: mmap(2), MAP_ANONYMOUS,
  // is a file of the kernel's own then.
  all.full_ = !all.regions_.append({mapping.begin, mapping.end,
                                    (mapping.protection & PROT_READ) != 0,
                                    mapping.inode == 0, mapping.is_stack});
  return !all.full_;
}

const memory_region* memory_regions::first_behind(
    std::uint64_t address) const noexcept
{
  return std::upper_bound(
      regions_.begin(), regions_.end(), address,
      [](std::uint64_t wanted, const memory_region& region) {
        return wanted < region.end;
      });
}

const memory_region* memory_regions::find(std::uint64_t address) const noexcept
{
  const memory_region* region = first_behind(address);
  return region != end() && region->begin <= address ? region : nullptr;
}

const memory_region* memory_regions::main_stack() const noexcept
{
  return main_stack_ < regions_.size() ? &regions_[main_stack_] : nullptr;
}

}  // namespace hotpatch
