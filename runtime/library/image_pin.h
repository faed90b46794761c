// References that keep the shared objects with replacements loaded.
//
// An object has one reference in kept_images while code of it is, or may be, in
// use; image_release.h gives it back.
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

#include "runtime/base/array.h"
#include "runtime/include/hotpatch.h"

namespace hotpatch {

// Handles of dlopen(), under the library's lock.
class kept_images {
 public:
  constexpr kept_images() noexcept = default;

  [[nodiscard]] bool reserve(std::size_t more) noexcept
  {
    return images_.reserve(images_.size() + more);
  }
  // There is memory for it.  False: there was one to the same object already.
  bool keep(std::uint64_t address, void* handle) noexcept;
  // Takes the reference to the object in [begin, end) out; null: there is none.
  void* take(std::uint64_t begin, std::uint64_t end) noexcept;

 private:
  struct image {
    std::uint64_t address;  // somewhere in it
    void* handle;
  };
  array<image> images_;
};

class image_pins {
 public:
  image_pins() noexcept = default;
  image_pins(const image_pins&) = delete;
  image_pins& operator=(const image_pins&) = delete;
  ~image_pins();

  // Notes the shared object that an address lies in, if there is one.
  // HP_NO_MEMORY.
  [[nodiscard]] hp_status note(std::uint64_t address) noexcept;

  // Takes a reference to each.
  void take() noexcept;

  std::size_t size() const noexcept { return images_.size(); }

  // Whether the object that the address lies in cannot be unloaded now: there
  // is a reference, or it is the program itself.
  bool hold(std::uint64_t address) const noexcept;

  // From now on the objects stay loaded: a thread may be inside a replacement
  // at any time.  Called with the library's lock held; `kept` has memory for
  // them.
  void keep(kept_images& kept) noexcept;

 private:
  struct image {
    std::uint64_t begin;  // the segment that an address was found in
    std::uint64_t size;
    std::uint64_t bias;  // of the object, unless it is elsewhere
    char* path;          // null: never unloaded, or elsewhere
    void* handle;
    bool elsewhere;  // in another namespace, dlmopen(3), or in no object
  };
  struct owner_search;

  static void* open_named(const image& wanted) noexcept;
  static void* open_elsewhere(std::uint64_t address) noexcept;
  static int find(dl_phdr_info* info, std::size_t size, void* data) noexcept;

  array<image> images_;
};

// dlopen(), where there is a dynamic loader; without the library's lock.
[[nodiscard]] bool can_open_images() noexcept;
[[nodiscard]] void* open_image(const char* path, int flags) noexcept;

// Gives a reference back, without the library's lock.  Null: nothing to do.
void close_image(void* handle) noexcept;

}  // namespace hotpatch

#endif
