// Stands for the assembler while hp-patch runs a build.
//
// Assembly of a unit that was compared with its baseline begins with a line
// that says so (format/baseline.h).  What is new of the unit becomes an object
// of hp-patch's, and the object that the build asked for stays as it is.
//
// SPDX-License-Identifier: MIT
#include <cerrno>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "format/baseline.h"
#include "patching/intercept/subprogram.h"
#include "patching/source_tree.h"

namespace hotpatch::patching {

namespace {

struct as_command {
  std::vector<std::string> arguments;
  std::string input;  // "": the standard input
  std::string output = "a.out";
  std::size_t output_at = 0;  // its argument's number, 0: it is not given
  bool joined = false;        // "-ofile"
};

as_command read_arguments(int argc, char** argv)
{
  as_command command;
  for (int i = 1; i < argc; ++i)
    command.arguments.emplace_back(argv[i]);
  const std::vector<std::string>& words = command.arguments;
  for (std::size_t i = 0; i < words.size(); ++i) {
    const std::string& word = words[i];
    const bool has_value = word == "-o" || word == "-I" || word == "--defsym" ||
                           word == "-defsym" || word == "--MD" || word == "-MD";
    if (word == "-o" && i + 1 < words.size()) {
      command.output = words[i + 1];
      command.output_at = i + 1;
    } else if (word.starts_with("-o") && word.size() > 2) {
      command.output = word.substr(2);
      command.output_at = i;
      command.joined = true;
    } else if (word.empty() || word[0] != '-') {
      command.input = word;
    }
    i += has_value ? 1 : 0;
  }
  return command;
}

// Puts it back, so that the real assembler reads it.
void offer_as_input(const std::string& text)
{
  const int memory = memfd_create("assembly", 0);
  std::size_t done = 0;
  while (memory >= 0 && done < text.size()) {
    const ssize_t size = write(memory, text.data() + done, text.size() - done);
    if (size <= 0)
      break;
    done += static_cast<std::size_t>(size);
  }
  if (memory < 0 || done < text.size() || lseek(memory, 0, SEEK_SET) != 0)
    give_up(std::string("no memory for the assembly: ") + std::strerror(errno));
  dup2(memory, STDIN_FILENO);
  close(memory);
}

// To its end: the compiler writes into it while it works (-pipe).
std::string read_standard_input()
{
  std::string text;
  char part[65536];
  ssize_t size;
  while ((size = read(STDIN_FILENO, part, sizeof part)) != 0) {
    if (size > 0)
      text.append(part, static_cast<std::size_t>(size));
    else if (errno != EINTR)
      give_up(std::string("cannot read the assembly: ") + std::strerror(errno));
  }
  return text;
}

// Where the object goes that the first line asks for, "" without such a line.
// The line names the result, in hp-patch's directory if it has no other.
std::string marked_object(std::string_view text)
{
  const std::string_view line = text.substr(0, text.find('\n'));
  constexpr std::string_view marker = format::against_marker;
  if (!line.starts_with(marker))
    return "";
  const std::size_t blank = line.find(' ', marker.size());
  if (blank == line.npos)
    give_up(
        "the first line of the assembly names no result; install hp-patch "
        "and the plugin from one build");
  std::string result(line.substr(blank + 1));
  if (result.ends_with(".txt"))
    result.resize(result.size() - 4);
  if (!result.starts_with('/'))
    result.insert(0, against_path() + "/");
  return result + ".o";
}

bool is_empty_after_marker(std::string_view text)
{
  return text.find_first_not_of(
             " \t\n", std::min(text.find('\n'), text.size())) == text.npos;
}

int assemble(as_command command)
{
  if (against_path().empty())
    become_real("as", command.arguments);
  const bool from_input = command.input.empty() || command.input == "-";
  const std::string text = from_input
                               ? read_standard_input()
                               : read_whole_file(command.input).value_or("");
  if (from_input)
    offer_as_input(text);
  const std::string object = marked_object(text);
  if (object.empty()) {
    // Empty is what the driver has made for a name of its own.
    struct stat about;
    const bool is_there =
        stat(command.output.c_str(), &about) == 0 && about.st_size != 0;
    const int status = run_real("as", command.arguments);
    if (status == 0) {
      add_line("assembled", real_path(command.output));
      if (!is_there)
        add_line("added", real_path(command.output));
    }
    return status;
  }
  if (!is_empty_after_marker(text)) {
    std::vector<std::string> arguments = command.arguments;
    if (command.output_at == 0) {
      arguments.insert(arguments.begin(), {"-o", object});
    } else {
      arguments[command.output_at] = command.joined ? "-o" + object : object;
    }
    // A failure would make the driver remove the object that the tree has.
    if (run_real("as", arguments) != 0)
      add_line("failed", real_path(command.output));
  }
  keep_output(command.output, 0666);
  return 0;
}

}  // namespace

}  // namespace hotpatch::patching

int main(int argc, char** argv)
{
  using namespace hotpatch::patching;
  return assemble(read_arguments(argc, argv));
}
