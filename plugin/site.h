// The site of the function being compiled, from the pass that inserts the
// patch word until its record is printed.
//
// GCC generates code for one function at a time, so there is one such object.
// site_pass.cc fills it, emit.cc uses it up.
//
// SPDX-License-Identifier: GPL-3.0-or-later
#ifndef HOTPATCH_PLUGIN_SITE_H
#define HOTPATCH_PLUGIN_SITE_H

#include "plugin/attribute.h"
#include "plugin/layout.h"

namespace hotpatch {

struct site {
  tree decl;
  unsigned number;   // of its local labels, unique in the assembly file
  std::uint32_t id;  // the id32 of its patch word
  bool endbr;
  bool profiled;  // a -mfentry call precedes the word
  layout place;
  site_facts facts;
};

// Of current_function_decl; null when that has no site.
const site* current_site();

// The label after the (hot) body of current_function_decl, if it has a site or
// is a replacement; "" otherwise.
std::string end_label();

// The name of a local label: kind 'b' is the first dead byte, 's' the symbol,
// 'w' the patch word, 'e' the end of the (hot) body, 'r' the first record of a
// section.
std::string local_label(char kind, unsigned number);

// As GCC's pass manager knows it: kind, dash, name.
inline constexpr char site_pass_full_name[] = "rtl-hotpatch";

// Registers the pass that gives chosen functions their site.
void register_site_pass(const char* plugin_name);

}  // namespace hotpatch

#endif
