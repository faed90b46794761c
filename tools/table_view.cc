// Measuring the columns, then printing the lines.
//
// SPDX-License-Identifier: MIT
#include "tools/table_view.h"

#include <algorithm>
#include <cstring>

#include "processes/text.h"
#include "tools/site_words.h"

namespace hotpatch::tools {

namespace {

// An address as nm shows it, and columns that hold small numbers and words.
constexpr unsigned address_digits = 16;
constexpr std::size_t address_width = address_digits + 2;
constexpr std::size_t size_width = 9;
constexpr std::size_t kind_width = 7;
constexpr std::size_t pad_width = 5;

// A text column is as wide as its longest text plus two blanks, but no wider
// than this: one monstrous template name must not push a whole column away.
constexpr std::size_t widest = 56;

// Behind a name, as it chooses one of several.
void append_number(std::string& text, std::uint32_t number)
{
  if (number == 0)
    return;
  text += '#';
  append_decimal(text, number);
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

}  // namespace hotpatch::tools
