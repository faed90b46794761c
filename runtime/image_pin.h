// References that keep the shared objects with replacements loaded.
//
// Made without the library's lock, because it takes the dynamic loader's: the
// loader's lock comes first, for a constructor, which runs under it, may call
// the library.
//
// SPDX-License-Identifier: MIT
#ifndef HOTPATCH_RUNTIME_IMAGE_PIN_H
#define HOTPATCH_RUNTIME_IMAGE_PIN_H

#include <cstdint>
#include <link.h>

#include "runtime/array.h"
#include "runtime/include/hotpatch.h"

namespace hotpatch {

class image_pins {
 public:
  image_pins() noexcept = default;
  image_pins(const image_pins&) = delete;
  image_pins& operator=(const image_pins&) = delete;
  ~image_pins();

  // Notes the shared object that an address lies in, if there is one.  Called
  // with the library's lock held.  HP_NO_MEMORY.
  [[nodiscard]] hp_status note(std::uint64_t address) noexcept;

  // Takes a reference to each.
  void take() noexcept;

  // From now on the objects stay loaded until the process ends: a thread may
  // be inside a replacement at any time.
  void keep() noexcept;

 private:
  struct image {
    std::uint64_t begin;  // the segment that an address was found in
    std::uint64_t size;
    char* path;  // null: never unloaded
    void* handle;
  };
  struct owner_search;

  static int find(dl_phdr_info* info, std::size_t size, void* data) noexcept;

  array<image> images_;
};

}  // namespace hotpatch

#endif
