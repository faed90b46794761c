// The baseline of the unit that is compiled again: found among those that
// hp-patch has prepared, and read.
//
// hp-patch names a directory in the environment (format/baseline.h):
//
//     units          "NUMBER IMAGE FILE\tDIRECTORY", a line for each unit
//     unit-NUMBER    the text of its baseline
//     map            "NEW\tOLD": the tree NEW is a copy of OLD
//
// SPDX-License-Identifier: GPL-3.0-or-later
#ifndef HOTPATCH_PLUGIN_UNIT_BASELINE_H
#define HOTPATCH_PLUGIN_UNIT_BASELINE_H

#include "plugin/body_hash.h"
#include "plugin/gcc_compat.h"

namespace hotpatch {

struct old_function {
  std::string symbol;
  std::string flags;  // format::function_...
  std::uint64_t strict = 0;
  std::uint64_t masked = 0;
  std::uint64_t prototype = 0;
  std::string statements;
  std::vector<std::size_t> holders;  // of copies of it, by number

  bool has(char flag) const { return flags.find(flag) != flags.npos; }
};

struct old_variable {
  std::string symbol;
  std::string flags;  // format::variable_...
  std::uint64_t type = 0;
  value_hash initial_value;
  static_use use;

  bool has(char flag) const { return flags.find(flag) != flags.npos; }
};

class unit_baseline {
 public:
  // False: the text is damaged or made by a newer hotpatch; what is said in
  // `problem`.
  bool read(const std::string& text, std::string& problem);

  const old_function* find_function(const std::string& symbol) const;
  const old_variable* find_variable(const std::string& key) const;
  const std::vector<old_function>& functions() const { return functions_; }
  const std::map<std::string, old_variable>& variables() const
  {
    return variables_;
  }
  // Hashes of layouts, by the name of the type; C may have several of one name.
  const std::multimap<std::string, std::uint64_t>& types() const
  {
    return types_;
  }
  std::uint64_t assembly() const { return assembly_; }
  std::uint64_t hash() const { return hash_; }  // of the text

  // What is different now, for people: compiler and options; "" for nothing.
  std::string other_options() const;

  // Whether all files that the unit consists of have the same contents.
  bool has_same_files() const;
  bool has_same_system_headers() const;

 private:
  struct file {
    std::string path;
    std::uint64_t hash;
  };
  bool read_line(const std::string& line);

  std::string compiler_;
  std::vector<std::string> options_;
  std::uint64_t system_ = 0;
  std::vector<std::string> system_files_;
  std::vector<file> files_;
  std::vector<old_function> functions_;
  std::map<std::string, std::size_t> numbers_;
  std::map<std::string, old_variable> variables_;
  std::string last_key_;
  std::multimap<std::string, std::uint64_t> types_;
  std::uint64_t assembly_ = 0;
  std::uint64_t hash_ = 0;
  bool complete_ = false;
};

// --- The directory -----------------------------------------------------------

// Of hp-patch; "" if the unit is compiled as usual.
std::string against_directory();

// The source that is compiled as the compiler was told.  Where preprocessing
// was a step of its own (-save-temps, distcc), the name that the preprocessor
// got, which GCC itself learns only when it reads the file.
const std::string& name_of_source();

// A name of a file or directory of this tree as it was in that of the baseline.
std::string in_old_tree(const std::string& path);

struct found_unit {
  std::string number;  // "" if there is none
  std::string image;   // the number of the program or shared object
  unit_baseline baseline;
  std::string problem;     // with it, if it cannot be used
  std::string difference;  // of options
};

// The one for the source that is compiled: by file and directory; of several,
// which differ by options, the one with the same.
found_unit find_unit(const std::string& against);

// What other units of an image define for all to use: a source may have got it
// from one of them.
struct defined_elsewhere {
  std::map<std::string, old_function> functions;  // by symbol, without holders
  std::set<std::string> copied;  // those of which there are inlined copies
  std::map<std::string, old_variable> variables;
};
defined_elsewhere read_other_units(const std::string& against,
                                   const found_unit& unit);

}  // namespace hotpatch

#endif
