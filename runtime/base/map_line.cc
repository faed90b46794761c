// Parsing a line of /proc/PID/maps.
// SPDX-License-Identifier: MIT
#include "runtime/base/map_line.h"

#include <cstring>
#include <sys/mman.h>

namespace hotpatch {

namespace {

std::uint64_t digit_of(char c)
{
  return static_cast<std::uint64_t>(c >= '0' && c <= '9'   ? c - '0'
                                    : c >= 'a' && c <= 'f' ? c - 'a' + 10
                                                           : 16);
}

bool take_number(const char*& at, std::uint64_t base, std::uint64_t& value)
{
  const char* const first = at;
  value = 0;
  for (; digit_of(*at) < base; ++at)
    value = value * base + digit_of(*at);
  return at != first;
}

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
  if (!take_number(at, 16, into.begin) || !take(at, '-') ||
      !take_number(at, 16, into.end) || !take(at, ' '))
    return false;
  const char* const rights = at;  // "r-xp"
  if (strnlen(rights, 5) < 5 || rights[4] != ' ')
    return false;
  into.protection = (rights[0] == 'r' ? PROT_READ : 0) |
                    (rights[1] == 'w' ? PROT_WRITE : 0) |
                    (rights[2] == 'x' ? PROT_EXEC : 0);
  at = rights + 5;
  if (!take_number(at, 16, into.offset) || !take(at, ' ') ||
      !take_number(at, 16, into.major) || !take(at, ':') ||
      !take_number(at, 16, into.minor) || !take(at, ' ') ||
      !take_number(at, 10, into.inode) || (*at != ' ' && *at != '\0'))
    return false;
  into.path = at + std::strspn(at, " ");
  return into.begin < into.end;
}

}  // namespace hotpatch
