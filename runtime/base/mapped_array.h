// A growing array in pages of its own, usable while other threads stand still.
//
// A stopped thread may hold the allocator's lock, so what grows during a stop
// takes its memory from the kernel.  Owned by one object at a time; no locking.
//
// SPDX-License-Identifier: MIT
#ifndef HOTPATCH_RUNTIME_MAPPED_ARRAY_H
#define HOTPATCH_RUNTIME_MAPPED_ARRAY_H

#include <cstddef>
#include <cstdint>
#include <type_traits>

#include <sys/mman.h>

#include "runtime/base/system_call.h"

namespace hotpatch {

template <typename T>
class mapped_array {
  static_assert(std::is_trivially_copyable_v<T>);

 public:
  constexpr mapped_array() noexcept = default;
  mapped_array(const mapped_array&) = delete;
  mapped_array& operator=(const mapped_array&) = delete;
  ~mapped_array()
  {
    if (capacity_ != 0)
      system_call(SYS_munmap, elements_, bytes(capacity_));
  }

  // False: no memory, and nothing has changed.
  [[nodiscard]] bool reserve(std::size_t wanted) noexcept
  {
    if (wanted <= capacity_)
      return true;
    if (wanted > SIZE_MAX / 4 / sizeof(T))
      return false;
    const std::size_t size = bytes(wanted);
    const long at = capacity_ == 0
                        ? system_call(SYS_mmap, 0, size, PROT_READ | PROT_WRITE,
                                      MAP_PRIVATE | MAP_ANONYMOUS, -1)
                        : system_call(SYS_mremap, elements_, bytes(capacity_),
                                      size, MREMAP_MAYMOVE);
    if (at < 0)
      return false;
    elements_ = reinterpret_cast<T*>(at);
    capacity_ = size / sizeof(T);
    return true;
  }

  [[nodiscard]] bool append(const T& element) noexcept
  {
    const T copy = element;  // it may be an element of this very array
    if (size_ == capacity_ && !reserve(capacity_ * 2 + 1))
      return false;
    elements_[size_++] = copy;
    return true;
  }

  // New elements hold what was in the memory, at first zeros.
  [[nodiscard]] bool resize(std::size_t wanted) noexcept
  {
    if (!reserve(wanted))
      return false;
    size_ = wanted;
    return true;
  }

  void remove_last() noexcept { --size_; }
  void clear() noexcept { size_ = 0; }

  [[nodiscard]] std::size_t size() const noexcept { return size_; }
  [[nodiscard]] bool empty() const noexcept { return size_ == 0; }
  [[nodiscard]] T* data() noexcept { return elements_; }
  [[nodiscard]] T& operator[](std::size_t i) noexcept { return elements_[i]; }
  [[nodiscard]] const T& operator[](std::size_t i) const noexcept
  {
    return elements_[i];
  }
  [[nodiscard]] T* begin() noexcept { return elements_; }
  [[nodiscard]] T* end() noexcept { return elements_ + size_; }
  [[nodiscard]] const T* begin() const noexcept { return elements_; }
  [[nodiscard]] const T* end() const noexcept { return elements_ + size_; }

 private:
  static constexpr std::size_t page = 4096;
  static constexpr std::size_t bytes(std::size_t count) noexcept
  {
    return (count * sizeof(T) + page - 1) / page * page;
  }

  T* elements_ = nullptr;
  std::size_t size_ = 0;
  std::size_t capacity_ = 0;
};

}  // namespace hotpatch

#endif
