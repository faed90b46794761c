// Writes to another process that can be undone.
//
// Owns the invariant that what was written in a change that fails is written
// back, the last write first.  A change is an order of writes that is harmless
// wherever it ends, and so is the way back: where that fails as well it stops,
// and the process is in one of the states that the change passes through.
//
// To be used while the process's threads stand.  From the thread that traces.
//
// SPDX-License-Identifier: MIT
#ifndef HOTPATCH_OUTSIDE_CHANGE_JOURNAL_H
#define HOTPATCH_OUTSIDE_CHANGE_JOURNAL_H

#include <cstdint>
#include <span>
#include <vector>

#include "outside/target_memory.h"

namespace hotpatch::outside {

class change_journal {
 public:
  explicit change_journal(target_memory& memory) : memory_(memory) {}
  change_journal(const change_journal&) = delete;
  change_journal& operator=(const change_journal&) = delete;

  // `old` is what is there, which the caller has just read; as many bytes.
  // Throws trouble; then some of the bytes may be written.
  void write(std::uint64_t address, std::span<const std::uint8_t> old,
             std::span<const std::uint8_t> bytes);

  template <typename T>
  void store(std::uint64_t address, const T& old, const T& value)
  {
    write(address, {reinterpret_cast<const std::uint8_t*>(&old), sizeof old},
          {reinterpret_cast<const std::uint8_t*>(&value), sizeof value});
  }

  // True: everything is as it was, read back.  Never throws.
  bool undo() noexcept;

  bool empty() const { return entries_.empty(); }

 private:
  struct entry {
    std::uint64_t address;
    std::vector<std::uint8_t> old;
  };

  bool put_back(const entry& which) noexcept;

  target_memory& memory_;
  std::vector<entry> entries_;
};

}  // namespace hotpatch::outside

#endif
