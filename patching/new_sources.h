// Sources that no baseline knows: new files of the changed tree, and those of
// its other programs and tests.
//
// Owns the rule which of them a patch takes in: what defines a symbol that the
// patch needs and nothing else has, and what has hooks.  One thread at a time.
//
// SPDX-License-Identifier: MIT
#ifndef HOTPATCH_PATCHING_NEW_SOURCES_H
#define HOTPATCH_PATCHING_NEW_SOURCES_H

#include <functional>
#include <set>
#include <string>
#include <vector>

#include "patching/against_directory.h"
#include "patching/results.h"

namespace hotpatch::patching {

struct new_source {
  std::string source;  // as the compiler was told
  std::string directory;
  std::vector<std::string> command;  // without an output
  std::string object;  // what the build has made of it, "": not known
};

// Those that the plugin has noted in a build.  Throws tool_error.
std::vector<new_source> noted_sources(const against_directory& against);

// Puts what the objects of patches define, and what they leave to others, into
// their results.  Throws tool_error.
void read_symbols(std::vector<unit_result>& results);

// Whether the object of the source has one of these symbols, or hooks; where
// that is not known, whether anything is wanted or the source speaks of hooks.
bool may_be_wanted(const new_source& source,
                   const std::set<std::string>& wanted);

// Compiles them as a whole into patches, `at_once` at a time.  What cannot be
// compiled has no result.
void compile_new_sources(const against_directory& against,
                         const std::vector<new_source>& sources,
                         std::size_t at_once);

// Of these results of new sources, those that have hooks, or define what is
// wanted, or what such ones need and is not there already; `wanted` loses what
// is found.
std::vector<const unit_result*> choose_new(
    const std::vector<unit_result>& results, std::set<std::string>& wanted,
    const std::function<bool(const std::string&)>& is_there);

}  // namespace hotpatch::patching

#endif
