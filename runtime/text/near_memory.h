// Eight-byte cells near an image, through which far jumps read their target.
//
// Owns the cells' pages: data, never executable, mapped within the reach of a
// 32-bit displacement, and read-only except while a cell changes, so that no
// stray write can bend a jump.  Used under the library's lock.
//
// SPDX-License-Identifier: MIT
#ifndef HOTPATCH_RUNTIME_NEAR_MEMORY_H
#define HOTPATCH_RUNTIME_NEAR_MEMORY_H

#include <cstddef>
#include <cstdint>

#include "runtime/base/array.h"
#include "runtime/sites/site.h"
#include "runtime/text/encode.h"

namespace hotpatch {

class near_memory {
 public:
  // The address of a free cell that the site's far jump reaches; 0: there is
  // no memory, or no gap near enough.
  std::uint64_t take_cell(const site_code& site) noexcept;

  // Gives back a cell that no jump reads any more.
  void give_back(std::uint64_t cell) noexcept;

 private:
  static constexpr std::size_t cells_per_page = 512;

  struct page {
    std::uint64_t address;
    std::uint64_t used[cells_per_page / 64];
  };

  static std::uint64_t take_from(page& from) noexcept;

  array<page> pages_;
};

// Executable memory near an image, for stubs and relocated beginnings of
// functions without a site.  Mapped readable and executable, zeros at first,
// and written like program text (text_writer.h), so that it is never writable
// without being executable.  What is taken is never given back: a thread may be
// in it at any time.
class near_code {
 public:
  // The address of `size` bytes, at a multiple of 16, that code at `around`
  // reaches; 0: there is no memory, or no gap near enough.
  std::uint64_t take(std::uint64_t around, std::size_t size) noexcept;

 private:
  struct block {
    std::uint64_t address;
    std::uint64_t used;
  };
  array<block> blocks_;
};

// The cell that the site's pad jumps through already, because another process
// has changed the site by tracing this one (outside/site_switch.h) and taken
// that back; 0: there is none.  A thread may still be in the pad, so it stays,
// and the library goes on with the cell.  Such cells lie in pages like those of
// near_memory: private, without a file, read-only.
[[nodiscard]] std::uint64_t cell_from_outside(const site_code& site,
                                              const far_pad& pad) noexcept;

// Cells that may be written to between open() and close().
class cell_window {
 public:
  cell_window() noexcept = default;
  cell_window(const cell_window&) = delete;
  cell_window& operator=(const cell_window&) = delete;
  ~cell_window() { close(); }

  // False: no memory.
  [[nodiscard]] bool add(std::uint64_t cell) noexcept;

  // All of them or none: false, and errno tells why.  Never allocates.
  [[nodiscard]] bool open() noexcept;
  void close() noexcept;

  // One aligned store; a thread that jumps then reads the old target or
  // the new one.
  static void store(std::uint64_t cell, std::uint64_t target) noexcept;

 private:
  // Pages side by side, which change their protection in one call.
  struct run {
    std::uint64_t begin;
    std::uint64_t end;
  };

  static bool protect(const run& pages, int protection) noexcept;

  array<run> runs_;
  std::size_t opened_ = 0;
};

}  // namespace hotpatch

#endif
