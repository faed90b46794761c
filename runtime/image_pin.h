// A reference that keeps the shared object with a replacement loaded.
//
// Made without the library's lock, because it takes the dynamic loader's: the
// loader's lock comes first, for a constructor, which runs under it, may call
// the library.
//
// SPDX-License-Identifier: MIT
#ifndef HOTPATCH_RUNTIME_IMAGE_PIN_H
#define HOTPATCH_RUNTIME_IMAGE_PIN_H

#include <climits>
#include <cstdint>

namespace hotpatch {

// The shared object that an address lies in.
struct image_owner {
  // Empty: the executable, a static program, or no image.
  char path[PATH_MAX] = "";

  // Called with the library's lock held.
  void find(std::uint64_t address) noexcept;
};

class image_pin {
 public:
  image_pin() noexcept = default;
  image_pin(const image_pin&) = delete;
  image_pin& operator=(const image_pin&) = delete;
  ~image_pin();

  void take(const image_owner& owner) noexcept;

  // From now on the object stays loaded until the process ends: a thread may
  // be inside the replacement at any time.
  void keep() noexcept { handle_ = nullptr; }

 private:
  void* handle_ = nullptr;
};

}  // namespace hotpatch

#endif
