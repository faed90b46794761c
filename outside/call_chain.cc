// libdw, with our own ways to a thread's registers and memory.
//
// SPDX-License-Identifier: MIT
#include "outside/call_chain.h"

#include <cstring>
#include <iterator>

#include <elfutils/libdw.h>
#include <elfutils/libdwfl.h>
#include <unistd.h>

namespace hotpatch::outside {

namespace {

// No chain that is longer is of use to anybody.
constexpr std::size_t most_frames = 2000;

// Nothing is looked for beside the images: separate files would come from
// directories of this system, or from a server.
int find_no_debuginfo(Dwfl_Module*, void**, const char*, Dwarf_Addr,
                      const char*, const char*, GElf_Word, char**)
{
  return -1;
}

int find_no_elf(Dwfl_Module*, void**, const char*, Dwarf_Addr, char**, Elf**)
{
  return -1;
}

constexpr Dwfl_Callbacks callbacks = {find_no_elf, find_no_debuginfo, nullptr,
                                      nullptr};

}  // namespace

struct call_chains::state {
  explicit state(const target_memory& all) : memory(all) {}
  ~state() { dwfl_end(dwfl); }
  state(const state&) = delete;
  state& operator=(const state&) = delete;

  bool has_tables(std::uint64_t address) const
  {
    Dwfl_Module* const module = dwfl_addrmodule(dwfl, address);
    Dwarf_Addr bias = 0;
    Dwarf_CFI* const tables =
        module != nullptr ? dwfl_module_eh_cfi(module, &bias) : nullptr;
    Dwarf_Frame* frame = nullptr;
    if (tables == nullptr ||
        dwarf_cfi_addrframe(tables, address - bias, &frame) != 0)
      return false;
    free(frame);
    return true;
  }

  bool read(std::uint64_t address, std::uint64_t& into)
  {
    if (address - window_begin > window.size() ||
        window.size() - (address - window_begin) < sizeof into) {
      window_begin = address;
      window.resize(window_size);
      window.resize(memory.read_some(address, window));
      if (window.size() < sizeof into)
        return false;
    }
    std::memcpy(&into, window.data() + (address - window_begin), sizeof into);
    return true;
  }

  static constexpr std::size_t window_size = 2048;

  const target_memory& memory;
  Dwfl* dwfl = nullptr;
  const user_regs_struct* registers = nullptr;
  call_chain chain;
  std::uint64_t window_begin = 0;
  std::vector<std::uint8_t> window;
};

namespace {

// DWARF's numbers, System V ABI for x86-64, figure 3.36.
bool give_registers(Dwfl_Thread* thread, void* of)
{
  const user_regs_struct& at = *static_cast<const user_regs_struct*>(of);
  const Dwarf_Word values[] = {at.rax, at.rdx, at.rcx, at.rbx, at.rsi, at.rdi,
                               at.rbp, at.rsp, at.r8,  at.r9,  at.r10, at.r11,
                               at.r12, at.r13, at.r14, at.r15, at.rip};
  return dwfl_thread_state_registers(thread, 0, std::size(values), values);
}

}  // namespace

call_chains::call_chains(const target_images& images,
                         const target_memory& memory)
    : state_(std::make_unique<state>(memory))
{
  static constexpr Dwfl_Thread_Callbacks threads = {
      // There is one, and it is asked for by its number.
      [](Dwfl*, void*, void**) -> pid_t { return 0; },
      [](Dwfl*, pid_t, void* all, void** thread) {
        *thread =
            const_cast<user_regs_struct*>(static_cast<state*>(all)->registers);
        return true;
      },
      [](Dwfl*, Dwarf_Addr address, Dwarf_Word* into, void* all) {
        std::uint64_t word = 0;
        const bool found = static_cast<state*>(all)->read(address, word);
        *into = word;
        return found;
      },
      give_registers,
      nullptr,
      nullptr,
  };
  state_->dwfl = dwfl_begin(&callbacks);
  if (state_->dwfl == nullptr)
    return;
  dwfl_report_begin(state_->dwfl);
  for (const target_image& image : images.all()) {
    const int copy = dup(image.file->descriptor());
    if (copy >= 0 &&
        dwfl_report_elf(state_->dwfl, image.path.c_str(), image.path.c_str(),
                        copy, image.bias, true) == nullptr)
      close(copy);
  }
  dwfl_report_end(state_->dwfl, nullptr, nullptr);
  dwfl_attach_state(state_->dwfl, nullptr, images.process(), &threads,
                    state_.get());
}

call_chains::~call_chains() = default;

call_chain call_chains::find(const user_regs_struct& registers)
{
  state_->registers = &registers;
  state_->chain = {};
  state_->window.clear();
  const auto take = [](Dwfl_Frame* frame, void* all) -> int {
    state& here = *static_cast<state*>(all);
    Dwarf_Addr counter = 0;
    bool interrupted = false;
    if (!dwfl_frame_pc(frame, &counter, &interrupted) ||
        here.chain.frames.size() == most_frames)
      return DWARF_CB_ABORT;
    here.chain.frames.push_back({counter, interrupted});
    return here.has_tables(here.chain.frames.back().inside()) ? DWARF_CB_OK
                                                              : DWARF_CB_ABORT;
  };
  state_->chain.complete =
      state_->dwfl != nullptr &&
      dwfl_getthread_frames(state_->dwfl, 1, take, state_.get()) == 0;
  state_->registers = nullptr;
  return std::move(state_->chain);
}

}  // namespace hotpatch::outside
