// The text forms of a listing: the table, one line for each site, and the long
// form, a paragraph for each; their colours, and the words for what a site is,
// which the JSON document uses, too.
//
// SPDX-License-Identifier: MIT
#ifndef HOTPATCH_TOOLS_TEXT_VIEWS_H
#define HOTPATCH_TOOLS_TEXT_VIEWS_H

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "tools/listing.h"
#include "tools/output.h"
#include "tools/selection.h"

namespace hotpatch::tools {

struct colours {
  std::string_view title;    // column and image headings
  std::string_view faint;    // what is seldom looked at
  std::string_view patched;  // a site that leads to a replacement
  std::string_view foreign;  // another tool's bytes
  std::string_view reset;
};

// Decides by `mode`, the terminal and NO_COLOR (https://no-color.org).
const colours& choose_colours(colour_mode mode, int descriptor);

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

struct table_style {
  bool demangle = false;  // demangled names instead of assembler names
  const colours& paint;
};

void show_table(const listing& shown, const selection& rows,
                const table_style& style, output& out);

void show_detail(const listing& shown, const selection& rows,
                 const colours& paint, output& out);

}  // namespace hotpatch::tools

#endif
