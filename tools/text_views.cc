// Words, colours, the table and the long form.
//
// SPDX-License-Identifier: MIT
#include "tools/text_views.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <iterator>

#include <unistd.h>

#include "processes/text.h"
#include "runtime/sites/name_demangle.h"

namespace hotpatch::tools {

// --- Colours ----------------------------------------------------------------

namespace {

constexpr colours plain;
constexpr colours ansi = {"\x1b[1m", "\x1b[2m", "\x1b[32m", "\x1b[31m",
                          "\x1b[0m"};

bool terminal_wants_colour(int descriptor)
{
  const char* refused = std::getenv("NO_COLOR");
  if (refused && *refused != '\0')
    return false;
  const char* kind = std::getenv("TERM");
  return isatty(descriptor) && kind && std::strcmp(kind, "dumb") != 0;
}

}  // namespace

const colours& choose_colours(colour_mode mode, int descriptor)
{
  if (mode == colour_mode::automatic)
    return terminal_wants_colour(descriptor) ? ansi : plain;
  return mode == colour_mode::always ? ansi : plain;
}

// --- Words ------------------------------------------------------------------

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

// --- The table --------------------------------------------------------------

namespace {

// An address as nm shows it, and columns that hold small numbers and words.
constexpr unsigned address_digits = 16;
constexpr std::size_t address_width = address_digits + 2;
constexpr std::size_t size_width = 9;
constexpr std::size_t kind_width = 7;
constexpr std::size_t pad_width = 5;
constexpr std::size_t copies_width = 8;

// A text column is as wide as its longest text plus two blanks, but no wider
// than this: one monstrous template name must not push a whole column away.
constexpr std::size_t widest = 56;

// After a name, as it chooses one of several.
void append_number(std::string& text, std::uint32_t number)
{
  if (number == 0)
    return;
  text += '#';
  append_decimal(text, number);
}

// How many functions contain copies.
void append_copies(std::string& text, const listing& shown, const row& one)
{
  if (!may_have_copies(one))
    text += '-';
  else if (!shown.copies_are_known)
    text += '?';
  else
    append_decimal(text, one.copies.size());
}

class table {
 public:
  table(const listing& shown, const selection& rows, const table_style& style)
      : shown_(shown), rows_(rows), style_(style)
  {
    measure();
  }

  void head(std::string& text) const;
  void lines(std::size_t begin, std::size_t end, std::string& text) const;

 private:
  void measure();
  void fit(std::size_t& width, std::size_t length) const;
  void site_line(std::uint32_t number, std::string& text) const;
  void alias_lines(std::uint32_t number, std::string& text) const;
  void line(const row& one, const char* name, std::string_view demangled,
            std::string_view kind, std::string& text) const;
  void state(const live_state& live, std::string& text) const;
  bool source_is_last() const { return !shown_.is_live(); }

  const listing& shown_;
  const selection& rows_;
  const table_style& style_;
  std::size_t name_width_ = 0;
  std::size_t demangled_width_ = 0;  // 0: no such column
  std::size_t source_width_ = 0;
  bool has_copies_ = false;  // such a column
};

void table::fit(std::size_t& width, std::size_t length) const
{
  width = std::max(width, std::min(length + 2, widest));
}

void table::measure()
{
  name_width_ = std::strlen("NAME") + 2;
  source_width_ = std::strlen("SOURCE") + 2;
  auto names = [this](const char* name, std::string_view demangled,
                      std::uint32_t number) {
    std::string counted;
    append_number(counted, number);
    if (style_.demangle && !demangled.empty()) {
      fit(name_width_, demangled.size() + counted.size());
      return;
    }
    fit(name_width_, std::strlen(name) + counted.size());
    if (!demangled.empty()) {
      fit(demangled_width_, std::strlen("DEMANGLED"));
      fit(demangled_width_, demangled.size());
    }
  };
  constexpr std::size_t line_digits = 6;  // ":12345"
  for (std::uint32_t number : rows_) {
    const row& one = shown_.rows[number];
    has_copies_ = has_copies_ || may_have_copies(one);
    names(one.where.name, one.demangled, one.number);
    for (const alias& other : aliases_of(shown_, number))
      names(other.name, other.demangled, one.number);
    if (!source_is_last())
      fit(source_width_, std::strlen(one.where.file) + line_digits);
  }
}

void table::head(std::string& text) const
{
  auto column = [&text](std::string_view word, std::size_t width) {
    text += word;
    text.append(width - word.size(), ' ');
  };
  text += style_.paint.title;
  column("ADDRESS", address_width);
  column("   SIZE", size_width);
  column("KIND", kind_width);
  column("PAD", pad_width);
  if (has_copies_)
    column("COPIES", copies_width);
  column("NAME", name_width_);
  if (demangled_width_ != 0)
    column("DEMANGLED", demangled_width_);
  if (source_is_last()) {
    text += "SOURCE";
  } else {
    column("SOURCE", source_width_);
    text += "STATE";
  }
  text += style_.paint.reset;
  text += '\n';
}

void table::state(const live_state& live, std::string& text) const
{
  std::string_view paint;
  if (live.form == word_form::foreign)
    paint = style_.paint.foreign;
  else if (live.form != word_form::pristine)
    paint = style_.paint.patched;
  text += paint;
  append_state(text, live);
  if (!paint.empty())
    text += style_.paint.reset;
}

void table::line(const row& one, const char* name, std::string_view demangled,
                 std::string_view kind, std::string& text) const
{
  append_hex(text, one.where.symbol, address_digits);
  text += "  ";
  std::size_t start = text.size();
  std::uint64_t size = size_of(one.where);
  for (std::uint64_t bound = 1'000'000; bound > 9 && size < bound; bound /= 10)
    text += ' ';
  append_decimal(text, size);
  pad_to(text, start, size_width);
  start = text.size();
  text += kind;
  pad_to(text, start, kind_width);
  start = text.size();
  append_decimal(text, one.where.pad);
  pad_to(text, start, pad_width);
  if (has_copies_) {
    start = text.size();
    append_copies(text, shown_, one);
    pad_to(text, start, copies_width);
  }

  start = text.size();
  bool replaced = style_.demangle && !demangled.empty();
  append_printable(text, replaced ? demangled : name);
  append_number(text, one.number);
  pad_to(text, start, name_width_);
  if (demangled_width_ != 0) {
    start = text.size();
    append_printable(text, replaced || demangled.empty() ? "-" : demangled);
    pad_to(text, start, demangled_width_);
  }

  start = text.size();
  text += style_.paint.faint;
  if (*one.where.file == '\0')
    text += '-';
  else
    append_source(text, one.where);
  text += style_.paint.reset;
  if (!source_is_last()) {
    std::size_t invisible =
        style_.paint.faint.size() + style_.paint.reset.size();
    pad_to(text, start, source_width_ + invisible);
  }
}

void table::site_line(std::uint32_t number, std::string& text) const
{
  const row& one = shown_.rows[number];
  line(one, one.where.name, one.demangled, kind_word(one.where.kind), text);
  if (shown_.is_live())
    state(shown_.live[number], text);
  text += '\n';
}

void table::alias_lines(std::uint32_t number, std::string& text) const
{
  for (const alias& other : aliases_of(shown_, number)) {
    line(shown_.rows[number], other.name, other.demangled, "alias", text);
    if (shown_.is_live())
      state(shown_.live[number], text);
    text += '\n';
  }
}

void table::lines(std::size_t begin, std::size_t end, std::string& text) const
{
  for (std::size_t i = begin; i < end; ++i) {
    site_line(rows_[i], text);
    alias_lines(rows_[i], text);
  }
}

}  // namespace

void show_table(const listing& shown, const selection& rows,
                const table_style& style, output& out)
{
  table view(shown, rows, style);
  view.head(out.text());
  out.append_items(rows.size(),
                   [&](std::size_t begin, std::size_t end, std::string& text) {
                     view.lines(begin, end, text);
                   });
}

// --- The long form ----------------------------------------------------------

namespace {

constexpr std::size_t label_width = 13;

void label(std::string& text, std::string_view word)
{
  text += "  ";
  std::size_t start = text.size();
  text += word;
  pad_to(text, start, label_width);
}

void address(std::string& text, std::uint64_t value)
{
  text += "0x";
  append_hex(text, value);
}

void hash_line(std::string& text, std::string_view word, std::uint64_t hash)
{
  if (hash == 0)
    return;
  label(text, word);
  address(text, hash);
  text += '\n';
}

void code_lines(std::string& text, const site& where)
{
  label(text, "address");
  address(text, where.symbol);
  text += " to ";
  address(text, where.end);
  text += ", ";
  append_decimal(text, size_of(where));
  text += " bytes\n";
  label(text, "patch word");
  address(text, where.word);
  text += ", ";
  text += kind_word(where.kind);
  text += ", ";
  append_decimal(text, where.pad);
  text += " dead bytes before the symbol\n";
  label(text, "id");
  text += "0x";
  append_hex(text, where.id, 8);
  text += '\n';
}

void origin_lines(std::string& text, const site& where)
{
  if (*where.file != '\0') {
    label(text, "source");
    append_source(text, where);
    text += '\n';
  }
  if (*where.prototype != '\0') {
    label(text, "prototype");
    append_printable(text, where.prototype);
    text += '\n';
  }
  hash_line(text, "type hash", where.prototype_hash);
  hash_line(text, "layout hash", where.layout_hash);
  if (where.flags != 0) {
    label(text, "flags");
    bool first = true;
    for (const std::string& word : flag_words(where.flags)) {
      if (!first)
        text += ' ';
      first = false;
      text += word;
    }
    text += '\n';
  }
}

void copies_lines(std::string& text, const listing& shown, const row& one)
{
  if (may_have_copies(one) && !shown.copies_are_known) {
    label(text, "copies in");
    text += "not known: the file has lost its section ";
    text += format::copies_section_name;
    text += '\n';
  }
  for (const copy_holder& each : one.copies) {
    label(text, "copies in");
    char text_of_name[512];
    append_printable(
        text, demangle(std::string(each.of.symbol).c_str(), name_form::full,
                       text_of_name, sizeof text_of_name));
    text += "  ";
    append_printable(text, each.of.file);
    text += ':';
    append_decimal(text, each.of.line);
    text += ", ";
    append_decimal(text, each.count);
    text += each.count == 1 ? " place" : " places";
    if (!each.has_site)
      text += ", has no patch site";
    text += '\n';
  }
}

void name_lines(std::string& text, std::string_view word, const char* name,
                std::string_view demangled)
{
  label(text, word);
  append_printable(text, name);
  if (!demangled.empty()) {
    text += "  ";
    append_printable(text, demangled);
  }
  text += '\n';
}

void site_lines(std::string& text, const listing& shown, std::uint32_t number,
                const colours& paint)
{
  const row& one = shown.rows[number];
  text += paint.title;
  append_printable(text,
                   one.demangled.empty() ? one.where.name : one.demangled);
  if (one.number != 0) {
    text += '#';
    append_decimal(text, one.number);
  }
  text += paint.reset;
  text += '\n';
  if (!one.demangled.empty())
    name_lines(text, "name", one.where.name, {});
  for (const alias& other : aliases_of(shown, number))
    name_lines(text, "also", other.name, other.demangled);
  code_lines(text, one.where);
  origin_lines(text, one.where);
  copies_lines(text, shown, one);
  if (shown.is_live()) {
    label(text, "state");
    append_state(text, shown.live[number]);
    text += '\n';
    label(text, "bytes");
    append_bytes(text, shown.live[number].bytes);
    text += '\n';
  }
}

void image_lines(std::string& text, const listing& shown)
{
  label(text, "image");
  append_printable(text, shown.title());
  text += ", ";
  text += shown.type;
  if (shown.is_live()) {
    text += ", loaded at +0x";
    append_hex(text, shown.bias);
  }
  text += '\n';
  if (!shown.build_id.empty()) {
    label(text, "build-id");
    text += shown.build_id;
    text += '\n';
  }
}

}  // namespace

void show_detail(const listing& shown, const selection& rows,
                 const colours& paint, output& out)
{
  std::string image;
  image_lines(image, shown);
  out.append_items(rows.size(),
                   [&](std::size_t begin, std::size_t end, std::string& text) {
                     for (std::size_t i = begin; i < end; ++i) {
                       site_lines(text, shown, rows[i], paint);
                       text += image;
                       text += '\n';
                     }
                   });
}

}  // namespace hotpatch::tools
