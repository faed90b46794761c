// The records of all sites of a unit: their fields, spelling and sections.
//
// SPDX-License-Identifier: GPL-3.0-or-later
#ifndef HOTPATCH_PLUGIN_RECORDS_H
#define HOTPATCH_PLUGIN_RECORDS_H

#include "format/record.h"
#include "plugin/gcc_compat.h"
#include "plugin/site.h"

namespace hotpatch {

// --- Section text -----------------------------------------------------------
// The assembly text of records: numbers, distances and strings.
//
// Owns how a field is spelt, so that everything the plugin writes can be read
// without relocations: a distance is resolved by the assembler or the linker
// for good.  A builder is used by one record after the other.

class section_text {
 public:
  section_text() = default;

  // A whole section, of the records that share a text section.  Their strings
  // are there once, and the writer of the section writes `label` at its
  // beginning and strings() after it.
  explicit section_text(const std::string& label) : label_(label) {}

  void line(const std::string& text);

  // A field: `what` is its name, printed with -fverbose-asm.
  void offset(const std::string& label, const char* what);
  void number(std::uint32_t value, const char* what);
  void hash(std::uint64_t value, const char* what);

  // A distance to a string; 0 for an empty one.
  void string(const std::string& text, const char* what);

  const std::string& text() const { return text_; }

  // The strings that the text refers to and does not contain.  They need a
  // section of their own: --gc-sections can then drop it together with the
  // records.
  const std::string& strings() const { return strings_; }

 private:
  void field(unsigned size, const std::string& value, const char* what);

  const std::string label_;
  std::unordered_map<std::string, unsigned> numbers_;  // of strings' labels
  unsigned values_size_ = 0;  // in the last line, if another may follow there
  std::size_t place_ = 0;     // of the next field in the section
  std::string text_;
  std::string strings_;
};

// `strings` as they are written into .hotpatch.str, where the linker merges
// equal ones; `unique` is nothing, or what keeps the section apart
// (",unique,3").
std::string in_string_section(const std::string& strings,
                              const std::string& unique);

// A number and a string as the assembler wants them; strings in quotation
// marks.
std::string hexadecimal(std::uint64_t value);
std::string quoted(const std::string& text);

// Writes assembly outside of functions, or hands it on to the link-time
// compiler.
void print_at_top_level(const std::string& assembly);

// --- Record text ------------------------------------------------------------
// The assembly text of one record, field by field as in format/record.h.

// Writes the record of the site under the name of `decl`, which is its function
// or an alias of that.
void write_record(section_text& out, const site& of, tree decl,
                  std::uint32_t extra_flags);

// --- Record sections --------------------------------------------------------
// The records of all sites of a unit, from one function to the next.
//
// All records of one text section lie in one section, which is written when the
// unit is complete: the assembler then changes sections once, and not for each
// function.

// Where the records of a site are written to: that of its function, and of each
// alias.  `leader` is the number of the first site in its text section, and
// `group` that section's COMDAT group, if any.
section_text& records_of(unsigned leader, const std::string& group);

// The label at the beginning of the records.
std::string records_label(unsigned leader);

void register_record_sections(const char* plugin_name);

}  // namespace hotpatch

#endif
