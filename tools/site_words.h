// The words for the facts of a site, the same in every view.
//
// SPDX-License-Identifier: MIT
#ifndef HOTPATCH_TOOLS_SITE_WORDS_H
#define HOTPATCH_TOOLS_SITE_WORDS_H

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "tools/listing.h"

namespace hotpatch::tools {

std::string_view kind_word(format::site_kind kind);

// "static", "endbr64", ... in the order of the bits; a bit that this program
// does not know is shown as "bit-N".
std::vector<std::string> flag_words(std::uint32_t flags);

// "original", "near", "far" or "foreign"
std::string_view state_word(word_form form);

// "new_reset+4 (/tmp/fix.so)", or "0x7f00... (no file)"
void append_target(std::string& text, const live_state& live);

// "near -> new_reset (/tmp/fix.so)", "foreign: cc 1f 84 ..."
void append_state(std::string& text, const live_state& live);

// "server.c:42", "server.c" without a line, "" without a file
void append_source(std::string& text, const site& where);

}  // namespace hotpatch::tools

#endif
