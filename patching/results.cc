// Reading results.
//
// SPDX-License-Identifier: MIT
#include "patching/results.h"

#include <algorithm>
#include <array>
#include <filesystem>
#include <tuple>
#include <utility>

#include "patching/source_tree.h"
#include "processes/errors.h"
#include "runtime/base/number.h"

namespace hotpatch::patching {

namespace {

constexpr std::array kinds = {
    std::pair{std::string_view("patch"), result_kind::patch},
    std::pair{std::string_view("same"), result_kind::same},
    std::pair{std::string_view("options"), result_kind::options},
    std::pair{std::string_view("refused"), result_kind::refused}};

std::vector<std::string_view> fields_of(std::string_view line)
{
  std::vector<std::string_view> fields;
  for (;;) {
    const std::size_t end = line.find('\t');
    fields.push_back(line.substr(0, end));
    if (end == std::string_view::npos)
      return fields;
    line.remove_prefix(end + 1);
  }
}

class result_reader {
 public:
  explicit result_reader(const std::string& path) { result_.path = path; }

  unit_result read(std::string_view text);

 private:
  [[noreturn]] void damaged(std::string_view line) const;
  void read_first(std::string_view line);
  bool read_text(std::string_view word, std::string_view rest);
  bool read_list(std::string_view word, std::string_view rest);
  bool read_fields(std::string_view word, std::string_view rest);
  unsigned number(std::string_view text) const;

  unit_result result_;
};

void result_reader::damaged(std::string_view line) const
{
  throw tool_error(result_.path + ": the line \"" + std::string(line) +
                   "\" means nothing; hp-patch and the plugin are of different "
                   "versions: install both from one build");
}

unsigned result_reader::number(std::string_view text) const
{
  const auto value = parse_number<unsigned>(text);
  if (!value)
    damaged(text);
  return *value;
}

void result_reader::read_first(std::string_view line)
{
  constexpr std::string_view begin = "result ";
  const std::size_t blank = line.rfind(' ');
  if (!line.starts_with(begin) || blank < begin.size())
    damaged(line);
  const std::string_view kind = line.substr(begin.size(), blank - begin.size());
  const auto* const known =
      std::find_if(kinds.begin(), kinds.end(),
                   [&](const auto& each) { return each.first == kind; });
  if (known == kinds.end())
    damaged(line);
  result_.kind = known->second;
  const std::string_view unit = line.substr(blank + 1);
  if (unit == "new")
    return;
  result_.unit = parse_number<std::size_t>(unit);
  if (!result_.unit)
    damaged(line);
}

bool result_reader::read_text(std::string_view word, std::string_view rest)
{
  const std::pair<std::string_view, std::string*> texts[] = {
      {"source", &result_.source},
      {"directory", &result_.directory},
      {"driver", &result_.driver},
      {"language", &result_.language}};
  for (const auto& [name, text] : texts)
    if (name == word) {
      *text = rest;
      return true;
    }
  return false;
}

bool result_reader::read_list(std::string_view word, std::string_view rest)
{
  const std::pair<std::string_view, std::vector<std::string>*> lists[] = {
      {"kept", &result_.kept},
      {"note", &result_.notes},
      {"warning", &result_.warnings},
      {"refused", &result_.refusals},
      {"difference", &result_.differences},
      {"defines", &result_.defines},
      {"needs", &result_.needs},
      {"hook", &result_.hooks}};
  for (const auto& [name, list] : lists)
    if (name == word) {
      list->emplace_back(rest);
      return true;
    }
  return false;
}

bool result_reader::read_fields(std::string_view word, std::string_view rest)
{
  const std::vector<std::string_view> fields = fields_of(rest);
  const auto field = [&](std::size_t which) {
    if (which >= fields.size())
      damaged(rest);
    return std::string(fields[which]);
  };
  if (word == "replaced")
    result_.replaced.push_back({field(0), number(field(1)), field(2)});
  else if (word == "compiled")
    result_.compiled.push_back({field(0), number(field(1)), field(2)});
  else if (word == "new-function")
    result_.new_functions.push_back({field(0), number(field(1))});
  else if (word == "new-data")
    result_.new_data.push_back({field(0), number(field(1))});
  else if (word == "imported")
    result_.imported.push_back({field(0), field(1)});
  else if (word == "explain")
    result_.explained.push_back({field(0), number(field(1)), number(field(2)),
                                 fields.size() > 3 ? field(3) : ""});
  else if (word == "seconds")
    result_.seconds = parse_number<double>(rest).value_or(0);
  else
    return false;
  return true;
}

unit_result result_reader::read(std::string_view text)
{
  bool first = true;
  while (!text.empty()) {
    const std::size_t end = text.find('\n');
    const std::string_view line = text.substr(0, end);
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    if (std::exchange(first, false)) {
      read_first(line);
      continue;
    }
    result_.finished = line == "end";
    const std::size_t blank = std::min(line.find(' '), line.size());
    const std::string_view word = line.substr(0, blank);
    const std::string_view rest = line.substr(std::min(blank + 1, line.size()));
    // What a newer plugin says besides does no harm.
    if (!read_text(word, rest) && !read_list(word, rest))
      read_fields(word, rest);
  }
  if (first)
    damaged("");
  return std::move(result_);
}

}  // namespace

std::string unit_result::object() const
{
  return path.substr(0, path.rfind('.')) + ".o";
}

std::string unit_result::source_path() const
{
  return source.starts_with('/') ? source : directory + "/" + source;
}

unit_result parse_result(const std::string& path, std::string_view text)
{
  return result_reader(path).read(text);
}

std::vector<unit_result> read_results(const std::string& directory)
{
  std::vector<unit_result> results;
  for (const auto& entry : std::filesystem::directory_iterator(directory)) {
    const std::string name = entry.path().filename();
    if (!name.starts_with("result-") || !name.ends_with(".txt"))
      continue;
    // The plugin may have been killed before it wrote anything.
    const auto text = read_whole_file(entry.path());
    if (text && !text->empty())
      results.push_back(parse_result(entry.path(), *text));
  }
  // The same order however the build was scheduled: the same patch.
  std::sort(results.begin(), results.end(),
            [](const unit_result& a, const unit_result& b) {
              const auto key = [](const unit_result& each) {
                return std::tuple(each.unit.value_or(SIZE_MAX), each.directory,
                                  each.source, each.path);
              };
              return key(a) < key(b);
            });
  return results;
}

}  // namespace hotpatch::patching
