// --level, --timeout, --dry-run, --allow-copies and others, by argp.
//
// SPDX-License-Identifier: MIT
#include "tools/how_options.h"

#include <algorithm>
#include <cstdio>
#include <iterator>
#include <string>

#include "processes/text.h"
#include "tools/messages.h"

namespace hotpatch::tools {

namespace {

enum : int { key_trace = 512, key_suspend_seccomp, key_allow_copies };

constexpr argp_option option_table[] = {
    {nullptr, 0, nullptr, 0, "How:", 2},
    {"level", 'l', "LEVEL", 0,
     "quiescent: when no thread is inside a function that changes; immediate: "
     "now; through a control socket also strict and safepoint.  If not given, "
     "what the patch states, or quiescent",
     2},
    {"timeout", 't', "SECONDS", 0, "How long to wait for threads", 2},
    {"dry-run", 'n', nullptr, 0, "Check everything and change nothing", 2},
    {"trace", key_trace, nullptr, 0,
     "Trace the process even if it offers a control socket", 2},
    {"suspend-seccomp", key_suspend_seccomp, nullptr, 0,
     "Suspend the seccomp filter of the thread that loads the patch, for as "
     "long "
     "as it takes; for root",
     2},
    {"allow-copies", key_allow_copies, nullptr, 0,
     "Replace functions although copies of them stay where the compiler has "
     "inlined them",
     2},
    {"verbose", 'v', nullptr, 0, "Print each step", 2},
    {}};

void parse_level(const char* text, how_options& how, argp_state* state)
{
  if (!format::parse_level(text, how.settings.level))
    argp_error(state, "--level: '%s' is not %s", text, format::level_choices);
}

error_t parse_one(int key, char* argument, argp_state* state)
{
  auto& how = *static_cast<how_options*>(state->input);
  switch (key) {
    case 'l':
      parse_level(argument, how, state);
      break;
    case 't':
      how.settings.timeout_ms = parse_seconds("timeout", argument, state);
      break;
    case 'n':
      how.settings.dry_run = true;
      break;
    case key_trace:
      how.traces = true;
      break;
    case key_allow_copies:
      how.settings.allow_copies = true;
      break;
    case key_suspend_seccomp:
      how.settings.suspend_seccomp = true;
      break;
    case 'v':
      how.settings.tell = [](const std::string& text) {
        print_line(stderr, text);
      };
      break;
    default:
      return ARGP_ERR_UNKNOWN;
  }
  return 0;
}

}  // namespace

const argp how_parser = {option_table, parse_one, nullptr, nullptr,
                         nullptr,      nullptr,   nullptr};

std::int64_t parse_seconds(const char* option, std::string_view text,
                           argp_state* state)
{
  const auto seconds = parse_number<double>(text);
  if (!seconds || !(*seconds >= 0 && *seconds < 1e9))
    argp_error(state, "--%s: '%s' is not a number of seconds", option,
               text.data());
  return static_cast<std::int64_t>(*seconds * 1000);
}

}  // namespace hotpatch::tools
