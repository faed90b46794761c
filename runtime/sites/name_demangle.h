// Demangled names without a C++ runtime: libiberty's demangler, which hands its
// text out in pieces and allocates nothing.
//
// Any thread may call this.  Names come from files and may be anything; the
// demangler gives up on names of more than about a thousand characters, and
// such a name is then used as it is.
//
// SPDX-License-Identifier: MIT
#ifndef HOTPATCH_RUNTIME_NAME_DEMANGLE_H
#define HOTPATCH_RUNTIME_NAME_DEMANGLE_H

#include <cstddef>
#include <cstdint>

namespace hotpatch {

// How much of "int ns::max<int>(int, int)" is said.
enum class name_form : std::uint8_t {
  full,       // everything; only templates have a return type
  signature,  // without the return type
  bare,       // without parameters too: "ns::max<int>"
  type,       // the name is that of a type: "int (conn*)" for FiP4connE
};

// Writes the demangled form, cut at the buffer's size and NUL-terminated, or
// the name itself if it is not mangled.  Returns `into`.
char* demangle(const char* name, name_form form, char* into,
               std::size_t size) noexcept;

// Whether the demangled name equals `text`, whose first `length` bytes count,
// in any of the forms.  Blanks are not compared.
[[nodiscard]] bool demangles_to(const char* name, const char* text,
                                std::size_t length) noexcept;

}  // namespace hotpatch

#endif
