// Parsing a line of /proc/PID/maps.
// SPDX-License-Identifier: MIT
#include "runtime/base/map_line.h"

#include <cstring>
#include <sys/mman.h>

#include "runtime/base/number.h"

namespace hotpatch {

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

}  // namespace hotpatch
