// compile_commands.json: how each source of a project is compiled (Clang's
// "JSON Compilation Database Format Specification").
//
// Any thread.
//
// SPDX-License-Identifier: MIT
#ifndef HOTPATCH_PATCHING_COMPILE_COMMANDS_H
#define HOTPATCH_PATCHING_COMPILE_COMMANDS_H

#include <string>
#include <string_view>
#include <vector>

namespace hotpatch::patching {

struct compile_command {
  std::string file;  // absolute, without "." and ".."
  std::string directory;
  std::vector<std::string> arguments;

  // Whether one of the arguments names the plugin.
  bool uses_plugin() const;
};

// Throws tool_error if the file cannot be read, or is no such file.
std::vector<compile_command> read_compile_commands(const std::string& path);

// The words of a command as a shell would see them: blanks, quotation marks and
// backslashes.
std::vector<std::string> split_command(std::string_view command);

// The command with `output` as its only output, so that nothing in the tree is
// written.
std::vector<std::string> with_output(const compile_command& command,
                                     const std::string& output);

// Without "." and "..", by the text alone.
std::string normal_path(const std::string& directory, const std::string& path);

}  // namespace hotpatch::patching

#endif
