// What the kernel says of memory, asked for or read.
// SPDX-License-Identifier: MIT
#include "runtime/threads/memory_regions.h"

#include <algorithm>
#include <cerrno>
#include <sys/auxv.h>
#include <sys/mman.h>

namespace hotpatch {

namespace {

// Memory shared without a name has an inode as well: mmap(2), MAP_ANONYMOUS, is
// a file of the kernel's own then.
memory_region region_of(const memory_mapping& mapping)
{
  // The random bytes lie at the upper end of "[stack]".
  const std::uint64_t in_stack = getauxval(AT_RANDOM);
  const bool anonymous = mapping.inode == 0;
  return {mapping.begin,
          mapping.end,
          (mapping.protection & PROT_READ) != 0,
          (mapping.protection & PROT_WRITE) != 0,
          (mapping.protection & PROT_EXEC) != 0,
          anonymous,
          anonymous && in_stack - mapping.begin < mapping.end - mapping.begin,
          mapping.inode};
}

}  // namespace

void memory_regions::open() noexcept
{
  using answer = mapping_questions::answer;
  failure_ = 0;
  std::fill(recent_, recent_ + remembered, memory_region{});
  regions_.clear();
  questions_.emplace();
  memory_mapping own_stack;
  const auto here = reinterpret_cast<std::uint64_t>(__builtin_frame_address(0));
  if (questions_->ask(here, false, own_stack) != answer::found)
    failure_ = read();
}

// From here on the map that is read now serves for all questions.
int memory_regions::read() noexcept
{
  questions_.reset();
  regions_.clear();
  full_ = false;
  if (!for_each_mapping(note, this))
    return errno;
  return full_ ? ENOMEM : 0;
}

bool memory_regions::note(const memory_mapping& mapping, const char*,
                          void* self) noexcept
{
  auto& all = *static_cast<memory_regions*>(self);
  all.full_ = !all.regions_.append(region_of(mapping));
  return !all.full_;
}

memory_region memory_regions::find(std::uint64_t address) noexcept
{
  const memory_region region = find_or_next(address);
  return region.contains(address) ? region : memory_region{};
}

memory_region memory_regions::find_or_next(std::uint64_t address) noexcept
{
  using answer = mapping_questions::answer;
  for (const memory_region& each : recent_)
    if (each.contains(address))
      return each;
  memory_mapping mapping;
  const answer known =
      questions_ ? questions_->ask(address, true, mapping) : answer::unknown;
  if (known == answer::absent)
    return {};
  if (known == answer::found)
    return remember(region_of(mapping));
  if (questions_ && failure_ == 0)
    failure_ = read();
  return remember(look_up(address));
}

memory_region memory_regions::remember(const memory_region& region) noexcept
{
  recent_[next_] = region;
  next_ = (next_ + 1) % remembered;
  return region;
}

memory_region memory_regions::look_up(std::uint64_t address) const noexcept
{
  const memory_region* const region =
      std::upper_bound(regions_.begin(), regions_.end(), address,
                       [](std::uint64_t wanted, const memory_region& each) {
                         return wanted < each.end;
                       });
  return region != regions_.end() ? *region : memory_region{};
}

memory_region memory_regions::main_stack() noexcept
{
  const memory_region region = find(getauxval(AT_RANDOM));
  return region.main_stack ? region : memory_region{};
}

}  // namespace hotpatch
