// The records of a patch object in the ELF section .hotpatch.patch, and the
// state it keeps in .hotpatch.state: the contract between the compiler plugin,
// which writes both, and the runtime and the tools, which read the first and
// keep the second.  format/README.md describes the same bytes.
//
// A shared object with the section .hotpatch.patch is a patch object.  Nothing
// here depends on anything but the C++ language.
//
// SPDX-License-Identifier: MIT
#ifndef HOTPATCH_FORMAT_PATCH_RECORD_H
#define HOTPATCH_FORMAT_PATCH_RECORD_H

#include <cstddef>
#include <cstdint>

#include "format/record.h"

namespace hotpatch::format {

inline constexpr char patch_section_name[] = ".hotpatch.patch";
inline constexpr char state_section_name[] = ".hotpatch.state";

inline constexpr std::uint16_t patch_record_version = 1;

enum class patch_kind : std::uint16_t {
  patch = 1,        // patch_header: at most one
  replacement = 2,  // replacement_record: at least one
  import = 3,       // import_record
  need = 4,         // need_record
  build = 5,        // build_record
  hook = 6,         // hook_record
};

// Every record begins so.  Offsets are as in record.h: from the field itself,
// 0 for absent.  A reader skips what is after the fields it knows.
struct patch_head {
  std::uint16_t version;   // 0  patch_record_version
  std::uint16_t size;      // 2  bytes of this record, a multiple of 4
  std::uint16_t kind;      // 4  patch_kind
  std::uint16_t reserved;  // 6  zero
};

// What the patch is.  Without it the patch has the name of its file, less
// ".so", and version 0.
struct patch_header {
  patch_head head;
  offset32 name;              //  8
  std::uint32_t version;      // 12  a newer one replaces an older one
  offset32 description;       // 16  for people
  std::uint32_t level;        // 20  a format::level (level.h)
  std::uint32_t reserved[2];  // 24  zero
};

enum patch_flag : std::uint32_t {
  patch_any_prototype = 1u << 0,  // replacement: do not compare prototypes
  patch_any_layout = 1u << 1,     // replacement, import: nor layouts of types
  patch_function = 1u << 2,       // import: of a function
  patch_thread_local = 1u << 3,   // import: of a thread-local variable
  patch_any_copy = 1u << 4,    // import: though it may have specialised copies
  patch_original = 1u << 5,    // import: the original body of a site
  patch_unprepared = 1u << 6,  // replacement: also of a function without a site
};

// One function of the patch and what it replaces.
struct replacement_record {
  patch_head head;
  offset32 code;                    //  8  the replacement's address
  offset32 end;                     // 12  first byte after its (hot) body
  offset32 target;                  // 16  "reset", "conn.c:reset", "ns::f(int)"
  offset32 name;                    // 20  its own assembler name
  offset32 file;                    // 24  where its source is
  std::uint32_t line;               // 28
  offset32 prototype;               // 32  as text
  std::uint32_t flags;              // 36  patch_flag bits
  std::uint32_t prototype_hash[2];  // 40  as in record.h
  std::uint32_t layout_hash[2];     // 48
};

// One symbol that the patch object uses and does not define, and which the
// dynamic linker need not know: it is an undefined weak symbol, so that loading
// succeeds without it.
struct import_record {
  patch_head head;
  offset32 symbol;               //  8  its name in .dynsym
  offset32 target;               // 12  "conn.c:counter"; absent: the same name
  offset32 file;                 // 16  where it is declared
  std::uint32_t line;            // 20
  offset32 type;                 // 24  as text, absent if unknown
  std::uint32_t flags;           // 28  patch_flag bits
  std::uint32_t type_hash[2];    // 32  functions: the prototype hash
  std::uint32_t layout_hash[2];  // 40  0: unknown
  std::uint32_t size;            // 48  variables: bytes, 0 if unknown
  std::uint32_t reserved;        // 52  zero
};

// Another patch that must be applied before this one.
struct need_record {
  patch_head head;
  offset32 name;          //  8
  std::uint32_t version;  // 12  at least this
};

// A file this patch was made for: one of the loaded images must be it.
struct build_record {
  patch_head head;
  offset32 id;             //  8  the GNU build-id, hexadecimal, lower case
  std::uint32_t reserved;  // 12  zero
};

enum class hook_time : std::uint32_t {
  before_apply = 1,
  after_apply = 2,
  before_revert = 3,
  after_revert = 4,
};

// A function to be called when the patch comes or goes.
struct hook_record {
  patch_head head;
  offset32 code;           //  8  its address
  std::uint32_t when;      // 12  hook_time
  offset32 name;           // 16  its assembler name
  std::uint32_t reserved;  // 20  zero
};

static_assert(sizeof(patch_head) == 8);
static_assert(sizeof(patch_header) == 32);
static_assert(sizeof(replacement_record) == 56);
static_assert(offsetof(replacement_record, prototype_hash) == 40);
static_assert(sizeof(import_record) == 56);
static_assert(offsetof(import_record, layout_hash) == 40);
static_assert(sizeof(need_record) == 16);
static_assert(sizeof(build_record) == 16);
static_assert(sizeof(hook_record) == 24);

// How far the patch object has come in this process.
enum class patch_phase : std::uint32_t {
  loaded = 0,     // nothing of it is active
  applying = 1,   // some of its replacements may be active
  applied = 2,    // all of them are on their sites' stacks
  reverting = 3,  // some of them may still be active
};

enum state_flag : std::uint32_t {
  // Its constructors have begun, and it has no destructor that would take back
  // what they do: it must not be unloaded.
  state_stays = 1,
};

// The contents of .hotpatch.state, which is writable, and in which each process
// has its own copy.  Who changes sites for the patch writes the phase before
// the first word and after the last one, so that a tool that looks at the
// process afterwards, or after the one who did it has died, knows what there
// is.
struct patch_state {
  std::uint32_t version;   //  0  state_version
  std::uint32_t size;      //  4  bytes of the section
  std::uint32_t phase;     //  8  patch_phase
  std::uint32_t agent;     // 12  process that wrote the phase, 0: this one
  std::uint64_t sequence;  // 16  order of application in this process: above
                           //     that of every patch applied before; 0: never
  std::uint32_t flags;     // 24  state_flag bits
  std::uint32_t reserved;  // 28  zero
  std::uint64_t reserved2[4];  // 32  zero
};

inline constexpr std::uint32_t state_version = 1;

static_assert(sizeof(patch_state) == 64);
static_assert(offsetof(patch_state, sequence) == 16);
static_assert(offsetof(patch_state, flags) == 24);

}  // namespace hotpatch::format

#endif
