// A patch object in this process's memory, given back unless it is kept.
//
// Owns the promise that what was checked is what is loaded: the dynamic linker
// may have another file under the same path, an older one or one that was
// exchanged meanwhile.  Any thread, without the library's lock: it takes the
// dynamic loader's.
//
// SPDX-License-Identifier: MIT
#ifndef HOTPATCH_RUNTIME_OPENED_OBJECT_H
#define HOTPATCH_RUNTIME_OPENED_OBJECT_H

#include <cstdint>

#include "runtime/include/hotpatch.h"
#include "runtime/objects/patch_file.h"

namespace hotpatch {

class opened_object {
 public:
  opened_object() noexcept = default;
  opened_object(const opened_object&) = delete;
  opened_object& operator=(const opened_object&) = delete;
  ~opened_object();

  // `file`: the absolute path by which this process has the file.
  // HP_UNREADABLE, HP_UNSUPPORTED.
  [[nodiscard]] hp_status open(patch_file& patch, const char* file) noexcept;

  [[nodiscard]] std::uint64_t base() const noexcept { return base_; }
  [[nodiscard]] void* handle() const noexcept { return handle_; }
  // Somebody else gives it back.
  void release() noexcept { handle_ = nullptr; }

 private:
  [[nodiscard]] hp_status open_path(patch_file& patch,
                                    const char* path) noexcept;
  [[nodiscard]] bool is_same(patch_file& patch) const noexcept;
  [[nodiscard]] bool has_bytes(const memory_range& wanted) const noexcept;

  void* handle_ = nullptr;
  std::uint64_t base_ = 0;
};

}  // namespace hotpatch

#endif
