// Turns the bytes of a .hotpatch.patch section into what a patch object says.
//
// Owns the invariant that everything in a patch_contents is sound: strings end
// inside the image, code lies in executable memory, there is at least one
// replacement and no contradiction.  The bytes are taken for hostile.  The
// texts lie in the view's memory.
//
// Any thread, each with its own objects.
//
// SPDX-License-Identifier: MIT
#ifndef HOTPATCH_RUNTIME_PATCH_READER_H
#define HOTPATCH_RUNTIME_PATCH_READER_H

#include <cstdint>

#include "format/level.h"
#include "format/patch_record.h"
#include "runtime/base/array.h"
#include "runtime/elf/memory_view.h"
#include "runtime/include/hotpatch.h"
#include "runtime/sites/record_reader.h"

namespace hotpatch {

// Of a level that is stated.
constexpr hp_level hp_level_of(format::level stated) noexcept
{
  return static_cast<hp_level>(static_cast<int>(stated) - 1);
}
static_assert(hp_level_of(format::level::immediate) == HP_IMMEDIATE &&
              hp_level_of(format::level::strict) == HP_STRICT &&
              hp_level_of(format::level::quiescent) == HP_QUIESCENT &&
              hp_level_of(format::level::safepoint) == HP_SAFEPOINT);

struct patch_replacement {
  const char* target = "";  // what it replaces, as the user named it
  const char* name = "";    // its own assembler name
  const char* file = "";
  const char* prototype = "";
  std::uint64_t code = 0;  // addresses in the view
  std::uint64_t end = 0;
  std::uint64_t prototype_hash = 0;
  std::uint64_t layout_hash = 0;
  std::uint32_t line = 0;
  std::uint32_t flags = 0;  // format::patch_flag
};

struct patch_import {
  const char* symbol = "";  // of .dynsym
  const char* target = "";  // what it stands for, as the user named it
  const char* file = "";
  const char* type = "";
  std::uint64_t type_hash = 0;
  std::uint64_t layout_hash = 0;
  std::uint32_t line = 0;
  std::uint32_t flags = 0;  // format::patch_flag
  std::uint32_t size = 0;   // of a variable, 0: unknown
  bool named = false;       // the target was given, and is not just the symbol
};

struct patch_need {
  const char* name = "";
  std::uint32_t version = 0;
};

struct patch_hook {
  const char* name = "";
  std::uint64_t code = 0;
  format::hook_time when = format::hook_time::before_apply;
};

struct patch_contents {
  const char* name = "";  // "": not stated
  const char* description = "";
  std::uint32_t version = 0;
  format::level level = format::level::unstated;
  array<patch_replacement> replacements;
  array<patch_import> imports;
  array<patch_need> needs;
  array<patch_hook> hooks;  // at most one for each time
  array<const char*> builds;
};

// `label` stands for the image in messages.  HP_MALFORMED, HP_NO_MEMORY.
[[nodiscard]] hp_status read_patch(const char* label, memory_view view,
                                   record_section section,
                                   patch_contents& into) noexcept;

}  // namespace hotpatch

#endif
