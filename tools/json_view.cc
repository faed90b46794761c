// The members of the JSON document, image by image; and the text of values.
//
// SPDX-License-Identifier: MIT
#include "tools/json_view.h"

#include <algorithm>

#include <nlohmann/json.hpp>

#include "processes/text.h"
#include "tools/text_views.h"

namespace hotpatch::tools {

using json = nlohmann::ordered_json;

namespace {

std::string hex(std::uint64_t number, unsigned digits = 1)
{
  std::string text = "0x";
  append_hex(text, number, digits);
  return text;
}

json text_or_null(std::string_view text)
{
  return text.empty() ? json() : json(text);
}

json live_members(const live_state& live)
{
  std::string bytes;
  append_bytes(bytes, live.bytes);
  json members = {
      {"state", state_word(live.form)}, {"bytes", bytes}, {"target", nullptr}};
  if (live.form == word_form::near || live.form == word_form::far)
    members["target"] = {{"address", hex(live.target)},
                         {"symbol", text_or_null(live.target_symbol)},
                         {"offset", hex(live.target_offset)},
                         {"image", text_or_null(live.target_image)}};
  return members;
}

json copies_member(const listing& shown, const row& one)
{
  if (!shown.copies_are_known)
    return nullptr;
  json copies = json::array();
  for (const copy_holder& each : one.copies)
    copies.push_back({{"name", each.of.symbol},
                      {"file", each.of.file},
                      {"line", each.of.line},
                      {"count", each.count},
                      {"patchable", each.has_site}});
  return copies;
}

json site_object(const listing& shown, std::uint32_t number)
{
  const row& one = shown.rows[number];
  const site& where = one.where;
  json aliases = json::array();
  for (const alias& other : aliases_of(shown, number))
    aliases.push_back(other.name);
  json site = {
      {"name", where.name},
      {"demangled",
       one.demangled.empty() ? std::string_view(where.name) : one.demangled},
      {"aliases", std::move(aliases)},
      {"symbol", hex(where.symbol)},
      {"word", hex(where.word)},
      {"end", hex(where.end)},
      {"size", size_of(where)},
      {"kind", kind_word(where.kind)},
      {"pad", where.pad},
      {"id", hex(where.id, 8)},
      {"file", where.file},
      {"line", where.line},
      {"prototype", where.prototype},
      {"prototype_hash", hex(where.prototype_hash, 16)},
      {"layout_hash", hex(where.layout_hash, 16)},
      {"flags", flag_words(where.flags)}};
  if (one.number != 0)
    site["number"] = one.number;
  if (may_have_copies(one))
    site["copies"] = copies_member(shown, one);
  if (shown.is_live())
    site.update(live_members(shown.live[number]));
  return site;
}

json image_members(const listing& shown)
{
  return {{"path", shown.path},
          {"member", text_or_null(shown.member)},
          {"type", shown.type},
          {"build_id", text_or_null(shown.build_id)},
          {"bias", hex(shown.bias)}};
}

// Code points beyond ASCII are only in strings, where every one of them can be
// written by its number (RFC 8259, section 7).
std::string without_harmful_characters(std::string_view text)
{
  std::string safe;
  while (!text.empty()) {
    const text_character first = first_character(text);
    const auto escape = [&](char32_t unit) {
      safe += "\\u";
      append_hex(safe, unit, 4);
    };
    if (first.is_harmless || first.code == '\n') {
      safe += text.substr(0, first.size);
    } else if (first.code < 0x10000) {
      escape(first.code);
    } else {
      escape(0xd800 + ((first.code - 0x10000) >> 10));
      escape(0xdc00 + (first.code & 0x3ff));
    }
    text.remove_prefix(first.size);
  }
  return safe;
}

}  // namespace

std::string json_text(const json& value, int indentation)
{
  std::string text =
      value.dump(indentation, ' ', false, json::error_handler_t::replace);
  const bool is_plain = std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= ' ' && c <= '~') || c == '\n';
  });
  return is_plain ? text : without_harmful_characters(text);
}

// Written piece by piece: an image may have a million sites.
json_document::json_document(output& out, pid_t pid) : out_(out)
{
  out_.text() += "{\"format\": \"hotpatch-sites\", \"version\": 1, \"pid\": " +
                 json_text(pid == 0 ? json() : json(pid)) + ",\n \"images\": [";
}

void json_document::add(const listing& shown, const selection& rows)
{
  std::string& text = out_.text();
  text += first_image_ ? "\n  " : ",\n  ";
  first_image_ = false;
  text += json_text(image_members(shown));
  text.back() = ',';  // for the brace that closes it
  text += "\"sites\":[";
  out_.append_items(
      rows.size(), [&](std::size_t begin, std::size_t end, std::string& piece) {
        for (std::size_t i = begin; i < end; ++i) {
          piece += i == 0 ? "\n   " : ",\n   ";
          piece += json_text(site_object(shown, rows[i]));
        }
      });
  out_.text() += "]}";
  out_.relax();
}

void json_document::add_problem(const std::string& path,
                                const std::string& message)
{
  problems_.push_back({path, message});
}

void json_document::finish()
{
  json problems = json::array();
  for (const problem& one : problems_)
    problems.push_back({{"path", one.path}, {"message", one.message}});
  out_.text() += "],\n \"problems\": " + json_text(problems) + "}\n";
}

}  // namespace hotpatch::tools
