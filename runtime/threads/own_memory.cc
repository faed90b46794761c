// Asking before reading.
//
// SPDX-License-Identifier: MIT
#include "runtime/threads/own_memory.h"

#include <algorithm>
#include <cerrno>
#include <csignal>

#include <link.h>
#include <sys/auxv.h>
#include <sys/mman.h>

#include "runtime/base/countermeasure.h"
#include "runtime/base/system_call.h"
#include "runtime/base/valgrind_request.h"

namespace hotpatch {

// What the kernel says of memory, asked for or read.

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

namespace {

// 0: eight bytes at the address can be read.  rt_sigprocmask(2) copies the new
// mask before it looks at what is to be done with it, which is nothing that it
// knows: EFAULT, or EINVAL.  It is the call that no filter forbids and that
// needs no descriptor.
int probe(std::uint64_t address)
{
  constexpr int nothing_known = -1;
  const valgrind_silence here;  // what is there may have no value yet
  const long failed = system_call(SYS_rt_sigprocmask, nothing_known,
                                  reinterpret_cast<const void*>(address),
                                  nullptr, sizeof(std::uint64_t));
  return failed == -EINVAL ? 0 : static_cast<int>(-failed);
}

// Red zones, and what other threads wrote: no sanitizer may check.
[[gnu::no_sanitize("address", "thread", "undefined")]] void copy_bytes(
    std::uint64_t from, void* into, std::size_t size)
{
  const auto* const source = reinterpret_cast<const volatile char*>(from);
  auto* const target = static_cast<volatile char*>(into);
  for (std::size_t i = 0; i < size; ++i)
    target[i] = source[i];
}

int note_image(dl_phdr_info* image, std::size_t, void* data)
{
  std::uint64_t header = 0;
  for (std::size_t i = 0; i < image->dlpi_phnum; ++i)
    if (image->dlpi_phdr[i].p_type == PT_GNU_EH_FRAME)
      header = image->dlpi_addr + image->dlpi_phdr[i].p_vaddr;
  for (std::size_t i = 0; i < image->dlpi_phnum; ++i) {
    const ElfW(Phdr)& segment = image->dlpi_phdr[i];
    const std::uint64_t begin = image->dlpi_addr + segment.p_vaddr;
    if (segment.p_type == PT_LOAD && (segment.p_flags & PF_X) != 0 &&
        !static_cast<mapped_array<unwind_table>*>(data)->append(
            {begin, begin + segment.p_memsz, header}))
      return 1;
  }
  return 0;
}

}  // namespace

void own_memory::take_tables() noexcept
{
  tables_.clear();
  dl_iterate_phdr(note_image, &tables_);
  std::sort(tables_.begin(), tables_.end(),
            [](const unwind_table& a, const unwind_table& b) {
              return a.begin < b.begin;
            });
}

void own_memory::open(locked_stacks& announced) noexcept
{
  announced_ = &announced;
  probe_failure_ = 0;
  page_count_ = 0;
  std::fill(readable_, readable_ + remembered, 0);
  regions_.open();
  pagemap_.emplace("/proc/thread-self/pagemap", O_RDONLY);
}

void own_memory::close() noexcept
{
  announced_ = nullptr;
  pagemap_.reset();
  regions_.close();
}

bool own_memory::is_readable(std::uint64_t page) noexcept
{
  if (!HP_COUNTERMEASURE(probe_memory))
    return true;
  std::uint64_t& known = readable_[page % remembered];
  if (known == page)
    return true;
  const int error = probe(page * page_size);
  if (error == 0)
    known = page;
  else if (error != EFAULT)
    probe_failure_ = error;
  return error == 0;
}

// Pages that were never written are zero.  Reading them would do no harm, but
// costs a page fault each.
bool own_memory::was_written(std::uint64_t page) noexcept
{
  // The kernel's Documentation/admin-guide/mm/pagemap.rst: one word per page.
  constexpr std::uint64_t present_or_swapped = std::uint64_t{3} << 62;
  if (page - first_page_ >= page_count_) {
    first_page_ = page / batch * batch;
    const long got = pagemap_ && *pagemap_
                         ? pagemap_->read_at(first_page_ * sizeof pages_[0],
                                             pages_, sizeof pages_)
                         : 0;
    page_count_ =
        got > 0 ? static_cast<std::size_t>(got) / sizeof pages_[0] : 0;
    if (page - first_page_ >= page_count_)
      return true;
  }
  return (pages_[page - first_page_] & present_or_swapped) != 0;
}

memory_region own_memory::region_or_next(void* self, std::uint64_t address)
{
  return static_cast<own_memory*>(self)->regions_.find_or_next(address);
}

memory_words own_memory::words(void* self, std::uint64_t address,
                               std::uint64_t end, bool sparse)
{
  auto& own = *static_cast<own_memory*>(self);
  const std::uint64_t page = address / page_size;
  const memory_region region = own.regions_.find(address);
  if (!region.exists() || !region.readable)
    return {nullptr, 0, true};
  if (sparse && region.anonymous && !own.was_written(page))
    return {};
  if (!own.is_readable(page))
    return {nullptr, 0, true};
  const std::uint64_t last = std::min(end, (page + 1) * page_size);
  return {reinterpret_cast<const std::uint64_t*>(address), (last - address) / 8,
          false};
}

bool own_memory::read(void* self, std::uint64_t address, void* into,
                      std::size_t size)
{
  auto& own = *static_cast<own_memory*>(self);
  if (size == 0 || address + size < address)
    return false;
  for (std::uint64_t page = address / page_size;
       page <= (address + size - 1) / page_size; ++page)
    if (!own.is_readable(page))
      return false;
  copy_bytes(address, into, size);
  return true;
}

memory_region own_memory::main_stack(void* self)
{
  return static_cast<own_memory*>(self)->regions_.main_stack();
}

bool own_memory::known_stack(void* self, std::uint64_t address,
                             std::uint64_t& begin, std::uint64_t& end)
{
  auto& own = *static_cast<own_memory*>(self);
  announced_stack* const stack =
      own.announced_ != nullptr ? own.announced_->find(address) : nullptr;
  if (stack == nullptr)
    return false;
  stack->running = true;
  begin = stack->base;
  end = stack->end;
  return true;
}

}  // namespace hotpatch
