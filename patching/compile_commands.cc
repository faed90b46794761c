// Reading the database, and changing commands.
//
// SPDX-License-Identifier: MIT
#include "patching/compile_commands.h"

#include <algorithm>
#include <filesystem>

#include <nlohmann/json.hpp>

#include "patching/source_tree.h"
#include "processes/errors.h"

namespace hotpatch::patching {

namespace {

using json = nlohmann::json;

constexpr std::size_t most_bytes = std::size_t{1} << 30;

[[noreturn]] void damaged(const std::string& path, std::size_t entry,
                          const std::string& what)
{
  throw tool_error(path + ": entry " + std::to_string(entry) + " " + what +
                   "; have the database written again");
}

std::string text_of(const std::string& path, std::size_t number,
                    const json& entry, const char* member)
{
  const auto found = entry.find(member);
  if (found == entry.end() || !found->is_string())
    damaged(path, number, std::string("has no text \"") + member + '"');
  return found->get<std::string>();
}

std::vector<std::string> arguments_of(const std::string& path,
                                      std::size_t number, const json& entry)
{
  const auto found = entry.find("arguments");
  if (found == entry.end())
    return split_command(text_of(path, number, entry, "command"));
  if (!found->is_array() ||
      !std::all_of(found->begin(), found->end(),
                   [](const json& each) { return each.is_string(); }))
    damaged(path, number, "has arguments that are no list of texts");
  return found->get<std::vector<std::string>>();
}

// What writes files besides the object, with a value of its own or joined.
bool is_dependency_option(const std::string& word, bool& has_value)
{
  has_value = word == "-MF" || word == "-MT" || word == "-MQ" || word == "-MJ";
  return has_value || word == "-MD" || word == "-MMD" || word == "-MP" ||
         word.starts_with("-MF") || word.starts_with("-MT") ||
         word.starts_with("-MQ");
}

}  // namespace

std::string normal_path(const std::string& directory, const std::string& path)
{
  return (std::filesystem::path(directory) / path).lexically_normal();
}

std::vector<std::string> split_command(std::string_view command)
{
  std::vector<std::string> words;
  std::string word;
  bool in_word = false;
  char quote = 0;
  for (std::size_t i = 0; i < command.size(); ++i) {
    const char c = command[i];
    const char next = i + 1 < command.size() ? command[i + 1] : '\0';
    if (quote != 0 && c == quote) {
      quote = 0;
    } else if (c == '\\' && quote != '\'' && next != '\0' &&
               (quote == 0 || next == '"' || next == '\\' || next == '$' ||
                next == '`')) {
      word += next;
      in_word = true;
      ++i;
    } else if (quote == 0 && (c == '"' || c == '\'')) {
      quote = c;
      in_word = true;
    } else if (quote == 0 && (c == ' ' || c == '\t' || c == '\n')) {
      if (in_word)
        words.push_back(std::move(word));
      word.clear();
      in_word = false;
    } else {
      word += c;
      in_word = true;
    }
  }
  if (in_word)
    words.push_back(std::move(word));
  return words;
}

std::vector<compile_command> read_compile_commands(const std::string& path)
{
  const auto text = read_whole_file(path);
  if (!text)
    throw tool_error(path +
                     ": cannot be read; name compile_commands.json itself");
  if (text->size() > most_bytes)
    throw tool_error(path + ": is longer than a gigabyte");
  const json list = json::parse(*text, nullptr, false);
  if (!list.is_array())
    throw tool_error(
        path +
        ": is no compilation database; cmake writes one with "
        "-DCMAKE_EXPORT_COMPILE_COMMANDS=ON, meson always, and bear "
        "for any build");
  std::vector<compile_command> commands;
  for (const json& entry : list) {
    const std::size_t number = commands.size() + 1;
    if (!entry.is_object())
      damaged(path, number, "is no object");
    compile_command command;
    command.directory = text_of(path, number, entry, "directory");
    command.file =
        normal_path(command.directory, text_of(path, number, entry, "file"));
    command.arguments = arguments_of(path, number, entry);
    if (command.arguments.empty())
      damaged(path, number, "has an empty command");
    commands.push_back(std::move(command));
  }
  return commands;
}

bool compile_command::uses_plugin() const
{
  return std::any_of(arguments.begin(), arguments.end(),
                     [](const std::string& each) {
                       return each.starts_with("-fplugin=") &&
                              each.find("hotpatch") != std::string::npos;
                     });
}

std::vector<std::string> with_output(const compile_command& command,
                                     const std::string& output)
{
  std::vector<std::string> words;
  const std::vector<std::string>& given = command.arguments;
  for (std::size_t i = 0; i < given.size(); ++i) {
    bool has_value = false;
    if (given[i] == "-o")
      ++i;
    else if (is_dependency_option(given[i], has_value))
      i += has_value ? 1 : 0;
    else if (!given[i].starts_with("-o"))
      words.push_back(given[i]);
  }
  if (std::find(words.begin(), words.end(), "-c") == words.end())
    words.emplace_back("-c");
  words.emplace_back("-o");
  words.push_back(output);
  return words;
}

}  // namespace hotpatch::patching
