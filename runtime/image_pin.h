// A reference that keeps the shared object with a replacement loaded.
//
// Made before the library's lock is taken, because it takes the dynamic
// loader's: the loader's lock comes first, for a constructor, which runs under
// it, may call the library.
//
// SPDX-License-Identifier: MIT
#ifndef HOTPATCH_RUNTIME_IMAGE_PIN_H
#define HOTPATCH_RUNTIME_IMAGE_PIN_H

#include <cstdint>

namespace hotpatch {

class image_pin {
 public:
  // Holds nothing if `address` lies in the executable or in no image, or if the
  // program is static.
  explicit image_pin(std::uint64_t address) noexcept;
  image_pin(const image_pin&) = delete;
  image_pin& operator=(const image_pin&) = delete;
  ~image_pin();

  // From now on the object stays loaded until the process ends: a thread may
  // be inside the replacement at any time.
  void keep() noexcept { handle_ = nullptr; }

 private:
  void* handle_ = nullptr;
};

}  // namespace hotpatch

#endif
