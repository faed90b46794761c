// The record of one patch site in the ELF section .hotpatch: the contract
// between the compiler plugin, which writes it, and the runtime and the tools,
// which read it.  format/README.md describes the same bytes for other tools.
//
// Nothing here depends on anything but the C++ language, so that every part of
// the project (and any other program) can include it.
//
// SPDX-License-Identifier: MIT
#ifndef HOTPATCH_FORMAT_RECORD_H
#define HOTPATCH_FORMAT_RECORD_H

#include <cstddef>
#include <cstdint>

namespace hotpatch::format {

inline constexpr char section_name[] = ".hotpatch";
inline constexpr char string_section_name[] = ".hotpatch.str";
inline constexpr char types_section_name[] = ".hotpatch.types";
inline constexpr char copies_section_name[] = ".hotpatch.copies";

inline constexpr std::uint16_t record_version = 1;

// What the patch word is.
enum class site_kind : std::uint8_t {
  nop8 = 1,  // one 8-byte NOP, naturally aligned (see patch_word.h)
};

// Facts about a site that a reader cannot see in its bytes.
enum site_flag : std::uint32_t {
  site_endbr = 1u << 0,        // the symbol begins with endbr64
  site_static = 1u << 1,       // the symbol has internal linkage
  site_comdat = 1u << 2,       // inline function or template instance
  site_virtual = 1u << 3,      // reached through a virtual table
  site_method = 1u << 4,       // first parameter is `this`
  site_constructor = 1u << 5,  // C++ constructor
  site_destructor = 1u << 6,   // C++ destructor
  site_lambda = 1u << 7,       // call operator of a lambda
  site_nested = 1u << 8,       // nested C function: static chain in %r10
  site_variadic = 1u << 9,     // prototype ends in ...
  site_cxx = 1u << 10,         // compiled as C++
  site_profiled = 1u << 11,    // a -mfentry call precedes the patch word
  site_alias = 1u << 12,       // a further name of the site with this word
  site_nothrow = 1u << 13,     // callers have no handlers: must not throw
  site_noreturn = 1u << 14,    // callers have no code after the call
  site_copied = 1u << 15,      // other functions may contain copies of it
};

// A 32-bit distance from the field that holds it to what it points at.  Such
// fields need no dynamic relocation, so the section is read-only, shared
// between processes, and the same in PIE, non-PIE and DSO.  Zero means absent.
struct offset32 {
  std::int32_t value;
};

// Sixty-four bytes, aligned to four.  The 64-bit hashes are split in halves,
// low half first, to keep that alignment.
struct record {
  std::uint16_t version;    //  0  record_version
  std::uint16_t size;       //  2  bytes of this record, a multiple of 4
  std::uint32_t id;         //  4  the id32 inside the patch word
  offset32 word;            //  8  the patch word
  offset32 symbol;          // 12  the address callers use
  offset32 end;             // 16  first byte after the (hot) body
  offset32 name;            // 20  assembler name, NUL-terminated
  offset32 file;            // 24  source file as the compiler was told
  std::uint32_t line;       // 28  source line, 0 if unknown
  offset32 prototype;       // 32  type as text: "int (conn*, unsigned long)"
  std::uint32_t flags;      // 36  site_flag bits
  std::uint8_t kind;        // 40  site_kind
  std::uint8_t pad;         // 41  dead bytes directly before the symbol
  std::uint16_t reserved;   // 42  zero
  std::uint32_t reserved2;  // 44  zero
  std::uint32_t prototype_hash[2];  // 48  type_hash() of the mangled type
  std::uint32_t layout_hash[2];     // 56  of the types it reaches; 0: unknown
};

static_assert(sizeof(record) == 64);
static_assert(alignof(record) == 4);
static_assert(offsetof(record, word) == 8);
static_assert(offsetof(record, prototype) == 32);
static_assert(offsetof(record, prototype_hash) == 48);

// FNV-1a, 64 bits.  The prototype hash is this over the Itanium mangling of
// the function type ("FiP4connmE"): no exception specification, no cv on the
// parameters themselves, and a method as a function whose first parameter is
// its `this` pointer.  typeid(T).name() of such a type is the same text.
constexpr std::uint64_t type_hash(const char* text)
{
  std::uint64_t hash = 0xcbf29ce484222325u;
  for (; *text != '\0'; ++text)
    hash = (hash ^ static_cast<unsigned char>(*text)) * 0x100000001b3u;
  return hash;
}

// A hash as records hold it: the low half comes first.
constexpr std::uint64_t joined(const std::uint32_t (&halves)[2])
{
  return halves[0] | std::uint64_t{halves[1]} << 32;
}

}  // namespace hotpatch::format

#endif
