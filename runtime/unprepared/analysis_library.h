// libhotpatch-unprepared, the library with the disassembler, loaded when a
// function without a site is asked for.
//
// Any thread.  Loading it takes the dynamic linker's lock, so it must not
// happen under a lock of this library, nor while threads stand.
//
// SPDX-License-Identifier: MIT
#ifndef HOTPATCH_RUNTIME_ANALYSIS_LIBRARY_H
#define HOTPATCH_RUNTIME_ANALYSIS_LIBRARY_H

#include "runtime/unprepared/interface.h"

namespace hotpatch {

// Its functions, loaded once and never unloaded.  Null: it is not there, and
// hp_error_message() says what to install (HP_UNSUPPORTED).
[[nodiscard]] const unprepared_interface* load_analysis_library() noexcept;

// An object file that is being looked at.
class analysed_object {
 public:
  analysed_object() noexcept = default;
  analysed_object(const analysed_object&) = delete;
  analysed_object& operator=(const analysed_object&) = delete;
  ~analysed_object() { close(); }

  // The bytes of the file must outlive this.  HP_UNSUPPORTED without the
  // library; HP_UNREADABLE, HP_MALFORMED, HP_NO_MEMORY.
  [[nodiscard]] hp_status open(const char* label, const void* bytes,
                               std::size_t size) noexcept;
  void close() noexcept;

  [[nodiscard]] bool is_open() const noexcept { return object_ != nullptr; }
  [[nodiscard]] std::size_t count() const noexcept
  {
    return library_->count(object_);
  }
  [[nodiscard]] unprepared_function describe(std::size_t index) const noexcept
  {
    unprepared_function found;
    library_->describe(object_, index, &found);
    return found;
  }
  [[nodiscard]] const char* other_name(std::size_t index,
                                       std::size_t number) const noexcept
  {
    return library_->other_name(object_, index, number);
  }
  [[nodiscard]] std::size_t at(std::uint64_t address) const noexcept
  {
    return library_->at(object_, address);
  }

 private:
  const unprepared_interface* library_ = nullptr;
  unprepared_object* object_ = nullptr;
};

}  // namespace hotpatch

#endif
