// Reads baselines, and compares what is known before anything is compiled.
//
// SPDX-License-Identifier: GPL-3.0-or-later
#include "plugin/unit_baseline.h"

#include "plugin/baseline.h"

#include "format/baseline.h"

namespace hotpatch {

namespace {

// The words of a line, the first one left out.
class line_reader {
 public:
  explicit line_reader(const std::string& line) : line_(line) { word(); }

  std::string word()
  {
    const std::size_t end = line_.find(' ', at_);
    std::string result = line_.substr(std::min(at_, line_.size()),
                                      end == line_.npos ? end : end - at_);
    at_ = end == line_.npos ? line_.size() : end + 1;
    return result;
  }

  std::string rest() const { return line_.substr(std::min(at_, line_.size())); }

  bool hash(std::uint64_t& into) { return hash(word(), into); }
  // "-" for a hash that is the same.
  bool hash_or_same(std::uint64_t same, std::uint64_t& into)
  {
    const std::string text = word();
    into = same;
    return text == "-" || hash(text, into);
  }
  bool count(std::uint64_t& into)
  {
    const std::string text = word();
    const char* const end = text.data() + text.size();
    const auto result = std::from_chars(text.data(), end, into);
    return !text.empty() && result.ec == std::errc() && result.ptr == end;
  }
  bool at_end() const { return at_ >= line_.size(); }

 private:
  static bool hash(const std::string& text, std::uint64_t& into)
  {
    return format::parse_hash(text.data(), text.size(), into);
  }

  const std::string& line_;
  std::size_t at_ = 0;
};

std::string first_word(const std::string& line)
{
  return line.substr(0, line.find(' '));
}

bool read_path(line_reader& line, const std::string& last, std::string& into)
{
  std::uint64_t same = 0;
  if (!line.count(same) || same > last.size())
    return false;
  into = last.substr(0, same) + line.rest();
  return !into.empty();
}

std::vector<std::string> lines_of(const std::string& path)
{
  std::vector<std::string> lines;
  std::ifstream file(path);
  for (std::string line; std::getline(file, line);)
    lines.push_back(line);
  return lines;
}

struct tree_map {
  std::string now;
  std::string old;
};

std::vector<tree_map> maps;

std::string replace_prefix(const std::string& path, const std::string& from,
                           const std::string& to)
{
  const bool is_in = path.compare(0, from.size(), from) == 0 &&
                     (path.size() == from.size() || path[from.size()] == '/');
  return is_in ? to + path.substr(from.size()) : path;
}

std::string in_this_tree(std::string path)
{
  for (const tree_map& each : maps)
    path = replace_prefix(path, each.old, each.now);
  return path;
}

void read_maps(const std::string& against)
{
  for (const std::string& line : lines_of(against + "/map")) {
    const std::size_t tab = line.find('\t');
    if (tab == line.npos || tab == 0)
      continue;
    maps.push_back({line.substr(0, tab), line.substr(tab + 1)});
    // GCC keeps the text.
    add_file_prefix_map(
        xstrdup((maps.back().now + "=" + maps.back().old).c_str()));
  }
}

}  // namespace

bool unit_baseline::read_line(const std::string& line)
{
  line_reader words(line);
  const std::string kind = first_word(line);
  if (kind == "compiler") {
    compiler_ = words.rest();
  } else if (kind == "option") {
    options_.push_back(words.rest());
  } else if (kind == "system") {
    return words.hash(system_);
  } else if (kind == "h") {
    std::string path;
    if (!read_path(words, system_files_.empty() ? "" : system_files_.back(),
                   path))
      return false;
    system_files_.push_back(path);
  } else if (kind == "d") {
    file each;
    if (!words.hash(each.hash) ||
        !read_path(words, files_.empty() ? "" : files_.back().path, each.path))
      return false;
    files_.push_back(each);
  } else if (kind == "f") {
    old_function each;
    each.flags = words.word();
    if (!words.hash(each.strict))
      return false;
    if (!words.hash_or_same(each.strict, each.masked))
      return false;
    std::uint64_t place;
    if (!words.hash(each.prototype) || !words.count(place))
      return false;
    each.symbol = words.rest();
    numbers_.emplace(each.symbol, functions_.size());
    functions_.push_back(each);
    return !each.symbol.empty();
  } else if (kind == "t") {
    if (functions_.empty())
      return false;
    functions_.back().statements = words.rest();
  } else if (kind == "v") {
    old_variable each;
    each.flags = words.word();
    std::uint64_t place;
    if (!words.hash(each.type) || !words.hash(each.initial_value.strict) ||
        !words.hash_or_same(each.initial_value.strict,
                            each.initial_value.masked) ||
        !words.count(place))
      return false;
    each.symbol = words.word();
    const std::string key = words.at_end() ? each.symbol : words.rest();
    variables_.emplace(key, each);
    last_key_ = key;
    return !each.symbol.empty();
  } else if (kind == "u") {
    const auto of = variables_.find(last_key_);
    return of != variables_.end() && words.hash(of->second.use.scope) &&
           words.hash(of->second.use.uses);
  } else if (kind == "y") {
    std::uint64_t hash;
    if (!words.hash(hash))
      return false;
    types_.emplace(words.rest(), hash);
  } else if (kind == "i") {
    std::uint64_t holder;
    if (!words.count(holder) || holder >= functions_.size())
      return false;
    while (!words.at_end()) {
      std::uint64_t copied;
      if (!words.count(copied) || copied >= functions_.size())
        return false;
      functions_[copied].holders.push_back(holder);
    }
  } else if (kind == "a") {
    return words.hash(assembly_);
  } else if (kind == "end") {
    complete_ = true;
  }
  return true;
}

bool unit_baseline::read(const std::string& text, std::string& problem)
{
  *this = {};
  hash_ = format::content_hash(text.data(), text.size());
  const std::string heading =
      "baseline " + std::to_string(format::baseline_version);
  std::size_t number = 0;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = std::min(text.find('\n', at), text.size());
    const std::string line = text.substr(at, end - at);
    at = end + 1;
    ++number;
    if (number == 1 && line != heading) {
      problem = "its baseline is not of version " +
                std::to_string(format::baseline_version);
      return false;
    }
    if (!read_line(line)) {
      problem =
          "line " + std::to_string(number) + " of its baseline is damaged";
      return false;
    }
  }
  if (!complete_)
    problem = "its baseline is incomplete";
  return complete_;
}

const old_function* unit_baseline::find_function(
    const std::string& symbol) const
{
  const auto found = numbers_.find(symbol);
  return found == numbers_.end() ? nullptr : &functions_[found->second];
}

const old_variable* unit_baseline::find_variable(const std::string& key) const
{
  const auto found = variables_.find(key);
  return found == variables_.end() ? nullptr : &found->second;
}

std::string unit_baseline::other_options() const
{
  if (compiler_name() != compiler_)
    return "the program was compiled by " + compiler_ + ", and this is " +
           compiler_name();
  const std::vector<std::string> now = deciding_options();
  if (now == options_)
    return "";
  std::string text;
  const auto add = [&text](const char* before, const std::string& option,
                           const char* after) {
    text += (text.empty() ? "" : "; ") + std::string(before) + option + after;
  };
  for (const std::string& each : now)
    if (std::find(options_.begin(), options_.end(), each) == options_.end())
      add("", each, " is given now and was not");
  for (const std::string& each : options_)
    if (std::find(now.begin(), now.end(), each) == now.end())
      add("", each, " was given and is not now");
  return text.empty() ? "the options have another order" : text;
}

bool unit_baseline::has_same_files() const
{
  for (const file& each : files_) {
    std::string contents;
    if (!read_file(in_this_tree(each.path), contents) ||
        format::content_hash(contents.data(), contents.size()) != each.hash)
      return false;
  }
  return true;
}

bool unit_baseline::has_same_system_headers() const
{
  format::running_hash hash;
  for (const std::string& each : system_files_) {
    std::string contents;
    read_file(in_this_tree(each), contents);
    hash.add(format::content_hash(contents.data(), contents.size()));
  }
  return hash.value() == system_;
}

std::string against_directory()
{
  const char* const directory = getenv(format::against_variable);
  return directory ? directory : "";
}

namespace {

bool is_preprocessed()
{
  for (unsigned i = 1; i < save_decoded_options_count; ++i)
    if (const char* text = save_decoded_options[i].orig_option_with_args_text;
        text && !strcmp(text, "-fpreprocessed"))
      return true;
  return false;
}

// Of the first line, which is # 0 "src/conn.c" (cpp manual, "Preprocessor
// Output"); "" if that is none.
std::string name_of_preprocessed(const char* path)
{
  std::ifstream file(path);
  std::string line;
  std::getline(file, line);
  std::size_t at = line.find(" \"");
  if (line.compare(0, 2, "# ") != 0 || at == line.npos)
    return "";
  std::string name;
  for (at += 2; at < line.size() && line[at] != '"'; ++at) {
    if (line[at] == '\\')
      ++at;
    name += at < line.size() ? line.substr(at, 1) : "";
  }
  return name;
}

}  // namespace

const std::string& name_of_source()
{
  static const std::string name = [] {
    const std::string before =
        is_preprocessed() ? name_of_preprocessed(main_input_filename) : "";
    return before.empty() ? std::string(main_input_filename) : before;
  }();
  return name;
}

std::string in_old_tree(const std::string& path)
{
  std::string result = path;
  for (const tree_map& each : maps)
    result = replace_prefix(result, each.now, each.old);
  return result;
}

namespace {

struct candidate {
  std::string number;
  std::string image;
  std::string file;
  std::string directory;
};

// All units that hp-patch has prepared.
std::vector<candidate> prepared_units(const std::string& against)
{
  std::vector<candidate> units;
  for (const std::string& line : lines_of(against + "/units")) {
    const std::size_t tab = line.find('\t');
    const std::size_t first = line.find(' ');
    const std::size_t second = line.find(' ', first + 1);
    if (tab != line.npos && first != line.npos && second < tab)
      units.push_back(
          {line.substr(0, first), line.substr(first + 1, second - first - 1),
           line.substr(second + 1, tab - second - 1), line.substr(tab + 1)});
  }
  return units;
}

// Names of directories that are the same at the end.
std::size_t same_tail(const std::string& a, const std::string& b)
{
  std::size_t tail = 0;
  std::size_t best = 0;
  while (tail < a.size() && tail < b.size() &&
         a[a.size() - 1 - tail] == b[b.size() - 1 - tail]) {
    ++tail;
    if (a[a.size() - tail] == '/')
      best = tail;
  }
  return tail == a.size() && tail == b.size() ? tail + 1 : best;
}

std::vector<candidate> candidates_for(const std::string& against,
                                      const std::string& file,
                                      const std::string& directory)
{
  std::vector<candidate> best;
  std::size_t best_tail = 0;
  for (const candidate& each : prepared_units(against)) {
    if (each.file != file)
      continue;
    const std::size_t tail = same_tail(each.directory, directory);
    if (!best.empty() && tail < best_tail)
      continue;
    if (tail > best_tail)
      best.clear();
    best_tail = tail;
    best.push_back(each);
  }
  return best;
}

}  // namespace

found_unit find_unit(const std::string& against)
{
  read_maps(against);
  const std::string directory = in_old_tree(get_src_pwd());
  found_unit found;
  for (const candidate& each :
       candidates_for(against, in_old_tree(name_of_source()), directory)) {
    std::string text;
    found_unit now;
    now.number = each.number;
    now.image = each.image;
    if (!read_file(against + "/unit-" + each.number, text))
      now.problem = "cannot read " + against + "/unit-" + each.number;
    else if (now.baseline.read(text, now.problem))
      now.difference = now.baseline.other_options();
    const bool fits = now.problem.empty() && now.difference.empty();
    if (found.number.empty() || fits)
      found = now;
    if (fits)
      break;
  }
  return found;
}

defined_elsewhere read_other_units(const std::string& against,
                                   const found_unit& unit)
{
  defined_elsewhere all;
  for (const candidate& each : prepared_units(against)) {
    std::string text;
    std::string problem;
    unit_baseline baseline;
    if (each.image != unit.image || each.number == unit.number ||
        !read_file(against + "/unit-" + each.number, text) ||
        !baseline.read(text, problem))
      continue;
    for (old_function one : baseline.functions()) {
      if (one.has(format::function_local) || one.has(format::function_comdat) ||
          !one.has(format::function_emitted))
        continue;
      if (!one.holders.empty())
        all.copied.insert(one.symbol);
      one.holders.clear();
      all.functions.emplace(one.symbol, one);
    }
    for (const auto& [key, one] : baseline.variables())
      if (!one.has(format::variable_local) &&
          !one.has(format::variable_comdat) &&
          one.has(format::variable_emitted))
        all.variables.emplace(one.symbol, one);
  }
  return all;
}

}  // namespace hotpatch
