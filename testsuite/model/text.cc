// Pending stores and what a fetch makes of them.
// SPDX-License-Identifier: MIT
#include "testsuite/model/text.h"

#include <algorithm>
#include <stdexcept>

namespace hotpatch::model {

std::vector<piece> pieces_of(std::size_t at,
                             std::span<const std::uint8_t> bytes,
                             fetch_rule rule)
{
  const std::size_t granule = rule == fetch_rule::any_bytes ? 1 : quadword;
  std::vector<piece> pieces;
  for (std::size_t i = 0; i < bytes.size();) {
    const std::size_t room = granule - (at + i) % granule;
    const std::size_t size = std::min(room, bytes.size() - i);
    piece part{
        static_cast<std::uint8_t>(at + i), static_cast<std::uint8_t>(size), {}};
    std::copy_n(bytes.begin() + static_cast<std::ptrdiff_t>(i), size,
                part.bytes.begin());
    pieces.push_back(part);
    i += size;
  }
  return pieces;
}

text::text(std::span<const std::uint8_t> bytes)
{
  std::copy(bytes.begin(), bytes.end(), settled_.begin());
}

// A byte may be any of the values that were stored to it, so one that comes
// again says nothing new.
void text::forget_repetition(const piece& piece)
{
  const auto end = pending_.begin() + pending_count_;
  const auto same = std::find(pending_.begin(), end, piece);
  if (same == end)
    return;
  std::copy(same + 1, end, same);
  --pending_count_;
}

void text::store(const piece& piece, fetch_rule rule)
{
  if (rule == fetch_rule::any_bytes)
    forget_repetition(piece);
  if (pending_count_ == most_pending)
    throw std::length_error("the model has too many pending stores");
  std::size_t place = pending_count_++;
  pending_[place] = piece;
  if (rule == fetch_rule::in_order)
    return;
  // Where the order cannot be seen, one order stands for all of them.
  for (; place != 0; --place) {
    const auto& before = pending_[place - 1];
    if (before.at <= piece.at ||
        before.touches(piece.at, piece.at + std::size_t{piece.size}))
      break;
    std::swap(pending_[place - 1], pending_[place]);
  }
}

void text::settle(std::size_t count)
{
  for (std::size_t i = 0; i < count; ++i)
    std::copy_n(pending_[i].bytes.begin(), pending_[i].size,
                settled_.begin() + pending_[i].at);
  std::copy(pending_.begin() + static_cast<std::ptrdiff_t>(count),
            pending_.begin() + pending_count_, pending_.begin());
  pending_count_ = static_cast<std::uint8_t>(pending_count_ - count);
}

quadword_bytes text::load_after(std::size_t stores, std::size_t at,
                                std::size_t size) const
{
  quadword_bytes bytes{};
  std::copy_n(settled_.begin() + static_cast<std::ptrdiff_t>(at), size,
              bytes.begin());
  for (std::size_t i = 0; i < stores; ++i)
    overlay(pending_[i], at, size, bytes);
  return bytes;
}

void text::overlay(const piece& piece, std::size_t at, std::size_t size,
                   quadword_bytes& bytes)
{
  for (std::size_t i = 0; i < piece.size; ++i) {
    const std::size_t place = piece.at + i;
    if (place >= at && place < at + size)
      bytes[place - at] = piece.bytes[i];
  }
}

void text::append_key(std::string& key) const
{
  key.append(settled_.begin(), settled_.end());
  key.push_back(static_cast<char>(pending_count_));
  for (std::size_t i = 0; i < pending_count_; ++i) {
    key.push_back(static_cast<char>(pending_[i].at));
    key.push_back(static_cast<char>(pending_[i].size));
    key.append(pending_[i].bytes.begin(),
               pending_[i].bytes.begin() + pending_[i].size);
  }
}

}  // namespace hotpatch::model
