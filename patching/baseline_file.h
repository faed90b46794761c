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

#include "patching/baseline_change.h"
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
  std::string patch_build;  // of the program that it is for, "" for any
  std::vector<baseline_unit> units;  // of a patch object: new sources
  std::vector<unit_change> changes;  // of a patch object
  std::shared_ptr<elf_file> file;
};

// The file, or `debug` if that is not "", has the baseline.  Throws tool_error,
// also if there is none.
baseline_image open_baseline(const std::string& path,
                             const std::string& debug = "");

// The texts of a section's contents, each of which a NUL byte ends, are added
// to the image.  Throws tool_error.
void parse_section(const std::string& label, std::string_view contents,
                   baseline_image& into);

}  // namespace hotpatch::patching

#endif
