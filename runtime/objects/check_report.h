// What the checks of a patch object have found, one finding after the other.
//
// The first failure is the result, with its words in hp_error_message(); who
// wants to know all of them gives a listener.  Used by one thread at a time.
//
// SPDX-License-Identifier: MIT
#ifndef HOTPATCH_RUNTIME_CHECK_REPORT_H
#define HOTPATCH_RUNTIME_CHECK_REPORT_H

#include "runtime/include/hotpatch.h"

namespace hotpatch {

class check_report {
 public:
  using listener = void (*)(hp_status status, const char* message, void* data);

  check_report() noexcept = default;
  check_report(listener listen, void* data) noexcept
      : listen_(listen), data_(data)
  {
  }
  check_report(const check_report&) = delete;
  check_report& operator=(const check_report&) = delete;

  // Findings of this kind are told, but they are no failures.
  void tolerate(hp_status status) noexcept { tolerated_ = status; }

  // Takes a status and the words that its fail() has just left.
  void add(hp_status status) noexcept;

  // HP_OK, or the first failure, its words set again.
  [[nodiscard]] hp_status result() const noexcept;

 private:
  listener listen_ = nullptr;
  void* data_ = nullptr;
  hp_status first_ = HP_OK;
  hp_status tolerated_ = HP_OK;
  char words_[1024] = "";
};

}  // namespace hotpatch

#endif
