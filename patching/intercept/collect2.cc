// Stands for the linker, collect2, while hp-patch runs a build.
//
// What would be made of objects that were kept, or that are stubs, is not made:
// a program that is there stays as it is.  Everything else is linked.
//
// SPDX-License-Identifier: MIT
#include <algorithm>
#include <set>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>
#include <sys/stat.h>
#include <unistd.h>

#include "patching/intercept/subprogram.h"
#include "patching/stub_file.h"

extern "C" void expandargv(int* argc, char*** argv);  // of libiberty

namespace hotpatch::patching {

namespace {

struct link_command {
  std::string output = "a.out";
  std::vector<std::string> inputs;  // files, real paths
  std::vector<std::string> directories;
  std::vector<std::string> libraries;  // "conn" of -lconn
};

bool is_file(const std::string& path)
{
  struct stat about;
  return stat(path.c_str(), &about) == 0 && S_ISREG(about.st_mode);
}

// What begins with a word of two letters, and its value, joined or not.
bool take_value(const std::vector<std::string>& words, std::size_t& at,
                const char* option, std::string& value)
{
  if (words[at] == option) {
    if (at + 1 == words.size())
      return false;
    value = words[++at];
    return true;
  }
  if (!words[at].starts_with(option))
    return false;
  value = words[at].substr(2);
  return true;
}

// What "-lconn" and "-l:name" may be.
std::vector<std::string> file_names(const std::string& library)
{
  if (library.starts_with(':'))
    return {library.substr(1)};
  return {"lib" + library + ".so", "lib" + library + ".a"};
}

link_command read_command(const std::vector<std::string>& words)
{
  link_command command;
  for (std::size_t i = 0; i < words.size(); ++i) {
    std::string value;
    if (words[i] == "-plugin" || words[i] == "-dynamic-linker" ||
        words[i] == "-soname" || words[i] == "-rpath" || words[i] == "-m" ||
        words[i] == "-z")
      ++i;
    else if (take_value(words, i, "-o", value))
      command.output = value;
    else if (take_value(words, i, "-L", value))
      command.directories.push_back(value);
    else if (take_value(words, i, "-l", value))
      command.libraries.push_back(value);
    else if (!words[i].starts_with('-') && is_file(words[i]))
      command.inputs.push_back(real_path(words[i]));
  }
  for (const std::string& library : command.libraries)
    for (const std::string& directory : command.directories)
      for (const std::string& name : file_names(library))
        if (is_file(directory + "/" + name))
          command.inputs.push_back(real_path(directory + "/" + name));
  return command;
}

std::string base_name(const std::string& path)
{
  return path.substr(path.rfind('/') + 1);
}

bool is_newer_than_the_build(const std::string& path)
{
  struct stat file, build;
  if (stat(path.c_str(), &file) != 0 ||
      stat((against_path() + "/units").c_str(), &build) != 0)
    return true;
  return file.st_mtim.tv_sec != build.st_mtim.tv_sec
             ? file.st_mtim.tv_sec > build.st_mtim.tv_sec
             : file.st_mtim.tv_nsec >= build.st_mtim.tv_nsec;
}

// Whether the link would take what hp-patch has kept from being made.
bool uses_kept(const link_command& command)
{
  std::set<std::string> kept = lines_of("kept");
  kept.merge(lines_of("stubs"));
  std::set<std::string> names;
  for (const std::string& each : kept)
    names.insert(base_name(each));
  return std::any_of(
      command.inputs.begin(), command.inputs.end(),
      [&](const std::string& input) {
        if (kept.count(input) != 0 || is_stub(input))
          return true;
        if (!input.ends_with(".a") || !is_newer_than_the_build(input))
          return false;
        const std::vector<std::string> members = member_names(input);
        return std::any_of(members.begin(), members.end(),
                           [&](const std::string& member) {
                             return names.count(member) != 0;
                           });
      });
}

void note_link(const link_command& command, bool is_made)
{
  char* const directory = get_current_dir_name();
  const nlohmann::json line = {{"directory", directory ? directory : ""},
                               {"output", command.output},
                               {"inputs", command.inputs},
                               {"libraries", command.libraries},
                               {"library_directories", command.directories},
                               {"made", is_made}};
  free(directory);
  add_line("links",
           line.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace));
}

}  // namespace

}  // namespace hotpatch::patching

int main(int argc, char** argv)
{
  using namespace hotpatch::patching;
  const std::vector<std::string> given(argv + 1, argv + argc);
  if (against_path().empty())
    become_real("collect2", given);
  expandargv(&argc, &argv);
  const link_command command =
      read_command(std::vector<std::string>(argv + 1, argv + argc));
  const bool is_made = !uses_kept(command) &&
                       lines_of("images").count(real_path(command.output)) == 0;
  note_link(command, is_made);
  if (is_made)
    become_real("collect2", given);
  keep_output(command.output, 0777);
  return 0;
}
