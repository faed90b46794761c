// Writes the results of comparisons with baselines.
//
// SPDX-License-Identifier: GPL-3.0-or-later
#include "plugin/gcc_compat.h"

#include "plugin/against_result.h"

#include "plugin/unit_baseline.h"

#include "plugin/cxx.h"

namespace hotpatch {

namespace {

struct {
  std::string directory;
  std::string unit;
  std::string stem;
  std::vector<std::string> lines;
  std::set<std::string> seen;
  bool written = false;
} result;

// GCC's driver says how it was called.
const char* driver()
{
  const char* const name = getenv("COLLECT_GCC");
  return name ? name : is_cxx() ? "g++" : "gcc";
}

// A line of the file must stay one.
std::string one_line(std::string text)
{
  std::replace(text.begin(), text.end(), '\n', ' ');
  return text;
}

std::string json(const std::string& text)
{
  std::string quoted = "\"";
  for (const char c : text)
    if (c == '"' || c == '\\') {
      quoted += '\\';
      quoted += c;
    } else if (static_cast<unsigned char>(c) < 0x20) {
      char code[8];
      snprintf(code, sizeof code, "\\u%04x", c);
      quoted += code;
    } else {
      quoted += c;
    }
  return quoted + '"';
}

// The words of COLLECT_GCC_OPTIONS, each between ' and ', in which a ' is
// written '\''.
std::vector<std::string> driver_options()
{
  std::vector<std::string> words;
  const char* at = getenv("COLLECT_GCC_OPTIONS");
  while (at && *at) {
    while (*at == ' ')
      ++at;
    if (*at != '\'')
      break;
    std::string word;
    for (++at; *at;) {
      if (*at != '\'') {
        word += *at++;
      } else if (!strncmp(at, "'\\''", 4)) {
        word += '\'';
        at += 4;
      } else {
        ++at;
        break;
      }
    }
    words.push_back(word);
  }
  return words;
}

std::string object_name()
{
  const std::vector<std::string> all = driver_options();
  const auto option = std::find(all.begin(), all.end(), "-o");
  return option == all.end() || option + 1 == all.end() ? "" : option[1];
}

// Without those that say what is made and where.
std::vector<std::string> compile_options()
{
  std::vector<std::string> options;
  const std::vector<std::string> all = driver_options();
  for (std::size_t i = 0; i < all.size(); ++i)
    if (all[i] == "-o" || all[i] == "-dumpdir" || all[i] == "-MF" ||
        all[i] == "-MT" || all[i] == "-MQ")
      ++i;
    else if (all[i] != "-c" && all[i] != "-S" && all[i] != "-MD" &&
             all[i] != "-MMD" && all[i] != "-MP" && all[i] != "-v")
      options.push_back(all[i]);
  return options;
}

bool write_file(const std::string& path, const std::string& text, int flags)
{
  const int file =
      open(path.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC | flags, 0600);
  const bool written = file >= 0 && write(file, text.data(), text.size()) ==
                                        static_cast<ssize_t>(text.size());
  if (!written)
    error("hotpatch: cannot write to %qs: %m", path.c_str());
  if (file >= 0)
    close(file);
  return written;
}

std::string cpu_seconds()
{
  char text[32];
  snprintf(text, sizeof text, "%.3f",
           static_cast<double>(get_run_time()) / 1000000);
  return text;
}

}  // namespace

void begin_result(const std::string& directory, const std::string& unit)
{
  result.directory = directory;
  result.unit = unit;
  result.stem = "result-" + std::to_string(getpid()) + "-0";
}

std::string result_marker()
{
  return result.unit + " " + result.stem;
}

void note_result(const std::string& kind, const std::string& text)
{
  const std::string line = kind + " " + one_line(text);
  if (!result.stem.empty() && result.seen.insert(line).second)
    result.lines.push_back(line);
}

std::string place_of(tree decl)
{
  return std::string(DECL_SOURCE_FILE(decl)) + ":" +
         std::to_string(DECL_SOURCE_LINE(decl)) + ": ";
}

namespace {

std::string place_of_unit()
{
  return name_of_source() + ":1: ";
}

}  // namespace

void refuse(location_t place, const std::string& text)
{
  const expanded_location at = expand_location(place);
  note_result("refused", std::string(at.file ? at.file : main_input_filename) +
                             ":" + std::to_string(at.line) + ": " + text);
  error_at(place, "hotpatch: %s", text.c_str());
}

void refuse(tree decl, const std::string& text)
{
  refuse(DECL_SOURCE_LOCATION(decl), text);
}

void refuse_unit(const std::string& text)
{
  note_result("refused", place_of_unit() + text);
  error("hotpatch: %s: %s", main_input_filename, text.c_str());
}

void warn(tree decl, const std::string& text)
{
  note_result("warning", place_of(decl) + text);
}

void note(tree decl, const std::string& text)
{
  note_result("note", place_of(decl) + text);
}

void note_unit(const std::string& text)
{
  note_result("note", place_of_unit() + text);
}

std::string printed(tree decl)
{
  return lang_hooks.decl_printable_name(decl, 2);
}

void finish_result(const std::string& what)
{
  if (result.stem.empty() || result.written)
    return;
  result.written = true;
  std::string text = "result " + what + " " + result.unit + "\nsource " +
                     one_line(name_of_source()) + "\ndirectory " +
                     one_line(get_src_pwd()) + "\ndriver " + driver() +
                     "\nlanguage " + (is_cxx() ? "C++" : "C") + "\nobject " +
                     result.stem + ".o\n";
  for (const std::string& line : result.lines)
    text += line + "\n";
  text += "seconds " + cpu_seconds() + "\nend\n";
  write_file(result.directory + "/" + result.stem + ".txt", text, O_EXCL);
}

void note_new_source(const std::string& directory)
{
  std::string line = "{\"source\":" + json(name_of_source()) +
                     ",\"directory\":" + json(get_src_pwd()) +
                     ",\"object\":" + json(object_name()) + ",\"command\":[" +
                     json(driver());
  for (const std::string& each : compile_options())
    line += "," + json(each);
  line += "," + json(main_input_filename) + "]}\n";
  write_file(directory + "/new", line, O_APPEND);
}

}  // namespace hotpatch
