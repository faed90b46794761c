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

// By the Itanium C++ ABI, 5.1.
inline bool is_mangled(const char* name) noexcept
{
  return name[0] == '_' && name[1] == 'Z';
}

// Writes the demangled form, cut at the buffer's size and NUL-terminated, or
// the name itself if it is not mangled.  Returns `into`.
char* demangle(const char* name, name_form form, char* into,
               std::size_t size) noexcept;

// Whether the demangled name equals `text`, whose first `length` bytes count,
// in any of the forms.  Blanks are not compared.  ABI tags ("[abi:cxx11]") and
// modules ("@shop.net") of the name may be left out of the text.
[[nodiscard]] bool demangles_to(const char* name, const char* text,
                                std::size_t length) noexcept;

// Constructors and destructors have several bodies under one name (Itanium C++
// ABI, 5.1.4.3).
enum class structor : std::uint8_t {
  none,
  complete_constructor,  // C1: virtual bases, too
  base_constructor,      // C2
  deleting_destructor,   // D0: calls D1, then operator delete
  complete_destructor,   // D1
  base_destructor,       // D2
  other,                 // what only some compilers make
};
[[nodiscard]] structor structor_of(const char* name) noexcept;

}  // namespace hotpatch

#endif
