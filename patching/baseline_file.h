// The baselines of programs, shared objects and patch objects, found in the
// file itself or in its separate debug file.
//
// One thread at a time.
//
// SPDX-License-Identifier: MIT
#ifndef HOTPATCH_PATCHING_BASELINE_FILE_H
#define HOTPATCH_PATCHING_BASELINE_FILE_H

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "patching/baseline_text.h"
#include "runtime/elf/elf_file.h"

namespace hotpatch::patching {

// One file of --against.
struct baseline_image {
  std::string path;   // as given
  std::string name;   // without directories and ".so" with what follows it
  std::string build;  // its build-id, hexadecimal, "" if it has none
  // Of a patch object that was made from source: its own name and version.
  bool is_patch = false;
  std::string patch_name;
  std::uint32_t patch_version = 0;
  std::vector<baseline_unit> units;
  std::shared_ptr<elf_file> file;
};

// The file, or `debug` if that is not "", has the baseline.  Throws tool_error,
// also if there is none.
baseline_image open_baseline(const std::string& path,
                             const std::string& debug = "");

// The units of a section's contents: texts, each of which a NUL byte ends.
// Throws tool_error.
std::vector<baseline_unit> parse_section(const std::string& label,
                                         std::string_view contents);

}  // namespace hotpatch::patching

#endif
