// The options that hp-apply, hp-revert and hp-watch share: how a change is
// made.
//
// Owns the part of their command lines that becomes how_options.
//
// SPDX-License-Identifier: MIT
#ifndef HOTPATCH_TOOLS_HOW_OPTIONS_H
#define HOTPATCH_TOOLS_HOW_OPTIONS_H

#include <cstdint>
#include <string_view>

#include <argp.h>

#include "outside/applying.h"
#include "outside/control_patching.h"

namespace hotpatch::tools {

struct how_options {
  outside::apply_settings settings;  // for tracing, and what both have
  outside::control_wishes control;
  bool traces = false;  // also where a control socket is offered
};

// A child parser; its input is a how_options.
extern const argp how_parser;

// A number of seconds, as milliseconds.  Misuse, named by `option`, ends the
// program as argp does.
std::int64_t parse_seconds(const char* option, std::string_view text,
                           argp_state* state);

}  // namespace hotpatch::tools

#endif
