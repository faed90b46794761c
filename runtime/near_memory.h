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

#include "runtime/array.h"
#include "runtime/site.h"

namespace hotpatch {

class near_memory {
 public:
  // The address of a free cell that the site's far jump reaches; 0: there is
  // no memory, or no gap near enough.
  std::uint64_t take_cell(const site& site) noexcept;

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

// A cell that may be written to from construction to destruction; 0 stands for
// none, to which a store does nothing.
class cell_window {
 public:
  explicit cell_window(std::uint64_t cell) noexcept;
  cell_window(const cell_window&) = delete;
  cell_window& operator=(const cell_window&) = delete;
  ~cell_window();

  // False: nothing has changed and nothing may be stored.
  bool is_open() const noexcept { return open_; }

  // One aligned store; a thread that jumps meanwhile reads the old target or
  // the new one.
  void store(std::uint64_t target) noexcept;

 private:
  std::uint64_t cell_;
  bool open_;
};

}  // namespace hotpatch

#endif
