// The assembly text of records: numbers, distances and strings.
//
// Owns how a field is spelt, so that everything the plugin writes can be read
// without relocations: a distance is resolved by the assembler or the linker
// for good.  A builder is used by one record after the other.
//
// SPDX-License-Identifier: GPL-3.0-or-later
#ifndef HOTPATCH_PLUGIN_SECTION_TEXT_H
#define HOTPATCH_PLUGIN_SECTION_TEXT_H

#include "plugin/gcc_compat.h"

namespace hotpatch {

class section_text {
 public:
  // Strings go to a section of their own if `unique` says so, with "unique,3":
  // then --gc-sections can drop them together with the records.
  explicit section_text(const std::string& unique = "") : unique_(unique) {}

  void line(const std::string& text);

  // A field: `what` is its name, printed with -fverbose-asm.
  void offset(const std::string& label, const char* what);
  void number(std::uint32_t value, const char* what);
  void hash(std::uint64_t value, const char* what);

  // A distance to a string; 0 for an empty one.
  void string(const std::string& text, const char* what);

  std::string text() const;

 private:
  void field(const std::string& text, const char* what);
  std::string defined(const std::string& strings) const;

  const std::string unique_;
  std::string text_;
  std::string strings_;  // not yet in the text
};

// A string as the assembler wants it, in quotation marks.
std::string quoted(const std::string& text);

// Writes assembly outside of functions, or hands it on to the link-time
// compiler.
void print_at_top_level(const std::string& assembly);

}  // namespace hotpatch

#endif
