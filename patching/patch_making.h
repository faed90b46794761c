// From a changed tree to patch objects: the order of all steps.
//
// One thread at a time.
//
// SPDX-License-Identifier: MIT
#ifndef HOTPATCH_PATCHING_PATCH_MAKING_H
#define HOTPATCH_PATCHING_PATCH_MAKING_H

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "patching/build_run.h"
#include "patching/patch_link.h"
#include "patching/results.h"
#include "processes/errors.h"

namespace hotpatch::patching {

struct against_file {
  std::string path;
  std::string debug;  // "": looked for
};

struct making_options {
  std::vector<against_file> against;
  std::string output;                    // "": NAME.so
  std::string name;                      // "": that of the image, and "-fix"
  std::optional<std::uint32_t> version;  // nothing: 1
  std::string description;
  format::level level = format::level::unstated;
  std::vector<std::pair<std::string, std::uint32_t>> needs;

  std::vector<std::string> build;  // the command, or none with a database
  std::string diff;                // "": the tree is changed already
  std::string source;              // of the diff; "": this directory
  std::string database;
  std::vector<std::string> files;  // of the database; none: all
  std::size_t jobs = 0;            // 0: as many as there are processors
  build_options shown;
};

struct made_patch {
  std::string image;  // as it was named
  std::string output;
  std::string name;
  std::uint32_t version = 0;
  std::string build;
  std::vector<std::pair<std::string, std::uint32_t>> needs;
  std::uint64_t size = 0;
  std::vector<unit_result> units;
  // What it uses of the program, as its records name it: "conn.c:limit".
  std::vector<std::string> imported_functions, imported_variables;
};

struct made_patches {
  std::vector<made_patch> patches;   // none: nothing changed
  std::vector<unit_result> results;  // of all units that were compiled
  std::vector<std::string> warnings;
  std::size_t compared = 0;  // units
  std::size_t changed = 0;   // of these, with other contents of their files
  double cpu_seconds = 0;
  double seconds = 0;
};

// What stands against a patch, reason by reason.
class refused : public tool_error {
 public:
  explicit refused(std::vector<std::string> reasons);
  const std::vector<std::string>& reasons() const { return reasons_; }

 private:
  std::vector<std::string> reasons_;
};

// The build has failed; the text is what it printed.
class build_failed : public tool_error {
 public:
  build_failed(const std::string& message, std::string log)
      : tool_error(message), log_(std::move(log))
  {
  }
  const std::string& log() const { return log_; }

 private:
  std::string log_;
};

// Throws refused, build_failed, interrupted, or tool_error; nothing was made
// then.
made_patches make_patches(const making_options& options);

}  // namespace hotpatch::patching

#endif
