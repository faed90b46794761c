// int3, tail, head; and the SIGTRAP handler between them.
// SPDX-License-Identifier: MIT
#include "runtime/breakpoint.h"

#include <atomic>
#include <csignal>
#include <cstring>
#include <new>
#include <ucontext.h>

#include "format/patch_word.h"
#include "runtime/barrier.h"
#include "runtime/commit.h"
#include "runtime/encode.h"
#include "runtime/near_memory.h"
#include "runtime/signal_state.h"

namespace hotpatch {

namespace {

// A word that once had a breakpoint.  Never freed: a thread that met the int3
// may come to the handler long after the commit.
struct trap_point {
  std::uint64_t word;
  std::atomic<std::uint64_t> detour;  // where threads go on; 0: run the word
  trap_point* next;
};

constinit std::atomic<trap_point*> trap_points{nullptr};
constinit struct sigaction previous = {};

trap_point* find_trap_point(std::uint64_t word)
{
  trap_point* point = trap_points.load(std::memory_order_acquire);
  while (point != nullptr && point->word != word)
    point = point->next;
  return point;
}

trap_point* make_trap_point(std::uint64_t word)
{
  if (trap_point* known = find_trap_point(word))
    return known;
  void* memory = std::malloc(sizeof(trap_point));
  if (memory == nullptr)
    return nullptr;
  auto* made = new (memory)
      trap_point{word, 0, trap_points.load(std::memory_order_relaxed)};
  trap_points.store(made, std::memory_order_release);
  return made;
}

void hand_on(int signal, siginfo_t* info, void* context)
{
  if ((previous.sa_flags & SA_SIGINFO) != 0) {
    previous.sa_sigaction(signal, info, context);
  } else if (previous.sa_handler != SIG_DFL && previous.sa_handler != SIG_IGN) {
    previous.sa_handler(signal);
  } else if (previous.sa_handler == SIG_DFL ||
             info->si_code == SI_KERNEL) {  // an int3 cannot be ignored
    struct sigaction fatal = {};
    fatal.sa_handler = SIG_DFL;
    sigaction(signal, &fatal, nullptr);
    raise(signal);
  }
}

void on_trap(int signal, siginfo_t* info, void* context)
{
  constexpr greg_t breakpoint_trap = 3;  // #BP
  auto& registers = static_cast<ucontext_t*>(context)->uc_mcontext.gregs;
  if (info->si_code == SI_KERNEL && registers[REG_TRAPNO] == breakpoint_trap) {
    // The saved address is the one behind the int3.
    const auto word = static_cast<std::uint64_t>(registers[REG_RIP]) - 1;
    if (const trap_point* point = find_trap_point(word)) {
      const std::uint64_t detour =
          point->detour.load(std::memory_order_acquire);
      registers[REG_RIP] = static_cast<greg_t>(detour != 0 ? detour : word);
      return;
    }
  }
  hand_on(signal, info, context);
}

bool own_the_signal()
{
  struct sigaction present = {};
  if (sigaction(SIGTRAP, nullptr, &present) != 0)
    return false;
  if ((present.sa_flags & SA_SIGINFO) != 0 && present.sa_sigaction == on_trap)
    return true;
  previous = present;
  struct sigaction ours = {};
  ours.sa_sigaction = on_trap;
  // Not deferred: a thread in the handler must not look like one that blocks
  // the signal for good.
  ours.sa_flags = SA_SIGINFO | SA_RESTART | SA_ONSTACK | SA_NODEFER;
  return sigaction(SIGTRAP, &ours, nullptr) == 0;
}

// Where a thread goes that was to run this word.
std::uint64_t destination(const site& site, std::uint64_t word)
{
  const decoded_word decoded = decode_word(site, word);
  return decoded.form == word_form::pristine ? site.word + format::word_size
                                             : decoded.target;
}

}  // namespace

breakpoint_permit::breakpoint_permit(std::uint64_t word) noexcept
    : refusal_(nullptr)
{
  serialise_cores();  // a filter may have come since the registration
  if (available_barrier() == barrier_kind::none)
    refusal_ =
        "the breakpoint protocol needs membarrier(2), which the kernel or a "
        "filter refuses";
  else
    refusal_ = breakpoint_obstacle();
  if (refusal_ == nullptr && make_trap_point(word) == nullptr)
    refusal_ = "there is no memory for the breakpoint protocol";
  if (refusal_ == nullptr && !own_the_signal())
    refusal_ = "a handler for SIGTRAP cannot be installed";
}

bool store_word_by_breakpoint(text_window& text, cell_window& cell,
                              const change& change) noexcept
{
  const site& site = change.site;
  std::uint8_t before[format::word_size];
  std::uint8_t after[format::word_size];
  std::memcpy(before, &change.old_word, sizeof before);
  std::memcpy(after, &change.new_word, sizeof after);
  constexpr std::size_t tail_size = format::word_size - 1;

  trap_point* point = find_trap_point(site.word);
  point->detour.store(destination(site, change.old_word),
                      std::memory_order_release);
  bool stored = false;
  if (text.store_bytes(site.word, &format::filler, 1)) {
    serialise_cores();
    stored = text.store_bytes(site.word + 1, after + 1, tail_size);
    serialise_cores();
    if (stored) {
      cell.store(change.cell_target);
      stored = text.store_bytes(site.word, after, 1);
    }
    if (!stored) {
      text.store_bytes(site.word + 1, before + 1, tail_size);
      serialise_cores();
      text.store_bytes(site.word, before, 1);
    }
    serialise_cores();
  }
  point->detour.store(0, std::memory_order_release);
  return stored;
}

}  // namespace hotpatch
