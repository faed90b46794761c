// /proc/self/maps, read without the C library.
// SPDX-License-Identifier: MIT
#include "runtime/memory_regions.h"

#include <algorithm>
#include <cerrno>
#include <climits>
#include <cstring>

#include "runtime/raw_file.h"

namespace hotpatch {

namespace {

// Longer than any line: a path has PATH_MAX bytes, and each may be shown as an
// octal number of four characters.
constinit char buffer[4 * PATH_MAX + 256];

std::uint64_t read_hexadecimal(const char*& at)
{
  std::uint64_t value = 0;
  for (;; ++at) {
    const char digit = *at;
    if (digit >= '0' && digit <= '9')
      value = value << 4 | static_cast<std::uint64_t>(digit - '0');
    else if (digit >= 'a' && digit <= 'f')
      value = value << 4 | static_cast<std::uint64_t>(digit - 'a' + 10);
    else
      return value;
  }
}

// "7f0c1000-7f0c3000 rw-p 00000000 00:00 0      [stack]"
memory_region parse_line(const char* at, const char* end)
{
  memory_region region{};
  region.begin = read_hexadecimal(at);
  ++at;
  region.end = read_hexadecimal(at);
  ++at;
  region.readable = at[0] == 'r';
  const bool is_private = at[3] == 'p';
  at += 5;
  read_hexadecimal(at);  // offset
  at = std::strchr(at + 1, ' ');
  region.anonymous = is_private && at != nullptr && at[1] == '0' &&
                     (at[2] == ' ' || at[2] == '\0');
  constexpr char stack[] = "[stack]";
  constexpr std::size_t length = sizeof stack - 1;
  region.main_stack = static_cast<std::size_t>(end - at) > length &&
                      std::memcmp(end - length, stack, length) == 0;
  return region;
}

}  // namespace

int memory_regions::read() noexcept
{
  regions_.clear();
  main_stack_ = static_cast<std::size_t>(-1);
  const raw_file maps("/proc/self/maps", O_RDONLY);
  if (!maps)
    return maps.error();

  std::size_t filled = 0;
  for (;;) {
    const long got = maps.read(buffer + filled, sizeof buffer - filled);
    if (got < 0)
      return static_cast<int>(-got);
    if (got == 0)
      return 0;
    filled += static_cast<std::size_t>(got);

    char* line = buffer;
    char* const end = buffer + filled;
    while (auto* newline = static_cast<char*>(
               std::memchr(line, '\n', static_cast<std::size_t>(end - line)))) {
      *newline = '\0';
      const memory_region region = parse_line(line, newline);
      if (region.main_stack)
        main_stack_ = regions_.size();
      if (!regions_.append(region))
        return ENOMEM;
      line = newline + 1;
    }
    filled = static_cast<std::size_t>(end - line);
    std::memmove(buffer, line, filled);
    if (filled == sizeof buffer)
      return EOVERFLOW;
  }
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
