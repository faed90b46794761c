// What the plugin says of the units that a build has compiled against their
// baselines: the files result-*.txt.
//
// Any thread, each with its own objects.
//
// SPDX-License-Identifier: MIT
#ifndef HOTPATCH_PATCHING_RESULTS_H
#define HOTPATCH_PATCHING_RESULTS_H

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace hotpatch::patching {

enum class result_kind : std::uint8_t { patch, same, options, refused };

struct replaced_function {
  std::string symbol;
  unsigned line = 0;
  std::string reason;  // "changed", "contains f", "uses limit"
};

struct new_symbol {
  std::string symbol;
  unsigned line = 0;
};

struct imported_symbol {
  std::string symbol;
  std::string kind;  // "function", "variable"
};

struct difference_place {
  std::string symbol;
  unsigned first = 0;  // lines; 0: not known
  unsigned last = 0;
  std::string file;  // "": the unit's own
};

struct unit_result {
  std::string path;                 // of the result
  std::optional<std::size_t> unit;  // nothing: a new source
  result_kind kind = result_kind::same;
  bool finished = false;  // else the compiler failed

  std::string source, directory, driver, language;
  std::vector<replaced_function> replaced;
  // Without a site, so that its callers are replaced with it.
  std::vector<replaced_function> compiled;
  std::vector<new_symbol> new_functions, new_data;
  std::vector<imported_symbol> imported;
  std::vector<std::string> kept, notes, warnings, refusals, differences;
  std::vector<std::string> defines, needs, hooks;
  std::vector<difference_place> explained;
  double seconds = 0;

  // What `as` has made of it.
  std::string object() const;
  // Whether a patch has anything of it.
  bool has_code() const
  {
    return kind == result_kind::patch &&
           !(replaced.empty() && new_functions.empty() && new_data.empty() &&
             hooks.empty());
  }
  // "src/a.c" below the directory, absolute.
  std::string source_path() const;
};

// Throws tool_error if the text is none, which a plugin of another version may
// have written.
unit_result parse_result(const std::string& path, std::string_view text);

// All of a directory, ordered by unit and source.  Throws tool_error.
std::vector<unit_result> read_results(const std::string& directory);

}  // namespace hotpatch::patching

#endif
