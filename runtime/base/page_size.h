// The size of a page of memory.
//
// SPDX-License-Identifier: MIT
#ifndef HOTPATCH_RUNTIME_PAGE_SIZE_H
#define HOTPATCH_RUNTIME_PAGE_SIZE_H

#include <cstdint>

namespace hotpatch {

// In bytes: x86-64 has no other small page (AMD64 APM volume 2, section 5.1).
// Huge pages are multiples of it.
inline constexpr std::uint64_t page_size = 4096;

}  // namespace hotpatch

#endif
