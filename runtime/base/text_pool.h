// Copies of many short texts that are given back all at once.
//
// Owns its memory, a few large pieces of it; a copy stays where it is until the
// pool is gone.  Not synchronised.
//
// SPDX-License-Identifier: MIT
#ifndef HOTPATCH_RUNTIME_TEXT_POOL_H
#define HOTPATCH_RUNTIME_TEXT_POOL_H

#include <algorithm>
#include <cstddef>
#include <cstdlib>
#include <cstring>

namespace hotpatch {

class text_pool {
 public:
  constexpr text_pool() noexcept = default;
  text_pool(const text_pool&) = delete;
  text_pool& operator=(const text_pool&) = delete;
  ~text_pool()
  {
    while (newest_ != nullptr) {
      piece* const before = newest_->before;
      std::free(newest_);
      newest_ = before;
    }
  }

  // Null: no memory.
  [[nodiscard]] const char* copy(const char* text) noexcept
  {
    const std::size_t size = std::strlen(text) + 1;
    if (size > left_ && !add_piece(size))
      return nullptr;
    char* const place = free_;
    std::memcpy(place, text, size);
    free_ += size;
    left_ -= size;
    return place;
  }

 private:
  struct piece {
    piece* before;
  };

  // Each twice as large as the one before it, up to a limit.
  [[nodiscard]] bool add_piece(std::size_t least) noexcept
  {
    constexpr std::size_t largest = 64 * 1024;
    const std::size_t size = std::max(next_size_, least);
    auto* made = static_cast<piece*>(std::malloc(sizeof(piece) + size));
    if (made == nullptr)
      return false;
    made->before = newest_;
    newest_ = made;
    free_ = reinterpret_cast<char*>(made + 1);
    left_ = size;
    next_size_ = std::min(2 * next_size_, largest);
    return true;
  }

  piece* newest_ = nullptr;
  char* free_ = nullptr;
  std::size_t left_ = 0;
  std::size_t next_size_ = 240;
};

}  // namespace hotpatch

#endif
