// Program text while a writer changes it, as the fetching cores see it.
//
// Owns the difference between what is stored and what is executed: a store is
// visible to loads at once, but a core may go on fetching what was there
// before, until it serialises.  Three rules say how much of a change a fetch
// may see; each is the word of a source, see README.
//
// A value without ownership, copied with every state of the model.
//
// SPDX-License-Identifier: MIT
#ifndef HOTPATCH_TESTSUITE_MODEL_TEXT_H
#define HOTPATCH_TESTSUITE_MODEL_TEXT_H

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace hotpatch::model {

enum class fetch_rule {
  // Every aligned quadword is fetched whole, and a core that has seen a store
  // has seen all earlier ones.
  in_order,
  // Every aligned quadword is fetched whole, but quadwords grow stale
  // independently and a core may fall back to old bytes.
  any_order,
  // Until the core serialises, each byte is an old or a new one.
  any_bytes,
};

inline constexpr std::size_t quadword = 8;
using quadword_bytes = std::array<std::uint8_t, quadword>;

// A store as far as a fetch sees all of it or nothing.
struct piece {
  std::uint8_t at;
  std::uint8_t size;
  quadword_bytes bytes;

  bool operator==(const piece&) const = default;

  bool touches(std::size_t begin, std::size_t end) const
  {
    return at < end && begin < at + std::size_t{size};
  }
};

// How a store of these bytes falls apart under a rule.
std::vector<piece> pieces_of(std::size_t at,
                             std::span<const std::uint8_t> bytes,
                             fetch_rule rule);

class text {
 public:
  static constexpr std::size_t capacity = 24;
  static constexpr std::size_t most_pending = 32;

  text() = default;
  explicit text(std::span<const std::uint8_t> bytes);

  void store(const piece& piece, fetch_rule rule);

  // Every core has serialised, or has seen the first `count` stores.
  void serialise() { settle(pending_count_); }
  void settle(std::size_t count);

  // Stores that some core may not have seen.
  std::uint8_t pending() const { return pending_count_; }

  // What a load sees.
  quadword_bytes load(std::size_t at, std::size_t size) const
  {
    return load_after(pending_count_, at, size);
  }

  // Calls visit(bytes, seen) for everything that a core which has seen the
  // first `seen` pending stores may fetch, and how many it has seen then.
  template <class Visit>
  void each_fetch(fetch_rule rule, std::uint8_t seen, std::size_t at,
                  std::size_t size, Visit visit) const;

  // Equal for equal texts only.
  void append_key(std::string& key) const;

 private:
  void forget_repetition(const piece& piece);
  quadword_bytes load_after(std::size_t stores, std::size_t at,
                            std::size_t size) const;
  static void overlay(const piece& piece, std::size_t at, std::size_t size,
                      quadword_bytes& bytes);

  std::array<std::uint8_t, capacity> settled_{};
  std::array<piece, most_pending> pending_{};
  std::uint8_t pending_count_ = 0;
};

template <class Visit>
void text::each_fetch(fetch_rule rule, std::uint8_t seen, std::size_t at,
                      std::size_t size, Visit visit) const
{
  if (rule == fetch_rule::in_order) {
    const std::size_t split = (at / quadword + 1) * quadword;
    const bool two = at + size > split;
    for (std::uint8_t first = seen; first <= pending_count_; ++first)
      for (std::uint8_t second = two ? seen : first;
           second <= (two ? pending_count_ : first); ++second) {
        quadword_bytes bytes = load_after(first, at, size);
        const quadword_bytes rest = load_after(second, at, size);
        for (std::size_t i = split - at; i < size; ++i)
          bytes[i] = rest[i];
        visit(bytes, first < second ? second : first);
      }
    return;
  }

  std::array<std::uint8_t, most_pending> touching;
  std::size_t count = 0;
  for (std::uint8_t i = 0; i < pending_count_; ++i)
    if (pending_[i].touches(at, at + size))
      touching[count++] = i;
  for (std::size_t subset = 0; subset < std::size_t{1} << count; ++subset) {
    quadword_bytes bytes = load_after(0, at, size);
    for (std::size_t i = 0; i < count; ++i)
      if ((subset >> i & 1) != 0)
        overlay(pending_[touching[i]], at, size, bytes);
    visit(bytes, std::uint8_t{0});
  }
}

}  // namespace hotpatch::model

#endif
