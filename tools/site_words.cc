// Kinds, flags, states, targets and sources as text.
//
// SPDX-License-Identifier: MIT
#include "tools/site_words.h"

#include <iterator>

#include "processes/text.h"

namespace hotpatch::tools {

namespace {

// By bit number of format::site_flag.
constexpr std::string_view flag_table[] = {
    "endbr64",    "static",  "comdat",   "virtual",  "method", "constructor",
    "destructor", "lambda",  "nested",   "variadic", "c++",    "profiled",
    "alias",      "nothrow", "noreturn", "copied"};
static_assert(format::site_copied == 1u << (std::size(flag_table) - 1));

constexpr unsigned flag_bits = 32;

}  // namespace

std::string_view kind_word(format::site_kind kind)
{
  switch (kind) {
    case format::site_kind::nop8:
      return "nop8";
  }
  return "?";
}

std::vector<std::string> flag_words(std::uint32_t flags)
{
  std::vector<std::string> words;
  for (unsigned bit = 0; bit < flag_bits; ++bit) {
    if ((flags >> bit & 1) == 0)
      continue;
    if (bit < std::size(flag_table))
      words.emplace_back(flag_table[bit]);
    else
      words.push_back("bit-" + std::to_string(bit));
  }
  return words;
}

std::string_view state_word(word_form form)
{
  switch (form) {
    case word_form::pristine:
      return "original";
    case word_form::near:
      return "near";
    case word_form::far:
      return "far";
    case word_form::foreign:
      return "foreign";
  }
  return "?";
}

void append_target(std::string& text, const live_state& live)
{
  if (live.target_symbol.empty()) {
    text += "0x";
    append_hex(text, live.target);
  } else {
    append_printable(text, live.target_symbol);
    if (live.target_offset != 0) {
      text += "+0x";
      append_hex(text, live.target_offset);
    }
  }
  text += " (";
  append_printable(text,
                   live.target_image.empty() ? "no file" : live.target_image);
  text += ')';
}

void append_state(std::string& text, const live_state& live)
{
  text += state_word(live.form);
  switch (live.form) {
    case word_form::pristine:
      break;
    case word_form::near:
    case word_form::far:
      text += " -> ";
      append_target(text, live);
      break;
    case word_form::foreign:
      text += ": ";
      append_bytes(text, live.bytes);
      break;
  }
}

void append_source(std::string& text, const site& where)
{
  append_printable(text, where.file);
  if (where.line != 0) {
    text += ':';
    append_decimal(text, where.line);
  }
}

}  // namespace hotpatch::tools
