// Loading patch objects into this process, and unloading them.
//
// Any thread, without the library's lock: it takes the dynamic loader's.  All
// that can be checked on the file is checked before the object is loaded,
// because loading runs its constructors.
//
// SPDX-License-Identifier: MIT
#ifndef HOTPATCH_RUNTIME_PATCH_LOADER_H
#define HOTPATCH_RUNTIME_PATCH_LOADER_H

#include <cstdlib>

#include "runtime/base/status.h"
#include "runtime/include/hotpatch.h"
#include "runtime/objects/check_report.h"

namespace hotpatch {

// A path as it is from the root, so that a patch object is found again whatever
// directory the process goes to.
class whole_path {
 public:
  // False afterwards if there is no such file; errno says why.
  explicit whole_path(const char* path) noexcept
      : text_(realpath(path, nullptr))
  {
  }
  whole_path(const whole_path&) = delete;
  whole_path& operator=(const whole_path&) = delete;
  ~whole_path() { std::free(text_); }

  explicit operator bool() const noexcept { return text_ != nullptr; }
  const char* text() const noexcept { return text_; }

 private:
  char* text_;
};

// Where a patch object is.
struct patch_source {
  const char* label;  // what people call it: absolute, names it to hp_unload()
  int descriptor;     // of the open file; -1: `label` leads there
};

// All checks of the file against this process; nothing is loaded.
[[nodiscard]] hp_status check_patch_object(const patch_source& source,
                                           check_report& report) noexcept;

struct load_options {
  hp_commit_options commit;
  bool patch_chooses_level;  // if it states one
};

[[nodiscard]] hp_status load_patch_object(const call_context& call,
                                          const patch_source& source,
                                          const load_options& options) noexcept;

[[nodiscard]] hp_status unload_patch_object(
    const call_context& call, const char* name,
    const hp_commit_options& options) noexcept;

}  // namespace hotpatch

#endif
