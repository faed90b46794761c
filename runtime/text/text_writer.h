// How bytes get into program text, and the window in which they may.
//
// Owns two invariants.  Text is executable at every moment, because other
// threads run in it: a window is readable, writable and executable, never
// writable only.  And text has the same protection after a window as before
// it.  Used under the library's lock; nothing is allocated inside a window.
//
// SPDX-License-Identifier: MIT
#ifndef HOTPATCH_RUNTIME_TEXT_WRITER_H
#define HOTPATCH_RUNTIME_TEXT_WRITER_H

#include <cstddef>
#include <cstdint>

#include "runtime/base/array.h"
#include "runtime/base/file_descriptor.h"
#include "runtime/base/memory_map.h"
#include "runtime/base/page_size.h"
#include "runtime/include/hotpatch.h"

namespace hotpatch {

enum class writer_kind {
  // mprotect to RWX and an ordinary store at the address that is executed:
  // eight aligned bytes become visible at once.
  rwx_window,
  // /proc/thread-self/mem, which writes to read-only memory as a debugger does.
  // How
  // the kernel copies eight bytes is not documented, so only protocols whose
  // commit is a single byte may use it.
  proc_mem,
  // Neither is allowed here.
  none,
};

class text_writer {
 public:
  // Finds out on a scratch page of its own, never on text, what is allowed;
  // the answer is kept, unless it came from a shortage.
  writer_kind kind() noexcept;

  // "rwx-window", "proc-mem" or "none".
  const char* name() noexcept;

  // Why it is not the one before it in the list; "" for rwx_window.
  const char* reason() noexcept;

  // The system refused an RWX window on real text although it had allowed one
  // before: uses /proc/thread-self/mem from now on, if that works.
  void demote(int error) noexcept;

 private:
  void choose_second(const char* why, int error) noexcept;

  bool chosen_ = false;
  writer_kind kind_ = writer_kind::none;
  char reason_[256] = "";
};

// Text that may be written to between open() and close(): the pages of many
// places, each run of pages opened with one system call.
//
//     text_window text(kind);
//     text.add(begin, end)...                        may allocate
//     text.open(), stores, text.close()              never allocates
class text_window {
 public:
  explicit text_window(writer_kind kind) noexcept : kind_(kind) {}
  // One place, opened at once; error() tells how it went.
  text_window(writer_kind kind, std::uint64_t begin,
              std::uint64_t end) noexcept;
  text_window(const text_window&) = delete;
  text_window& operator=(const text_window&) = delete;
  ~text_window() { close(); }

  // The word, which is aligned, lies in what was added last.
  [[nodiscard]] bool covers_word(std::uint64_t address) const noexcept
  {
    return in_last_run(address, address + 1);
  }

  // A place inside one mapping, after those added before it.  False: it is not
  // program text.
  [[nodiscard]] bool add(std::uint64_t begin, std::uint64_t end) noexcept
  {
    return in_last_run(begin, end) || add_pages(begin, end);
  }

  // The same for a place in a loaded image's code, one of those that lie on a
  // few pages: that a page cannot be written to says how it is protected, and
  // reading /proc takes longer than all the rest of a small change.
  static constexpr std::uint64_t few = 4 * page_size;  // bytes
  [[nodiscard]] bool add_of_few(std::uint64_t begin, std::uint64_t end) noexcept
  {
    return in_last_run(begin, end) || add_unwritable(begin, end) ||
           add_pages(begin, end);
  }

  // All of it or nothing: false, and error() tells why.
  [[nodiscard]] bool open() noexcept;
  void close() noexcept;

  // 0, or the errno that tells why the window did not open; then nothing has
  // changed and nothing may be stored.
  int error() const noexcept { return error_; }

  // Text that close() could not protect again, which the system has to let us;
  // 0: none.
  std::uint64_t left_open() const noexcept { return left_open_; }

  // Eight bytes, aligned: with rwx_window one store, which cannot fail.  False:
  // not written, or in part; errno says why.
  bool store_word(std::uint64_t address, std::uint64_t word) noexcept;

  // Bytes that no thread executes, or a single byte.  False: not written.
  bool store_bytes(std::uint64_t address, const std::uint8_t* bytes,
                   std::size_t size) noexcept;

 private:
  struct run {
    std::uint64_t begin;  // page addresses
    std::uint64_t end;
    int protection;  // what to go back to
  };

  bool in_last_run(std::uint64_t begin, std::uint64_t end) const noexcept
  {
    if (runs_.empty())
      return false;
    const run& last = runs_[runs_.size() - 1];
    return begin >= last.begin && end <= last.end;
  }
  bool add_pages(std::uint64_t begin, std::uint64_t end) noexcept;
  bool add_unwritable(std::uint64_t begin, std::uint64_t end) noexcept;

  writer_kind kind_;
  memory_mapping mapping_;  // that of the last run
  array<run> runs_;
  std::size_t opened_ = 0;
  int error_ = 0;
  std::uint64_t left_open_ = 0;
  kept_descriptor memory_;  // /proc/thread-self/mem
};

}  // namespace hotpatch

#endif
