// What the user asked for with -fplugin-arg-hotpatch-NAME[=VALUE].
//
// Filled once by plugin_init, constant afterwards.
//
// SPDX-License-Identifier: GPL-3.0-or-later
#ifndef HOTPATCH_PLUGIN_OPTIONS_H
#define HOTPATCH_PLUGIN_OPTIONS_H

#include <cstdint>
#include <string>
#include <vector>

#include "format/site_pattern.h"

struct plugin_name_args;

namespace hotpatch {

// The countermeasures that a test can take out, to prove that it notices.
struct countermeasures {
  bool noipa = true;
  bool noclone = true;   // where noipa is out
  bool noinline = true;  // where noipa is out
  bool nothrow = true;
  bool recursion = true;  // calls of a function to itself stay calls
  bool one_piece = true;  // no cold part elsewhere
  bool align = true;
  bool id = true;             // each word has its own
  bool reference = true;      // from the text to its records
  bool refusal = true;        // of what cannot be replaced
  bool lead = true;           // another instruction comes before the word
  bool closed = true;         // nothing but copies, where inlining is allowed
  bool lines = true;          // debuggers find where parameters are readable
  bool own_functions = true;  // a patch's own come before the program's
  bool thunks = true;         // have no copies, where inlining is allowed
  // Of a unit that is compared with its baseline:
  bool virtual_calls = true;  // stay virtual
  bool holders = true;        // of copies of what has changed are replaced
  bool moved = true;          // another file's is still the program's
  bool local_classes = true;  // with other numbers are refused
  bool statics = true;        // of one name in a function are told apart
  bool renamed_data = true;   // is warned of
  bool literals = true;       // of C have the names of their variables
  bool types = true;          // that bodies use are compared
  bool initialisers = true;   // of static variables of functions are compared
};

// A file of patterns.
struct list_file {
  std::string path;    // as given
  std::uint64_t hash;  // of the contents
};

struct options {
  bool all = false;
  bool inlining = false;  // of functions chosen by a pattern or by -all
  bool baseline = false;  // write what a patch from changed source needs
  bool verbose = false;
  bool patch = false;           // the unit is a part of a patch object
  bool warn_refused = true;     // chosen by a pattern, and can have no site
  bool warn_limits = true;      // some calls do not reach a replacement
  bool warn_copies = true;      // a patch has new variables with old names
  bool warn_unmatched = false;  // a pattern that matches nothing
  std::string report;           // file, "" for none
  std::vector<format::site_pattern> patterns;
  std::vector<list_file> lists;  // where patterns come from
  countermeasures with;
};

const options& current_options();

// Reads the arguments; on false an error has been printed.
bool parse_options(const plugin_name_args& arguments);

}  // namespace hotpatch

#endif
