// Blocks of junctions, and which one is for what.
// SPDX-License-Identifier: MIT
#include "runtime/text/junction.h"
#include "runtime/base/page_size.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <sys/mman.h>

namespace hotpatch {

namespace {

// The number of the last change that has happened.  Changed in one store, and
// never back.
constinit std::atomic<std::uint64_t> happened{0};

struct targets {
  std::uint64_t before;
  std::uint64_t after;
};

// rel32 counts from the end of the instruction.
void put_distance(std::uint8_t* at, std::uint64_t code, std::uint64_t target)
{
  std::int32_t distance = 0;
  distance = static_cast<std::int32_t>(target - (code + sizeof distance));
  std::memcpy(at, &distance, sizeof distance);
}

// The code of the junction that is to be at `code`.
void write_code(std::uint64_t code, std::uint64_t due, std::uint64_t after,
                std::uint64_t before)
{
  constexpr std::uint8_t bytes[] = {
      0x41, 0x53,                             // push   %r11
      0x49, 0xbb, 0,    0, 0, 0, 0, 0, 0, 0,  // movabs $happened, %r11
      0x4d, 0x8b, 0x1b,                       // mov    (%r11), %r11
      0x4c, 0x3b, 0x1d, 0, 0, 0, 0,           // cmp    due(%rip), %r11
      0x41, 0x5b,                             // pop    %r11
      0x72, 0x07,                             // jb     1f
      0x3e, 0xff, 0x25, 0, 0, 0, 0,           // notrack jmp *after(%rip)
      0x3e, 0xff, 0x25, 0, 0, 0, 0,           // 1: notrack jmp *before(%rip)
  };
  auto* const to = reinterpret_cast<std::uint8_t*>(code);
  std::memcpy(to, bytes, sizeof bytes);
  const auto number = reinterpret_cast<std::uint64_t>(&happened);
  std::memcpy(to + 4, &number, sizeof number);
  put_distance(to + 18, code + 18, due);
  put_distance(to + 29, code + 29, after);
  put_distance(to + 36, code + 36, before);
}

}  // namespace

void junctions::happen(std::uint64_t change) noexcept
{
  happened.store(change, std::memory_order_seq_cst);
}

bool junctions::make_block() noexcept
{
  // So that each of the three parts is made of whole pages.
  constexpr std::size_t unit = 1024;
  const std::size_t count = (std::max(expected_, unit) + unit - 1) & -unit;
  const std::size_t code_bytes = count * code_size;
  const std::size_t size =
      code_bytes + count * (sizeof(targets) + sizeof(std::uint64_t));
  static_assert(unit * code_size % page_size == 0 &&
                unit * sizeof(targets) % page_size == 0 &&
                unit * sizeof(std::uint64_t) % page_size == 0);

  if (!blocks_.reserve(blocks_.size() + 1)) {
    errno = ENOMEM;
    return false;
  }
  void* const memory = mmap(nullptr, size, PROT_READ | PROT_WRITE,
                            MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED)
    return false;
  const auto code = reinterpret_cast<std::uint64_t>(memory);
  const std::uint64_t leads = code + code_bytes;
  const std::uint64_t dues = leads + count * sizeof(targets);
  for (std::size_t i = 0; i < count; ++i) {
    const std::uint64_t lead = leads + i * sizeof(targets);
    write_code(code + i * code_size, dues + i * sizeof(std::uint64_t),
               lead + offsetof(targets, after),
               lead + offsetof(targets, before));
  }
  if (mprotect(memory, code_bytes, PROT_READ | PROT_EXEC) != 0) {
    const int error = errno;
    munmap(memory, size);
    errno = error;
    return false;
  }
  return blocks_.append({code, leads, count, 0, false});
}

bool junctions::protect_targets(const block& of, int protection) noexcept
{
  return mprotect(reinterpret_cast<void*>(of.targets),
                  of.count * sizeof(targets), protection) == 0;
}

junction junctions::place(std::uint64_t before, std::uint64_t after) noexcept
{
  if (blocks_.empty() ||
      blocks_[blocks_.size() - 1].used == blocks_[blocks_.size() - 1].count)
    if (!make_block())
      return {};
  block& last = blocks_[blocks_.size() - 1];
  if (last.sealed && !protect_targets(last, PROT_READ | PROT_WRITE))
    return {};
  last.sealed = false;
  const std::size_t index = last.used++;
  reinterpret_cast<targets*>(last.targets)[index] = {before, after};
  auto* const dues = reinterpret_cast<std::atomic<std::uint64_t>*>(
      last.targets + last.count * sizeof(targets));
  dues[index].store(never);
  return {last.code + index * code_size, &dues[index]};
}

void junctions::seal() noexcept
{
  for (block& each : blocks_)
    if (!each.sealed)
      each.sealed = protect_targets(each, PROT_READ);
}

std::uint32_t& junctions::bucket_of(std::uint64_t word, std::uint64_t before,
                                    std::uint64_t after) noexcept
{
  // Fibonacci hashing: addresses differ in their middle bits.
  const std::uint64_t mixed = (word ^ before << 7 ^ after << 13);
  return buckets_[mixed * 0x9e3779b97f4a7c15u >> 32 & (buckets_.size() - 1)];
}

const junction* junctions::find(std::uint64_t word, std::uint64_t before,
                                std::uint64_t after) noexcept
{
  if (buckets_.empty())
    return nullptr;
  for (std::uint32_t at = bucket_of(word, before, after); at != 0;) {
    const entry& each = entries_[at - 1];
    if (each.word == word && each.before == before && each.after == after)
      return &each.made;
    at = each.next;
  }
  return nullptr;
}

bool junctions::grow_buckets() noexcept
{
  array<std::uint32_t> larger;
  const std::size_t size = buckets_.empty() ? 64 : 2 * buckets_.size();
  if (!entries_.reserve(size) || !larger.resize(size))
    return false;
  buckets_.swap(larger);
  for (std::uint32_t i = 0; i < entries_.size(); ++i) {
    entry& each = entries_[i];
    std::uint32_t& bucket = bucket_of(each.word, each.before, each.after);
    each.next = bucket;
    bucket = i + 1;
  }
  return true;
}

junction junctions::take(std::uint64_t word, std::uint64_t before,
                         std::uint64_t after) noexcept
{
  if (const junction* known = find(word, before, after)) {
    known->due->store(never);
    return *known;
  }
  if (entries_.size() == buckets_.size() && !grow_buckets()) {
    errno = ENOMEM;
    return {};
  }
  const junction made = place(before, after);
  if (made.address == 0)
    return {};
  std::uint32_t& bucket = bucket_of(word, before, after);
  entries_.append_in_place() = {word, before, after, made, bucket};
  bucket = static_cast<std::uint32_t>(entries_.size());
  return made;
}

}  // namespace hotpatch
