// The long form of a listing.
//
// SPDX-License-Identifier: MIT
#include "tools/detail_view.h"

#include "processes/text.h"
#include "tools/site_words.h"

namespace hotpatch::tools {

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
