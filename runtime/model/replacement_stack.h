// The replacements of one site, the newest last: calls go to the newest one,
// and to the original if there is none.  It is the only place that says so, for
// the library and for tools that change another process.
//
// Owns its memory; running out of it is a return value.  Nearly every site has
// one replacement or none, so the first one needs no memory of its own: a
// transaction over all sites of a program then allocates for none of them.
// Not synchronised.
//
// SPDX-License-Identifier: MIT
#ifndef HOTPATCH_RUNTIME_REPLACEMENT_STACK_H
#define HOTPATCH_RUNTIME_REPLACEMENT_STACK_H

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <utility>

namespace hotpatch {

// No patch's id.
inline constexpr std::uint64_t no_patch = 0;

// One entry of a site's stack.
struct replacement {
  std::uint64_t target = 0;
  std::uint64_t patch = no_patch;  // the id of the named patch it belongs to
};

class replacement_stack {
 public:
  constexpr replacement_stack() noexcept = default;
  replacement_stack(const replacement_stack&) = delete;
  replacement_stack& operator=(const replacement_stack&) = delete;
  ~replacement_stack()
  {
    if (capacity_ > 1)
      std::free(place_.many);
  }

  // False: no memory, and nothing has changed.
  [[nodiscard]] bool assign(const replacement_stack& other) noexcept
  {
    if (other.size_ > capacity_ && !reserve(other.size_))
      return false;
    size_ = other.size_;
    if (other.capacity_ == 1)  // the usual case needs no loop
      *begin() = other.place_.one;
    else
      std::copy(other.begin(), other.end(), begin());
    return true;
  }
  [[nodiscard]] bool append(const replacement& added) noexcept
  {
    if (size_ == capacity_)
      return grow_and_append(added);
    begin()[size_++] = added;
    return true;
  }

  void remove(std::size_t at) noexcept
  {
    for (std::size_t i = at + 1; i < size_; ++i)
      begin()[i - 1] = begin()[i];
    --size_;
  }

  void truncate(std::size_t size) noexcept
  {
    size_ = static_cast<std::uint32_t>(size);
  }
  void clear() noexcept { size_ = 0; }

  void swap(replacement_stack& other) noexcept
  {
    std::swap(place_, other.place_);
    std::swap(size_, other.size_);
    std::swap(capacity_, other.capacity_);
  }

  [[nodiscard]] std::size_t size() const noexcept { return size_; }
  [[nodiscard]] bool empty() const noexcept { return size_ == 0; }
  [[nodiscard]] const replacement& newest() const noexcept
  {
    return begin()[size_ - 1];
  }
  // What calls are sent to; 0: the original.
  [[nodiscard]] std::uint64_t active() const noexcept
  {
    return empty() ? 0 : newest().target;
  }
  [[nodiscard]] const replacement& operator[](std::size_t i) const noexcept
  {
    return begin()[i];
  }
  [[nodiscard]] replacement* begin() noexcept
  {
    return capacity_ > 1 ? place_.many : &place_.one;
  }
  [[nodiscard]] replacement* end() noexcept { return begin() + size_; }
  [[nodiscard]] const replacement* begin() const noexcept
  {
    return capacity_ > 1 ? place_.many : &place_.one;
  }
  [[nodiscard]] const replacement* end() const noexcept
  {
    return begin() + size_;
  }

 private:
  // The replacement may be one of these.
  [[nodiscard]] bool grow_and_append(const replacement& added) noexcept
  {
    const replacement copy = added;
    if (!reserve(2 * std::size_t{capacity_}))
      return false;
    begin()[size_++] = copy;
    return true;
  }
  [[nodiscard]] bool reserve(std::size_t wanted) noexcept
  {
    auto* larger =
        static_cast<replacement*>(std::malloc(wanted * sizeof(replacement)));
    if (larger == nullptr)
      return false;
    std::copy(begin(), end(), larger);
    if (capacity_ > 1)
      std::free(place_.many);
    place_.many = larger;
    capacity_ = static_cast<std::uint32_t>(wanted);
    return true;
  }

  union {
    replacement one = {};
    replacement* many;
  } place_;
  std::uint32_t size_ = 0;
  std::uint32_t capacity_ = 1;  // 1: the only one is in here
};

}  // namespace hotpatch

#endif
