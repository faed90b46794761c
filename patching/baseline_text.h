// What the baseline says of one translation unit (format/README.md, "The
// baseline"): the text that the plugin has left in the program, read.
//
// Owns the rule what a sound text is.  Files are taken for hostile: lines that
// contradict each other, or that stand for more than they are long, are refused
// with the number of the line.  Any thread.
//
// SPDX-License-Identifier: MIT
#ifndef HOTPATCH_PATCHING_BASELINE_TEXT_H
#define HOTPATCH_PATCHING_BASELINE_TEXT_H

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace hotpatch::patching {

struct unit_dependency {
  std::string path;  // as the compiler opened it
  std::uint64_t hash = 0;

  bool operator==(const unit_dependency&) const = default;
};

struct unit_function {
  std::string symbol;
  std::string flags;  // of format/baseline.h, "" for none
  std::uint64_t strict = 0;
  std::uint64_t masked = 0;  // the same as `strict` if there is none
  unsigned line = 0;

  bool has(char flag) const { return flags.find(flag) != std::string::npos; }
};

struct baseline_unit {
  std::string text;       // the whole
  std::string file;       // as the compiler was told
  std::string directory;  // where it ran
  std::string compiler;   // "C 12.2.0"
  std::vector<std::string> options;
  std::uint64_t system_hash = 0;
  std::vector<std::string> system_headers;
  std::vector<unit_dependency> dependencies;  // the unit's own file first
  std::vector<unit_function> functions;
  std::size_t variables = 0;

  const unit_function* find(std::string_view symbol) const;
};

// The paths of one unit are at most so many bytes all together.
inline constexpr std::size_t most_path_bytes = std::size_t{16} << 20;
inline constexpr std::size_t longest_path = 4096;

// `label` is the file that holds it, for messages.  Throws tool_error.
baseline_unit parse_unit(const std::string& label, std::string_view text);

}  // namespace hotpatch::patching

#endif
