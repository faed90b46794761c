// The members of the JSON document, image by image.
//
// SPDX-License-Identifier: MIT
#include "tools/json_view.h"

#include "processes/text.h"
#include "tools/json_writer.h"
#include "tools/site_words.h"

namespace hotpatch::tools {

namespace {

// Depths of the document's nested lists, for pieces that are written apart.
constexpr unsigned image_depth = 2;  // {"images": [
constexpr unsigned site_depth = 4;   // {"sites": [

void write_aliases(json_writer& json, std::span<const alias> aliases)
{
  json.key("aliases");
  json.begin_line_array();
  for (const alias& other : aliases)
    json.value(other.name);
  json.end_line_array();
}

void write_live(json_writer& json, const live_state& live)
{
  json.member("state", state_word(live.form));
  std::string bytes;
  append_bytes(bytes, live.bytes);
  json.member("bytes", bytes);
  json.key("target");
  if (live.form != word_form::near && live.form != word_form::far) {
    json.null_value();
    return;
  }
  json.begin_object();
  json.hex_member("address", live.target);
  json.member_or_null("symbol", live.target_symbol);
  json.hex_member("offset", live.target_offset);
  json.member_or_null("image", live.target_image);
  json.end_object();
}

void write_site(json_writer& json, const listing& shown, std::uint32_t number)
{
  const row& one = shown.rows[number];
  const site& where = one.where;
  json.begin_object();
  json.member("name", where.name);
  json.member("demangled", one.demangled.empty() ? where.name : one.demangled);
  write_aliases(json, aliases_of(shown, number));
  json.hex_member("symbol", where.symbol);
  json.hex_member("word", where.word);
  json.hex_member("end", where.end);
  json.member("size", size_of(where));
  json.member("kind", kind_word(where.kind));
  json.member("pad", where.pad);
  json.hex_member("id", where.id, 8);
  json.member("file", where.file);
  json.member("line", where.line);
  json.member("prototype", where.prototype);
  json.hex_member("prototype_hash", where.prototype_hash, 16);
  json.hex_member("layout_hash", where.layout_hash, 16);
  json.key("flags");
  json.begin_line_array();
  for (const std::string& word : flag_words(where.flags))
    json.value(word);
  json.end_line_array();
  if (shown.is_live())
    write_live(json, shown.live[number]);
  json.end_object();
}

// Everything of an image but its sites; the object stays open.
void write_image_head(json_writer& json, const listing& shown)
{
  json.begin_object();
  json.member("path", shown.path);
  json.member_or_null("member", shown.member);
  json.member("type", shown.type);
  json.member_or_null("build_id", shown.build_id);
  json.hex_member("bias", shown.bias);
}

}  // namespace

json_document::json_document(output& out, pid_t pid) : out_(out)
{
  std::string& text = out_.text();
  text += "{\n \"format\": \"hotpatch-sites\",\n \"version\": 1,\n \"pid\": ";
  if (pid == 0)
    text += "null";
  else
    append_decimal(text, static_cast<std::uint64_t>(pid));
  text += ",\n \"images\": [";
}

void json_document::add(const listing& shown, const selection& rows)
{
  std::string& text = out_.text();
  text += first_image_ ? "" : ",";
  first_image_ = false;
  json_writer json(text, image_depth);
  write_image_head(json, shown);
  text += ",\n   \"sites\": [";
  out_.append_items(
      rows.size(), [&](std::size_t begin, std::size_t end, std::string& piece) {
        for (std::size_t i = begin; i < end; ++i) {
          piece += i == 0 ? "" : ",";
          json_writer one(piece, site_depth);
          write_site(one, shown, rows[i]);
        }
      });
  out_.text() += rows.empty() ? "]\n  }" : "\n   ]\n  }";
  out_.relax();
}

void json_document::add_problem(const std::string& path,
                                const std::string& message)
{
  problems_.push_back({path, message});
}

void json_document::finish()
{
  std::string& text = out_.text();
  text += first_image_ ? "],\n \"problems\": [" : "\n ],\n \"problems\": [";
  json_writer json(text, image_depth);
  for (const problem& one : problems_) {
    json.begin_object();
    json.member("path", one.path);
    json.member("message", one.message);
    json.end_object();
  }
  text += problems_.empty() ? "]\n}\n" : "\n ]\n}\n";
}

}  // namespace hotpatch::tools
