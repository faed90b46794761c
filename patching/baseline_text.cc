// Reading the lines of a unit.
//
// SPDX-License-Identifier: MIT
#include "patching/baseline_text.h"

#include <algorithm>

#include "format/baseline.h"
#include "processes/errors.h"
#include "runtime/base/number.h"

namespace hotpatch::patching {

namespace {

// The words of one line, from its beginning on.
class line_words {
 public:
  explicit line_words(std::string_view line) : rest_(line) {}

  std::string_view next()
  {
    const std::size_t end = std::min(rest_.find(' '), rest_.size());
    const std::string_view word = rest_.substr(0, end);
    rest_.remove_prefix(std::min(end + 1, rest_.size()));
    return word;
  }
  std::string_view rest() const { return rest_; }

 private:
  std::string_view rest_;
};

class unit_reader {
 public:
  unit_reader(const std::string& label, std::string_view text)
      : label_(label), text_(text)
  {
  }

  baseline_unit read();

 private:
  [[noreturn]] void damaged(const std::string& what) const;
  std::string_view next_line();
  void read_version();
  bool read_line(std::string_view line);
  std::string name(std::string_view text, const char* what) const;
  std::uint64_t hash(std::string_view text) const;
  std::string path(line_words& words, std::string& last);
  void take_once(std::string& into, std::string_view text, const char* what);
  void read_function(line_words& words);
  void read_variable(line_words& words);
  void read_copies(line_words& words) const;

  const std::string& label_;
  const std::string_view text_;
  std::size_t at_ = 0;
  std::size_t line_ = 0;
  std::size_t path_bytes_ = 0;
  std::string last_own_;
  std::string last_system_;
  bool has_system_hash_ = false;
  baseline_unit unit_;
};

void unit_reader::damaged(const std::string& what) const
{
  std::string text = label_ + ": the baseline";
  if (!unit_.file.empty())
    text += " of " + unit_.file;
  throw tool_error(text + " is damaged at line " + std::to_string(line_) +
                   ": " + what + "; take a copy of the file that is whole");
}

std::string_view unit_reader::next_line()
{
  const std::size_t end = text_.find('\n', at_);
  ++line_;
  if (end == std::string_view::npos)
    damaged("it is cut off");
  const std::string_view line = text_.substr(at_, end - at_);
  at_ = end + 1;
  return line;
}

void unit_reader::read_version()
{
  line_words words(next_line());
  if (words.next() != "baseline")
    damaged("it does not begin with its version");
  const auto version = parse_number<unsigned>(words.rest());
  if (!version)
    damaged("its version is no number");
  if (*version != format::baseline_version)
    throw tool_error(
        label_ + ": its baseline has version " + std::to_string(*version) +
        ", made by a newer hotpatch; use the hp-patch of that one");
}

// What becomes a line or a field again, in files that the plugin reads.
std::string unit_reader::name(std::string_view text, const char* what) const
{
  if (text.empty())
    damaged(std::string("it has no ") + what);
  if (text.size() > longest_path ||
      text.find_first_of(std::string_view("\t\0", 2)) != text.npos)
    damaged(std::string("its ") + what +
            " is longer than 4096 bytes, or has "
            "a tabulator in it");
  return std::string(text);
}

std::uint64_t unit_reader::hash(std::string_view text) const
{
  std::uint64_t value = 0;
  if (!format::parse_hash(text.data(), text.size(), value))
    damaged("a hash does not have the 11 digits of one");
  return value;
}

// Shortened by what the path before it begins with: a short line may stand for
// a long path, and many of them for more than there is memory.
std::string unit_reader::path(line_words& words, std::string& last)
{
  const auto same = parse_number<std::size_t>(words.next());
  if (!same || *same > last.size())
    damaged("a path refers to more than the one before it");
  last = name(last.substr(0, *same) + std::string(words.rest()), "path");
  path_bytes_ += last.size();
  if (path_bytes_ > most_path_bytes)
    damaged("it names more files than a unit can have");
  return last;
}

void unit_reader::take_once(std::string& into, std::string_view text,
                            const char* what)
{
  if (!into.empty())
    damaged(std::string("it has two lines \"") + what + "\"");
  into = name(text, what);
}

void unit_reader::read_function(line_words& words)
{
  unit_function function;
  function.flags = words.next();
  if (function.flags == "-")
    function.flags.clear();
  function.strict = hash(words.next());
  const std::string_view masked = words.next();
  function.masked = masked == "-" ? function.strict : hash(masked);
  hash(words.next());
  const auto line = parse_number<unsigned>(words.next());
  if (!line)
    damaged("the line of a function is no number");
  function.line = *line;
  function.symbol = words.rest();
  if (function.symbol.empty())
    damaged("a function has no symbol");
  unit_.functions.push_back(std::move(function));
}

void unit_reader::read_variable(line_words& words)
{
  words.next();
  hash(words.next());
  hash(words.next());
  if (const auto masked = words.next(); masked != "-")
    hash(masked);
  if (!parse_number<unsigned>(words.next()))
    damaged("the line of a variable is no number");
  if (words.next().empty())
    damaged("a variable has no symbol");
  ++unit_.variables;
}

void unit_reader::read_copies(line_words& words) const
{
  while (!words.rest().empty()) {
    const auto number = parse_number<std::size_t>(words.next());
    if (!number || *number >= unit_.functions.size())
      damaged("an inlined copy is of a function that is not there");
  }
}

// False: it was the last one.
bool unit_reader::read_line(std::string_view line)
{
  line_words words(line);
  const std::string_view kind = words.next();
  if (kind == "unit") {
    take_once(unit_.file, words.rest(), "unit");
  } else if (kind == "directory") {
    take_once(unit_.directory, words.rest(), "directory");
  } else if (kind == "compiler") {
    take_once(unit_.compiler, words.rest(), "compiler");
  } else if (kind == "option") {
    unit_.options.emplace_back(words.rest());
  } else if (kind == "system") {
    unit_.system_hash = hash(words.rest());
    has_system_hash_ = true;
  } else if (kind == "h") {
    unit_.system_headers.push_back(path(words, last_system_));
  } else if (kind == "d") {
    const std::uint64_t contents = hash(words.next());
    unit_.dependencies.push_back({path(words, last_own_), contents});
  } else if (kind == "f") {
    read_function(words);
  } else if (kind == "t") {
    if (unit_.functions.empty())
      damaged("statements belong to no function");
  } else if (kind == "v") {
    read_variable(words);
  } else if (kind == "i") {
    read_copies(words);
  } else if (kind == "a") {
    hash(words.rest());
  } else if (kind == "end") {
    return false;
  }
  return true;
}

baseline_unit unit_reader::read()
{
  read_version();
  while (read_line(next_line())) {
  }
  if (at_ != text_.size())
    damaged("something follows its end");
  if (unit_.file.empty() || unit_.directory.empty() || unit_.compiler.empty() ||
      unit_.dependencies.empty() || !has_system_hash_)
    damaged(
        "it does not say its file, its directory, the compiler and what it "
        "depends on");
  if (!unit_.directory.starts_with('/'))
    damaged("its directory is not an absolute path");
  unit_.text = text_;
  return std::move(unit_);
}

}  // namespace

const unit_function* baseline_unit::find(std::string_view symbol) const
{
  const auto found = std::find_if(
      functions.begin(), functions.end(),
      [&](const unit_function& each) { return each.symbol == symbol; });
  return found == functions.end() ? nullptr : &*found;
}

baseline_unit parse_unit(const std::string& label, std::string_view text)
{
  return unit_reader(label, text).read();
}

}  // namespace hotpatch::patching
