// The free memory nearest to code, for cells that its far jumps read.
//
// Pure: fed with the mappings of a process, of this one or another one, in
// ascending order.  What is found may be taken by the time it is mapped, so map
// it with MAP_FIXED_NOREPLACE and search again.  Used by one thread.
//
// SPDX-License-Identifier: MIT
#ifndef HOTPATCH_RUNTIME_NEAR_GAP_H
#define HOTPATCH_RUNTIME_NEAR_GAP_H

#include <algorithm>
#include <cstdint>

#include "runtime/base/page_size.h"

namespace hotpatch {

class near_gap {
 public:
  // For all sites whose symbols lie from `first` to `last`.  `margin` bytes
  // stay free below what follows the page, into which a stack may grow.
  near_gap(std::uint64_t first, std::uint64_t last,
           std::uint64_t margin) noexcept
      : first_(first),
        low_(std::max(lowest_page, last > reach ? last - reach : 0)),
        high_(std::min(address_space_end, first + reach)),
        margin_(margin),
        free_from_(low_)
  {
  }

  // The next mapping.  False: nothing better comes.
  bool pass(std::uint64_t begin, std::uint64_t end, bool is_stack) noexcept
  {
    const std::uint64_t gap_end = std::min(begin, high_);
    const std::uint64_t needed =
        margin_ != 0 ? 2 * margin_ + page_size : page_size;
    if (gap_end > free_from_ && gap_end - free_from_ >= needed) {
      const std::uint64_t page = (gap_end - margin_ - page_size) & -page_size;
      if (gap_end <= first_)
        below_ = page;
      else if (above_ == 0 && !is_stack)
        above_ = page;
    }
    free_from_ = std::max(free_from_, end);
    return above_ == 0 && free_from_ < high_;
  }
  // After the last mapping.
  void finish() noexcept { pass(address_space_end, address_space_end, false); }

  // The address of a page in the nearest gap below the code and in the one
  // above; 0: there is none.  Below comes first: what lies above a program is
  // its heap, which grows upwards.
  std::uint64_t below() const noexcept { return below_; }
  std::uint64_t above() const noexcept { return above_; }
  std::uint64_t best() const noexcept { return below_ != 0 ? below_ : above_; }

  // Kernel documentation, arch/x86/x86_64/mm.rst, 47-bit user space.
  static constexpr std::uint64_t address_space_end = 0x7ffffffff000;

  // In bytes, of a 32-bit distance, less what pads and a page take.
  static constexpr std::uint64_t reach = (std::uint64_t{1} << 31) - (1 << 20);

 private:
  static constexpr std::uint64_t lowest_page = 0x10000;  // vm.mmap_min_addr
  std::uint64_t first_;
  std::uint64_t low_;
  std::uint64_t high_;
  std::uint64_t margin_;
  std::uint64_t free_from_;
  std::uint64_t below_ = 0;
  std::uint64_t above_ = 0;
};

}  // namespace hotpatch

#endif
