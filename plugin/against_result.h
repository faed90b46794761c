// What hp-patch is told about a unit that was compared with its baseline: a
// file of lines in hp-patch's directory.
//
//     result patch|same|options|refused NUMBER
//     source, directory, driver, language, object: a word and a value
//     replaced SYMBOL\tLINE\tREASON      new-function SYMBOL\tLINE
//     new-data SYMBOL\tLINE              imported SYMBOL\tfunction|variable
//     compiled SYMBOL\tLINE\tREASON
//     kept SYMBOL                        hook SYMBOL
//     explain SYMBOL\tFIRST\tLAST        lines of the statements that differ
//     note|warning|refused FILE:LINE: TEXT
//     difference TEXT                    of options
//     seconds CPU
//     end
//
// SPDX-License-Identifier: GPL-3.0-or-later
#ifndef HOTPATCH_PLUGIN_AGAINST_RESULT_H
#define HOTPATCH_PLUGIN_AGAINST_RESULT_H

#include "plugin/gcc_compat.h"

namespace hotpatch {

// The unit's number among the baselines, or "new".
void begin_result(const std::string& directory, const std::string& unit);

// What the assembly begins with, after format::against_marker.
std::string result_marker();

// A line; the same line only once.  Ignored before begin_result().
void note_result(const std::string& kind, const std::string& text);

// What cannot be done, of a declaration, of the unit as a whole: an error of
// the compilation, too.
void refuse(tree decl, const std::string& text);
void refuse(location_t place, const std::string& text);
void refuse_unit(const std::string& text);

// What is good to know.
void warn(tree decl, const std::string& text);
void note(tree decl, const std::string& text);
void note_unit(const std::string& text);

// "FILE:LINE: "
std::string place_of(tree decl);

// As people would write it: "int f(int)".
std::string printed(tree decl);

// Writes the file, once; later calls change nothing.
void finish_result(const std::string& result);

// Appends a line of JSON to the file "new": a source that no baseline knows,
// and how it is compiled.
void note_new_source(const std::string& directory);

}  // namespace hotpatch

#endif
