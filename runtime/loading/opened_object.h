// A patch object in this process's memory, given back unless it is kept.
//
// Owns the promise that what was checked is what is loaded, and nothing else,
// not even for a moment: the dynamic linker is given a file in memory that
// holds the checked bytes and is sealed (sealed_file.h), so it does not matter
// what becomes of the path.  Constructors run when the imports are bound
// (private_copy.h).
//
// The whole file stays mapped beside the object, so that tools can read its
// section headers and symbols in this process.  The dynamic linker's name of
// the object is changed to the path that people know, for debuggers.
//
// Any thread, without the library's lock: it takes the dynamic loader's.
//
// SPDX-License-Identifier: MIT
#ifndef HOTPATCH_RUNTIME_OPENED_OBJECT_H
#define HOTPATCH_RUNTIME_OPENED_OBJECT_H

#include <cstdint>
#include <span>

#include "runtime/include/hotpatch.h"
#include "runtime/objects/import_stores.h"
#include "runtime/objects/patch_file.h"
#include "runtime/objects/private_copy.h"

namespace hotpatch {

// What dlopen() has loaded, and what belongs to it.  A value.
struct loaded_object {
  void* handle = nullptr;
  std::uint64_t base = 0;
  std::uint64_t part = 0;  // somewhere in it that is mapped from its file
  void* whole = nullptr;   // the mapping of its whole file
  std::size_t size = 0;
  bool stays = false;  // as format::state_stays

  // dlclose(), and the mapping is gone even if others keep the object loaded.
  // Null: it is unloaded.  Otherwise why not, in words that are static: it must
  // not be, and then the mapping stays, too, or the dynamic linker keeps it.
  const char* give_back() noexcept;

 private:
  [[nodiscard]] bool is_there() const noexcept;
};

class opened_object {
 public:
  opened_object() noexcept = default;
  opened_object(const opened_object&) = delete;
  opened_object& operator=(const opened_object&) = delete;
  ~opened_object();

  // HP_UNREADABLE, HP_UNSUPPORTED, HP_DENIED, HP_NO_MEMORY.
  [[nodiscard]] hp_status open(patch_file& patch) noexcept;

  // Null, or why it stays loaded if it is given back now.
  [[nodiscard]] const char* give_back() noexcept { return object_.give_back(); }

  // After the imports were bound.  HP_DENIED: its destructors cannot be made
  // known to the dynamic linker.
  [[nodiscard]] hp_status construct(patch_file& patch) noexcept;

  [[nodiscard]] std::uint64_t base() const noexcept { return object_.base; }
  [[nodiscard]] const loaded_object& object() const noexcept { return object_; }
  // Its new owner gives it back.
  void release() noexcept { object_ = {}; }

 private:
  [[nodiscard]] hp_status load(patch_file& patch, int file,
                               const char* place) noexcept;
  [[nodiscard]] bool is_same(patch_file& patch) const noexcept;
  [[nodiscard]] bool has_bytes(patch_file& patch,
                               const memory_range& wanted) const noexcept;

  loaded_object object_;
  held_constructors held_;
};

// Stores into data of an object that is not in use yet, also where it is
// read-only (parts of RELRO segments); the protection is what it was,
// afterwards. HP_DENIED: the system forbids it.  The words name `label`.
[[nodiscard]] hp_status store_data(
    const char* label, std::span<const import_store> stores) noexcept;

}  // namespace hotpatch

#endif
