// Registers and stacks of the threads of another process.
//
// SPDX-License-Identifier: MIT
#include "outside/inside_search.h"

#include <algorithm>

#include "outside/first_stack.h"
#include "processes/maps.h"
#include "processes/memory.h"
#include "processes/text.h"
#include "processes/threads.h"

namespace hotpatch::outside {

namespace {

constexpr std::size_t chunk_words = 8192;

// A thread in the middle of more memory than this, on a stack of its own
// making, would be searched for too long while all stand.
constexpr std::uint64_t largest_own = std::uint64_t{256} << 20;

// Whether `words` begins with an instruction pointer that the kernel saved: the
// stack pointer stands before it, behind it come flags and segments (struct
// sigcontext_64, arch/x86/include/uapi/asm/sigcontext.h).
bool is_signal_frame(const std::uint64_t* words)
{
  constexpr std::uint64_t always_set = 0x202;  // IF, and the reserved bit
  constexpr std::uint64_t all_flags = 0x3fffff;
  constexpr std::uint64_t user_code = 0x33;  // gs and fs, behind it, are 0
  return (words[1] & always_set) == always_set && words[1] <= all_flags &&
         (words[2] & 0xffffffffffff) == user_code;
}
constexpr std::size_t frame_words = 4;  // with the stack pointer

class search {
 public:
  search(pid_t process, const std::vector<occupied_code>& code)
      : memory_(process),
        maps_(read_maps(process)),
        code_(code),
        chunk_(chunk_words)
  {
    for (const occupied_code& each : code) {
      lowest_ = std::min(lowest_, each.begin);
      highest_ = std::max(highest_, each.end);
    }
  }

  std::string look_at(const tracee& thread)
  {
    const user_regs_struct at = thread.registers();
    if (const occupied_code* code = find(at.rip, true))
      return describe(thread, "is in", at.rip, *code);
    for (const std::uint64_t value :
         {at.rax, at.rbx, at.rcx, at.rdx, at.rsi, at.rdi, at.rbp, at.r8, at.r9,
          at.r10, at.r11, at.r12, at.r13, at.r14, at.r15})
      if (const occupied_code* code = find(value, false))
        return describe(thread, "holds in a register an address in", value,
                        *code);
    return look_at_stacks(thread, at);
  }

 private:
  // A part of a stack, up to the end of its mapping or what was searched
  // before.
  struct stretch {
    const process_mapping* stack;
    std::uint64_t from;
    std::uint64_t to;
  };

  const occupied_code* find(std::uint64_t value, bool counter) const
  {
    if (value - lowest_ >= highest_ - lowest_)
      return nullptr;
    for (const occupied_code& each : code_)
      if (value - each.begin < each.end - each.begin &&
          (each.whole || counter || value != each.begin))
        return &each;
    return nullptr;
  }

  std::string look_at_stacks(const tracee& thread, const user_regs_struct& at)
  {
    stretches_.clear();
    if (!add(at.rsp))
      return sentence(thread, "runs on a stack that is not mapped");
    bool knows_first = false;
    for (std::size_t i = 0;; ++i) {
      if (i == stretches_.size()) {
        if (knows_first)
          return {};
        add_first_stack(thread, at);
        knows_first = true;
        if (i == stretches_.size())
          return {};
      }
      const stretch part = stretches_[i];
      const bool first = is_first_stack(thread, at, part.from, *part.stack);
      knows_first = knows_first || first;
      if (!first && part.to - part.from > largest_own)
        return sentence(thread,
                        "runs on a stack of its own, in the middle of so "
                        "much memory that searching it would take too long");
      if (std::string found = look_at_stretch(thread, part); !found.empty())
        return found;
    }
  }

  // True: the pointer leads into memory, which is searched or will be.
  bool add(std::uint64_t pointer)
  {
    const process_mapping* stack = mapping_at(maps_, pointer);
    if (stack == nullptr)
      return false;
    stretch part = {stack, pointer & ~std::uint64_t{7}, stack->end};
    for (const stretch& known : stretches_)
      if (known.stack == stack)
        part.to = std::min(part.to, known.from);
    if (part.from < part.to)
      stretches_.push_back(part);
    return true;
  }

  // Where it was left is not known.
  void add_first_stack(const tracee& thread, const user_regs_struct& at)
  {
    if (const process_mapping* stack = mapping_at(maps_, at.fs_base))
      add(stack->begin);
    if (thread.id() == thread.process())
      for (const process_mapping& each : maps_)
        if (each.path == "[stack]")
          add(each.begin);
  }

  std::string look_at_stretch(const tracee& thread, const stretch& part)
  {
    for (std::uint64_t at = part.from; at < part.to;) {
      const std::size_t count =
          std::min<std::uint64_t>((part.to - at) / 8, chunk_words);
      if (!memory_.fetch(
              at, {reinterpret_cast<std::uint8_t*>(chunk_.data()), 8 * count}))
        return sentence(thread, "has a stack that cannot be read");
      for (std::size_t i = 0; i < count; ++i) {
        const bool from_signal = i > 0 && i + frame_words - 1 <= count &&
                                 is_signal_frame(&chunk_[i]);
        if (const occupied_code* code = find(chunk_[i], from_signal))
          return describe(thread, "has not left", chunk_[i], *code);
        if (from_signal)
          add(chunk_[i - 1]);
      }
      // A frame that the chunk ends in is looked at as a whole with the next.
      at += 8 * (8 * count < part.to - at ? count - frame_words : count);
    }
    return {};
  }

  static std::string sentence(const tracee& thread, const char* why)
  {
    return thread_text(thread.process(), thread.id()) + ' ' + why;
  }

  static std::string describe(const tracee& thread, const char* how,
                              std::uint64_t address, const occupied_code& code)
  {
    std::string text = sentence(thread, how) + ' ' + code.name + ": 0x";
    append_hex(text, address);
    return text;
  }

  const process_memory memory_;
  const std::vector<process_mapping> maps_;
  const std::vector<occupied_code>& code_;
  std::vector<std::uint64_t> chunk_;
  std::vector<stretch> stretches_;  // of one thread, in the order of the search
  std::uint64_t lowest_ = ~std::uint64_t{0};
  std::uint64_t highest_ = 0;
};

}  // namespace

std::string find_inside(const stopped_process& process,
                        const std::vector<occupied_code>& code)
{
  if (code.empty())
    return {};
  search all(process.threads().front().process(), code);
  for (const tracee& thread : process.threads())
    if (std::string found = all.look_at(thread); !found.empty())
      return found;
  return {};
}

}  // namespace hotpatch::outside
