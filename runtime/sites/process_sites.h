// The sites of every image loaded in this process, found by name or address.
//
// Owns the invariant that a site it returns belongs to an image that was loaded
// when the call was made: every call first takes notice of what came and went,
// and holds the loader while it reads, so that a dlclose in another thread
// cannot take the memory away.  One object per process, used under the
// library's lock.
//
// SPDX-License-Identifier: MIT
#ifndef HOTPATCH_RUNTIME_PROCESS_SITES_H
#define HOTPATCH_RUNTIME_PROCESS_SITES_H

#include <cstddef>
#include <cstdint>

#include "runtime/include/hotpatch.h"
#include "runtime/sites/images.h"
#include "runtime/sites/site.h"

namespace hotpatch {

// A site together with the image that it lies in.
struct located_site {
  hotpatch::site site;
  const char* image_path = "";  // "/usr/bin/server"
  std::uint64_t image_id = 0;   // never reused: tells a reloaded image apart
};

// Where the last of many names was found.  Mostly the next one is that of the
// record after it, which is then known without a search.
class name_place {
 public:
  name_place() noexcept : reader_({}, {}) {}

 private:
  friend class process_sites;
  // Null: nothing was found yet, or several images have sites.
  const loaded_image* image_ = nullptr;
  record_reader reader_;
  std::uint32_t cursor_ = 0;
};

class process_sites {
 public:
  constexpr process_sites() noexcept = default;

  // Takes notice of images that came or went since the last call; costs two
  // counter comparisons when there were none.  An image whose section is
  // damaged or whose file cannot be read does not fail the call: find()
  // reports it when it looked for a name in vain.  HP_NO_MEMORY.
  [[nodiscard]] hp_status refresh() noexcept;

  // By assembler name, demangled signature, demangled name without parameters,
  // or "file.c:name"; "libfoo.so!" before any of them means that image only.
  // HP_NOT_FOUND, HP_AMBIGUOUS (candidates in the message), HP_MALFORMED,
  // HP_UNREADABLE, HP_INVALID, HP_NO_MEMORY.
  [[nodiscard]] hp_status find(const char* name, located_site& found) noexcept;

  // The same for one of many names: refresh() was called, and the loader has
  // been held since, and before the first use of `place`.
  [[nodiscard]] hp_status find_held(const char* name, located_site& found,
                                    name_place& place) noexcept;

  // The same, but "NAME#all" finds several.
  [[nodiscard]] hp_status find_all_held(const char* name,
                                        array<located_site>& found) noexcept;

  // The site whose symbol is at `address`; false if there is none.
  [[nodiscard]] bool find_symbol(std::uint64_t address,
                                 located_site& found) noexcept;

  // True while the image with that id is loaded, as of the last refresh.
  [[nodiscard]] bool loaded(std::uint64_t image_id) const noexcept;

  // Not counting further names of a site.
  [[nodiscard]] std::size_t count() noexcept;

  // Image by image, by ascending address; stops when visit returns false.  The
  // loader is held for that: the visitor must not call dlopen or dlclose.
  using visitor = bool (*)(const located_site&, void* data);
  void for_each(visitor visit, void* data) noexcept;

  // As of the last refresh.
  images& all_images() noexcept { return images_; }

 private:
  [[nodiscard]] bool find_behind(const char* name, located_site& found,
                                 name_place& place) noexcept;
  [[nodiscard]] bool find_assembler_name(const char* name, located_site& found,
                                         name_place& place) noexcept;
  template <typename Look>
  void for_each_image(Look look) noexcept;

  images images_;
};

}  // namespace hotpatch

#endif
