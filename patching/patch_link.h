// From the objects of an image's changed units to a patch object.
//
// Owns the bytes of the statement: the records that say what the patch is
// (format/patch_record.h).  One thread at a time.
//
// SPDX-License-Identifier: MIT
#ifndef HOTPATCH_PATCHING_PATCH_LINK_H
#define HOTPATCH_PATCHING_PATCH_LINK_H

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "format/level.h"

namespace hotpatch::patching {

struct patch_statement {
  std::string name;
  std::uint32_t version = 1;
  std::string description;
  format::level level = format::level::unstated;
  std::vector<std::pair<std::string, std::uint32_t>> needs;
  std::string build;  // "": not stated
};

// As assembly.  Without `has_header` only what the patch needs and what it is
// for: one of its sources says what it is.
std::string statement_assembly(const patch_statement& said, bool has_header);

// Whether the object has a record of the patch itself, from HP_PATCH.
bool states_patch(const std::string& object);

struct patch_link {
  std::string driver;
  std::string directory;             // where the driver ran
  std::vector<std::string> options;  // of the units, for the link as well
  std::vector<std::string> objects;
  std::vector<std::string> libraries;
  std::string scratch;  // a directory for what is written on the way
  std::string output;
};

// Throws tool_error.
void link_patch(const patch_link& link, const patch_statement& said);

// Copies a file to `output`, whole or not at all: what is there stays until the
// new one takes its place.  Throws tool_error.
void put_in_place(const std::string& path, const std::string& output);

}  // namespace hotpatch::patching

#endif
