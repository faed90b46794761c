// Which source file a symbol of an image was defined in, in the ELF section
// .debug.hotpatch: what symbol tables do not say of exported symbols, of what a
// source includes, and of what link-time optimisation puts together.
// format/README.md describes the same bytes.
//
// The section is not loaded, and goes where debugging information and symbols
// go.  Its name begins with ".debug" because only in such sections linkers put
// up with relocations to what --gc-sections has dropped; there is no "_" after
// that, because dwz(1) complains about ".debug_" names that it does not know.
// Nothing here depends on anything but the C++
// language.
//
// SPDX-License-Identifier: MIT
#ifndef HOTPATCH_FORMAT_DEFINITION_H
#define HOTPATCH_FORMAT_DEFINITION_H

#include <cstddef>
#include <cstdint>

#include "format/record.h"

namespace hotpatch::format {

inline constexpr char definition_section_name[] = ".debug.hotpatch";
inline constexpr char definition_string_section_name[] = ".debug.hotpatch.str";

inline constexpr std::uint16_t definition_version = 1;

enum definition_flag : std::uint32_t {
  definition_static = 1u << 0,        // the source file's own
  definition_thread_local = 1u << 1,  // the address is one in PT_TLS's image
  definition_function = 1u << 2,
};

// One variable or function.  Strings are offsets in .debug.hotpatch.str.
struct definition {
  std::uint16_t version;         //  0  definition_version
  std::uint16_t size;            //  2  bytes of this record, a multiple of 8
  std::uint32_t flags;           //  4  definition_flag bits
  std::uint64_t address;         //  8  the file's own; 0: the linker dropped it
  std::uint32_t name;            // 16  assembler name, without LTO's suffix
  std::uint32_t file;            // 20  as the compiler was told
  std::uint32_t line;            // 24
  std::uint32_t reserved;        // 28  zero
  std::uint32_t layout_hash[2];  // 32  of a variable's type; 0: unknown
};

static_assert(sizeof(definition) == 40);
static_assert(offsetof(definition, address) == 8);
static_assert(offsetof(definition, layout_hash) == 32);

}  // namespace hotpatch::format

#endif
