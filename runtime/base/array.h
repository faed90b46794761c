// A growing array: what the runtime uses in place of std::vector, which would
// bring a C++ runtime and exceptions into C programs.
//
// Owns its memory, from malloc() or, as mapped_array.h has it, from the kernel;
// running out of it is a return value.  Elements are moved as bytes, so they
// must be trivially copyable.  Not synchronised.
//
// SPDX-License-Identifier: MIT
#ifndef HOTPATCH_RUNTIME_ARRAY_H
#define HOTPATCH_RUNTIME_ARRAY_H

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <type_traits>
#include <utility>

namespace hotpatch {

// Where the memory comes from.  grow() gives at least `bytes`, which begin with
// what was in `old`, and says how many they are; null: there are none, and
// `old` is as it was.
struct heap_memory {
  static constexpr std::size_t largest_element = SIZE_MAX;
  static void* grow(void* old, std::size_t, std::size_t& bytes) noexcept
  {
    return std::realloc(old, bytes);
  }
  static void give_back(void* memory, std::size_t) noexcept
  {
    std::free(memory);
  }
};

template <typename T, typename Memory = heap_memory>
class array {
  static_assert(std::is_trivially_copyable_v<T>);
  static_assert(sizeof(T) <= Memory::largest_element);

 public:
  constexpr array() noexcept = default;
  array(const array&) = delete;
  array& operator=(const array&) = delete;
  array(array&& other) noexcept { swap(other); }
  array& operator=(array&& other) noexcept
  {
    swap(other);
    return *this;
  }
  ~array() { Memory::give_back(elements_, capacity_ * sizeof(T)); }

  void swap(array& other) noexcept
  {
    std::swap(elements_, other.elements_);
    std::swap(size_, other.size_);
    std::swap(capacity_, other.capacity_);
  }

  // False: no memory, and nothing has changed.
  [[nodiscard]] bool reserve(std::size_t wanted) noexcept
  {
    if (wanted <= capacity_)
      return true;
    if (wanted > SIZE_MAX / 4 / sizeof(T))
      return false;
    std::size_t bytes = wanted * sizeof(T);
    void* moved = Memory::grow(static_cast<void*>(elements_),
                               capacity_ * sizeof(T), bytes);
    if (!moved)
      return false;
    elements_ = static_cast<T*>(moved);
    capacity_ = bytes / sizeof(T);
    return true;
  }

  [[nodiscard]] bool append(const T& element) noexcept
  {
    if (size_ == capacity_)
      return grow_and_append(element);
    elements_[size_++] = element;
    return true;
  }

  // A new element, value-initialised, for the caller to fill in where it is;
  // there must be room.
  [[nodiscard]] T& append_in_place() noexcept
  {
    return elements_[size_++] = T{};
  }

  // Makes the size `wanted`; new elements are value-initialised.
  [[nodiscard]] bool resize(std::size_t wanted) noexcept
  {
    if (!reserve(wanted))
      return false;
    for (std::size_t i = size_; i < wanted; ++i)
      elements_[i] = T{};
    size_ = wanted;
    return true;
  }

  void truncate(std::size_t size) noexcept { size_ = size; }

  // Keeps the order of the others.
  void remove(std::size_t index) noexcept
  {
    for (std::size_t i = index + 1; i < size_; ++i)
      elements_[i - 1] = elements_[i];
    --size_;
  }

  void clear() noexcept { size_ = 0; }

  [[nodiscard]] std::size_t size() const noexcept { return size_; }
  [[nodiscard]] bool empty() const noexcept { return size_ == 0; }
  [[nodiscard]] T* data() noexcept { return elements_; }
  [[nodiscard]] const T* data() const noexcept { return elements_; }
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
  // The element may be one of these.
  [[nodiscard]] bool grow_and_append(const T& element) noexcept
  {
    const T copy = element;
    if (!reserve(capacity_ ? capacity_ * 2 : 8))
      return false;
    elements_[size_++] = copy;
    return true;
  }

  T* elements_ = nullptr;
  std::size_t size_ = 0;
  std::size_t capacity_ = 0;
};

// Makes `into` a NUL-terminated copy of `text`; false: no memory.
[[nodiscard]] inline bool assign_text(array<char>& into,
                                      const char* text) noexcept
{
  const std::size_t size = std::strlen(text) + 1;
  if (!into.resize(size))
    return false;
  std::memcpy(into.data(), text, size);
  return true;
}

}  // namespace hotpatch

#endif
