// Reading a request, line by line.
// SPDX-License-Identifier: MIT
#include "runtime/control/control_request.h"

#include <cstring>

#include "format/control_protocol.h"
#include "runtime/base/number.h"
#include "runtime/base/status.h"

namespace hotpatch {

namespace {

using format::control_greeting;

// What is after `word` and its blank; null if the line is another one.
const char* behind(const char* line, const char* word)
{
  const std::size_t length = std::strlen(word);
  return std::strncmp(line, word, length) == 0 && line[length] == ' '
             ? line + length + 1
             : nullptr;
}

hp_status refuse_line(const char* line)
{
  return fail(HP_INVALID, "a line of the request is not understood: \"%.64s\"",
              line);
}

hp_status read_action(const char* line, control_request& into)
{
  constexpr std::size_t greeting = sizeof control_greeting - 1;
  if (std::strncmp(line, control_greeting, greeting) != 0)
    return fail(HP_UNSUPPORTED,
                "this process expects \"%s\", and \"%.32s\" came: the tool is "
                "of another version of hotpatch",
                control_greeting, line);
  const char* verb = line + greeting;
  if (std::strcmp(verb, "load") == 0)
    into.what = control_request::action::load;
  else if (std::strcmp(verb, "unload") == 0)
    into.what = control_request::action::unload;
  else if (std::strcmp(verb, "status") == 0)
    into.what = control_request::action::status;
  else
    return refuse_line(line);
  return HP_OK;
}

bool read_line(const char* line, control_request& into)
{
  const bool loads = into.what == control_request::action::load;
  const bool unloads = into.what == control_request::action::unload;
  if (!loads && !unloads)
    return false;
  if (const char* level = behind(line, "level"))
    return into.level == format::level::unstated &&
           format::parse_level(level, into.level);
  if (const char* timeout = behind(line, "timeout"))
    return parse_number(timeout, into.timeout_ms);
  if (loads && std::strcmp(line, "check") == 0)
    return into.check_only = true;
  if (loads && std::strcmp(line, "allow-copies") == 0)
    return into.allow_copies = true;
  const char* path = loads ? behind(line, "path") : nullptr;
  if (path != nullptr && into.path == nullptr && *path == '/') {
    into.path = path;
    return true;
  }
  const char* name = unloads ? behind(line, "name") : nullptr;
  if (name != nullptr && into.name == nullptr && *name != '\0') {
    into.name = name;
    return true;
  }
  return false;
}

}  // namespace

hp_status read_control_request(char* packet, std::size_t size,
                               control_request& into) noexcept
{
  if (size == 0 || packet[size - 1] != '\n' ||
      std::memchr(packet, '\0', size) != nullptr)
    return fail(HP_INVALID, "the request is no text of whole lines");
  char* const end = packet + size;
  bool first = true;
  for (char* line = packet; line != end;) {
    char* const last = static_cast<char*>(
        std::memchr(line, '\n', static_cast<std::size_t>(end - line)));
    *last = '\0';
    if (first)
      if (const hp_status status = read_action(line, into); status != HP_OK)
        return status;
    if (!first && !read_line(line, into))
      return refuse_line(line);
    first = false;
    line = last + 1;
  }
  if (into.what == control_request::action::load && into.path == nullptr)
    return fail(HP_INVALID, "the request names no path");
  if (into.what == control_request::action::unload && into.name == nullptr)
    return fail(HP_INVALID, "the request names no patch");
  return HP_OK;
}

}  // namespace hotpatch
