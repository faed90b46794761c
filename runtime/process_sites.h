// The sites of every image loaded in this process, found by name or address.
//
// Owns the invariant that a site it returns belongs to an image that was loaded
// at the last refresh().  One object per process, used under the library's
// lock.
//
// SPDX-License-Identifier: MIT
#ifndef HOTPATCH_RUNTIME_PROCESS_SITES_H
#define HOTPATCH_RUNTIME_PROCESS_SITES_H

#include <cstddef>
#include <cstdint>

#include "runtime/include/hotpatch.h"
#include "runtime/site.h"

namespace hotpatch {

// A site together with the image that it lies in.
struct located_site {
  hotpatch::site site;
  const char* image_path = "";   // "/usr/bin/server"
  std::uint64_t image_id = 0;    // never reused: tells a reloaded image apart
};

class process_sites {
 public:
  // Takes notice of images that came or went since the last call; costs two
  // counter comparisons when there were none.  An image whose section is
  // damaged or whose file cannot be read is remembered as such and does not
  // fail the call: find() reports it when it looked for a name in vain.
  hp_status refresh() noexcept;

  // By assembler name, demangled signature, demangled name without parameters,
  // or "file.c:name".  HP_NOT_FOUND, HP_AMBIGUOUS (candidates in the message),
  // HP_MALFORMED, HP_UNREADABLE.
  hp_status find(const char* name, located_site& found) noexcept;

  // The site whose symbol is at `address`; false if there is none.
  bool find_symbol(std::uint64_t address, located_site& found) noexcept;

  // True while the image with that id is loaded.
  bool loaded(std::uint64_t image_id) const noexcept;

  std::size_t count() const noexcept;

  // Image by image, by ascending address; stops when visit returns false.
  using visitor = bool (*)(const located_site&, void* data);
  void for_each(visitor visit, void* data) noexcept;
};

}  // namespace hotpatch

#endif
