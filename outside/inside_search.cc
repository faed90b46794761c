// Registers and stacks of the threads of another process.
//
// SPDX-License-Identifier: MIT
#include "outside/inside_search.h"

#include <algorithm>
#include <cerrno>

#include <sys/uio.h>

#include "processes/access.h"
#include "processes/text.h"
#include "processes/threads.h"

namespace hotpatch::outside {

namespace {

constexpr std::size_t chunk_words = 8192;

class search {
 public:
  search(const std::vector<process_mapping>& maps,
         const std::vector<occupied_code>& code)
      : maps_(maps), code_(code), chunk_(chunk_words)
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
    return look_at_stack(thread, at.rsp);
  }

 private:
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

  std::string look_at_stack(const tracee& thread, std::uint64_t from)
  {
    const process_mapping* stack = mapping_at(maps_, from);
    if (stack == nullptr)
      return "thread " + thread_text(thread.process(), thread.id()) +
             " runs on a stack that is not mapped";
    for (std::uint64_t at = from & ~std::uint64_t{7}; at < stack->end;) {
      const std::size_t size =
          std::min<std::uint64_t>(stack->end - at, chunk_words * 8);
      iovec local = {chunk_.data(), size};
      iovec remote = {reinterpret_cast<void*>(at), size};
      const ssize_t got =
          process_vm_readv(thread.process(), &local, 1, &remote, 1, 0);
      if (got <= 0)
        refuse_access(thread.process(), errno);
      for (std::size_t i = 0; i < static_cast<std::size_t>(got) / 8; ++i)
        if (const occupied_code* code = find(chunk_[i], false))
          return describe(thread, "has not left", chunk_[i], *code);
      at += static_cast<std::uint64_t>(got);
    }
    return {};
  }

  static std::string describe(const tracee& thread, const char* how,
                              std::uint64_t address, const occupied_code& code)
  {
    std::string text = "thread " + thread_text(thread.process(), thread.id()) +
                       ' ' + how + ' ' + code.name + ": 0x";
    append_hex(text, address);
    return text;
  }

  const std::vector<process_mapping>& maps_;
  const std::vector<occupied_code>& code_;
  std::vector<std::uint64_t> chunk_;
  std::uint64_t lowest_ = ~std::uint64_t{0};
  std::uint64_t highest_ = 0;
};

}  // namespace

std::string find_inside(const stopped_process& process,
                        const std::vector<process_mapping>& maps,
                        const std::vector<occupied_code>& code)
{
  if (code.empty())
    return {};
  search all(maps, code);
  for (const tracee& thread : process.threads())
    if (std::string found = all.look_at(thread); !found.empty())
      return found;
  return {};
}

}  // namespace hotpatch::outside
