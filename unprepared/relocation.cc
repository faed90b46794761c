// Moving instructions.
// SPDX-License-Identifier: MIT
#include "unprepared/relocation.h"

#include <cstring>

#include "unprepared/instruction.h"

namespace hotpatch::unprepared {

namespace {

// Each instruction has at least a byte, and no beginning is longer than a jump
// and the instruction that it ends in.
constexpr std::size_t most_instructions = 32;

constexpr std::uint8_t jmp_rel32[] = {0xe9};
constexpr std::uint8_t call_rel32[] = {0xe8};

struct moved_instruction {
  instruction what;
  std::size_t offset = 0;  // in the old place
  std::size_t moved = 0;   // in the new one
};

std::size_t moved_length(const instruction& one)
{
  if (one.relative_size == 0 || one.is_xbegin)
    return one.length;
  switch (one.way) {
    case flow::jump:
    case flow::call:
      return sizeof jmp_rel32 + 4;
    case flow::branch:
      //   opcode 02            loop 1f, or jrcxz
      //   eb 05                jmp 2f
      //   e9 rel32          1: jmp target
      //                     2:
      return one.only_short ? one.length + 2u + 5u : 2u + 4u;
    default:
      return one.length;
  }
}

class mover {
 public:
  mover(std::span<const std::uint8_t> code, std::uint64_t from,
        std::uint64_t to, std::span<std::uint8_t> into)
      : code_(code), from_(from), to_(to), into_(into)
  {
  }

  relocation move();

 private:
  bool fail(relocation_failure why)
  {
    done_.failure = why;
    return false;
  }
  bool lay_out();
  bool may_move(const instruction& one);
  bool write(const moved_instruction& one);
  bool write_branch(const moved_instruction& one);
  std::uint64_t moved_target(std::uint64_t target) const;

  bool put(const void* bytes, std::size_t size)
  {
    if (into_.size() - done_.size < size)
      return fail(relocation_failure::no_room);
    std::memcpy(into_.data() + done_.size, bytes, size);
    done_.size += size;
    return true;
  }
  bool put_distance(std::uint64_t target)
  {
    const std::uint64_t next = to_ + done_.size + 4;
    const auto distance = static_cast<std::int64_t>(target - next);
    const auto field = static_cast<std::int32_t>(distance);
    if (field != distance)
      return fail(relocation_failure::out_of_reach);
    return put(&field, sizeof field);
  }

  std::span<const std::uint8_t> code_;
  std::uint64_t from_;
  std::uint64_t to_;
  std::span<std::uint8_t> into_;
  moved_instruction list_[most_instructions];
  std::size_t count_ = 0;
  relocation done_;
};

bool mover::may_move(const instruction& one)
{
  // Processors disagree about the length of a distance of two bytes (Intel SDM
  // volume 2, "JMP"; AMD64 APM volume 3, "JMP (near)").
  if (one.relative_size == 2)
    return fail(relocation_failure::unmovable);
  // "call 1f; 1: pop": what is wanted is the address.
  if (one.way == flow::call && one.target - from_ <= code_.size())
    return fail(relocation_failure::unmovable);
  return true;
}

bool mover::lay_out()
{
  std::size_t moved = 0;
  for (std::size_t at = 0; at < code_.size();) {
    if (count_ == most_instructions)
      return fail(relocation_failure::no_room);
    moved_instruction& one = list_[count_++];
    if (!decode(code_.data() + at, code_.size() - at, from_ + at, one.what))
      return fail(relocation_failure::undecodable);
    if (!may_move(one.what))
      return false;
    one.offset = at;
    one.moved = moved;
    done_.has_call |=
        one.what.way == flow::call || one.what.way == flow::computed_call;
    at += one.what.length;
    moved += moved_length(one.what);
  }
  return true;
}

// Where a branch leads that led to `target`: 0 if it is inside of a moved
// instruction.
std::uint64_t mover::moved_target(std::uint64_t target) const
{
  if (target - from_ >= code_.size())
    return target;
  for (std::size_t i = 0; i < count_; ++i)
    if (list_[i].offset == target - from_)
      return to_ + list_[i].moved;
  return 0;
}

bool mover::write_branch(const moved_instruction& one)
{
  const std::uint64_t target = moved_target(one.what.target);
  if (target == 0)
    return fail(relocation_failure::unmovable);
  if (one.what.is_xbegin)
    return put(code_.data() + one.offset, one.what.relative_at) &&
           put_distance(target);
  if (one.what.only_short) {
    constexpr std::uint8_t over[] = {0x02, 0xeb, 0x05, 0xe9};
    return put(code_.data() + one.offset, one.what.relative_at) &&
           put(over, sizeof over) && put_distance(target);
  }
  if (one.what.way == flow::branch) {
    const std::uint8_t jcc[] = {
        0x0f, static_cast<std::uint8_t>(0x80 | one.what.condition)};
    return put(jcc, sizeof jcc) && put_distance(target);
  }
  return put(one.what.way == flow::call ? call_rel32 : jmp_rel32, 1) &&
         put_distance(target);
}

bool mover::write(const moved_instruction& one)
{
  const std::uint8_t* const bytes = code_.data() + one.offset;
  if (one.what.relative_size != 0)
    return write_branch(one);
  if (one.what.displacement_at == 0)
    return put(bytes, one.what.length);
  // The displacement counts from the end of the instruction, and an immediate
  // operand may follow it.
  const std::size_t after = one.what.displacement_at + 4u;
  const std::size_t rest = one.what.length - after;
  return put(bytes, one.what.displacement_at) &&
         put_distance(one.what.operand - rest) && put(bytes + after, rest);
}

relocation mover::move()
{
  if (!lay_out())
    return done_;
  for (std::size_t i = 0; i < count_; ++i)
    if (!write(list_[i]))
      return done_;
  const flow last = count_ == 0 ? flow::next : list_[count_ - 1].what.way;
  done_.ends_open =
      last != flow::jump && last != flow::computed_jump && last != flow::end;
  if (done_.ends_open && put(jmp_rel32, sizeof jmp_rel32))
    (void)put_distance(from_ + code_.size());
  return done_;
}

}  // namespace

relocation relocate(std::span<const std::uint8_t> code, std::uint64_t from,
                    std::uint64_t to, std::span<std::uint8_t> into) noexcept
{
  return mover(code, from, to, into).move();
}

}  // namespace hotpatch::unprepared
