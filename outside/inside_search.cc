// Handing the threads of a stopped process to the search of frames.
//
// SPDX-License-Identifier: MIT
#include "outside/inside_search.h"

#include <algorithm>
#include <cstring>
#include <exception>

#include <elf.h>
#include <fcntl.h>
#include <unistd.h>

#include "processes/errors.h"
#include "processes/maps.h"
#include "processes/memory.h"
#include "processes/proc_file.h"
#include "processes/process_list.h"
#include "processes/text.h"
#include "runtime/base/countermeasure.h"
#include "runtime/base/file_descriptor.h"
#include "runtime/base/kernel_worker.h"
#include "runtime/stacks/frame_search.h"

namespace hotpatch::outside {

namespace {

// --- The memory of the process -----------------------------------------------

memory_region region_of(const process_mapping& mapping)
{
  return {mapping.begin,
          mapping.end,
          mapping.readable,
          mapping.writable,
          mapping.executable,
          mapping.inode == 0,
          mapping.path == "[stack]",
          mapping.inode};
}

class searched_memory {
 public:
  explicit searched_memory(pid_t process)
      : memory_(process),
        maps_(read_maps(process)),
        pagemap_(
            open(proc_path(process, "/pagemap").c_str(), O_RDONLY | O_CLOEXEC)),
        chunk_(chunk_words)
  {
  }
  searched_memory(const searched_memory&) = delete;
  searched_memory& operator=(const searched_memory&) = delete;

  const stack_memory& view() const { return view_; }

  // Throws what kept memory from being read, if that was not the memory: the
  // search, which knows no exceptions, went on as if it had nothing there.
  void throw_failure() const
  {
    if (failure_)
      std::rethrow_exception(failure_);
  }

  // Of every image that is mapped from its beginning, and of the vdso.
  std::vector<unwind_table> tables() const;

 private:
  static constexpr std::size_t chunk_words = 8192;
  static constexpr std::size_t batch = 512;

  static searched_memory& from(void* self)
  {
    return *static_cast<searched_memory*>(self);
  }
  static memory_region region_or_next(void* self, std::uint64_t address);
  static memory_words words(void* self, std::uint64_t address,
                            std::uint64_t end, bool sparse);
  static bool read(void* self, std::uint64_t address, void* into,
                   std::size_t size);
  static memory_region main_stack(void* self);
  static bool known_stack(void*, std::uint64_t, std::uint64_t&, std::uint64_t&)
  {
    return false;  // what the program announces is for its own library
  }

  // How many bytes from the address on, up to `most`, may have been written to;
  // 0: the page was not.
  std::size_t written(std::uint64_t address, std::size_t most);
  std::size_t read_some(std::uint64_t address, void* into, std::size_t size);
  void add_tables(std::uint64_t base, std::vector<unwind_table>& into) const;

  const process_memory memory_;
  const std::vector<process_mapping> maps_;
  const file_descriptor pagemap_;
  std::vector<std::uint64_t> chunk_;
  std::uint64_t pages_[batch] = {};
  std::uint64_t first_page_ = 0;
  std::size_t page_count_ = 0;
  std::exception_ptr failure_;

  const stack_memory view_ = {region_or_next, words,       read,
                              main_stack,     known_stack, this};
};

memory_region searched_memory::region_or_next(void* self, std::uint64_t address)
{
  const std::vector<process_mapping>& maps = from(self).maps_;
  const auto found =
      std::upper_bound(maps.begin(), maps.end(), address,
                       [](std::uint64_t wanted, const process_mapping& each) {
                         return wanted < each.end;
                       });
  return found != maps.end() ? region_of(*found) : memory_region{};
}

std::size_t searched_memory::written(std::uint64_t address, std::size_t most)
{
  // The kernel's Documentation/admin-guide/mm/pagemap.rst: one word per page.
  constexpr std::uint64_t present_or_swapped = std::uint64_t{3} << 62;
  std::size_t count = 0;
  for (std::uint64_t page = address / page_size; count < most; ++page) {
    if (page - first_page_ >= page_count_) {
      first_page_ = page / batch * batch;
      const ssize_t got =
          pread(pagemap_.get(), pages_, sizeof pages_,
                static_cast<off_t>(first_page_ * sizeof pages_[0]));
      page_count_ =
          got > 0 ? static_cast<std::size_t>(got) / sizeof pages_[0] : 0;
      if (page - first_page_ >= page_count_)
        return most;
    }
    if ((pages_[page - first_page_] & present_or_swapped) == 0)
      break;
    count = (page + 1) * page_size - address;
  }
  return std::min(count, most);
}

std::size_t searched_memory::read_some(std::uint64_t address, void* into,
                                       std::size_t size)
{
  try {
    return memory_.read(address, {static_cast<std::uint8_t*>(into), size});
  } catch (const std::exception&) {
    if (!HP_COUNTERMEASURE(hold_failures))
      throw;
    if (!failure_)
      failure_ = std::current_exception();
    return 0;
  }
}

memory_words searched_memory::words(void* self, std::uint64_t address,
                                    std::uint64_t end, bool sparse)
{
  searched_memory& own = from(self);
  const memory_region region = own.view_.region_at(address);
  if (!region.exists() || !region.readable)
    return {nullptr, 0, true};
  std::size_t size = std::min<std::uint64_t>(
      std::min(end, region.end) - address, 8 * chunk_words);
  if (sparse && region.anonymous && own.pagemap_) {
    size = own.written(address, size);
    if (size == 0)
      return {};
  }
  auto* const bytes = reinterpret_cast<std::uint8_t*>(own.chunk_.data());
  std::size_t got = own.read_some(address, bytes, size);
  // Where a page in the middle cannot be read, some ways of reading give
  // nothing.
  const std::size_t rest = page_size - address % page_size;
  if (got < std::min(size, rest))
    got = own.read_some(address, bytes, std::min(size, rest));
  return {own.chunk_.data(), got / 8, got < 8};
}

bool searched_memory::read(void* self, std::uint64_t address, void* into,
                           std::size_t size)
{
  return from(self).read_some(address, into, size) == size;
}

memory_region searched_memory::main_stack(void* self)
{
  for (const process_mapping& each : from(self).maps_)
    if (each.path == "[stack]")
      return region_of(each);
  return {};
}

void searched_memory::add_tables(std::uint64_t base,
                                 std::vector<unwind_table>& into) const
{
  Elf64_Ehdr header;
  if (!view_.load(base, header) ||
      std::memcmp(header.e_ident, ELFMAG, SELFMAG) != 0 ||
      header.e_ident[EI_CLASS] != ELFCLASS64 ||
      header.e_phentsize != sizeof(Elf64_Phdr))
    return;
  constexpr std::size_t most_headers = 256;
  std::vector<Elf64_Phdr> segments(
      std::min<std::size_t>(header.e_phnum, most_headers));
  if (!memory_.fetch(base + header.e_phoff,
                     {reinterpret_cast<std::uint8_t*>(segments.data()),
                      segments.size() * sizeof(Elf64_Phdr)}))
    return;
  std::uint64_t bias = base;
  std::uint64_t table = 0;
  for (const Elf64_Phdr& each : segments)
    if (each.p_type == PT_LOAD && each.p_offset == 0)
      bias = base - each.p_vaddr;
  for (const Elf64_Phdr& each : segments)
    if (each.p_type == PT_GNU_EH_FRAME)
      table = bias + each.p_vaddr;
  for (const Elf64_Phdr& each : segments)
    if (each.p_type == PT_LOAD && (each.p_flags & PF_X) != 0)
      into.push_back(
          {bias + each.p_vaddr, bias + each.p_vaddr + each.p_memsz, table});
}

std::vector<unwind_table> searched_memory::tables() const
{
  std::vector<unwind_table> all;
  for (const process_mapping& each : maps_)
    if (each.readable && !each.writable && each.offset == 0 &&
        (each.inode != 0 || each.path == "[vdso]"))
      add_tables(each.begin, all);
  return all;
}

// --- The threads -------------------------------------------------------------

frame_registers registers_of(const user_regs_struct& at)
{
  frame_registers registers;
  registers.set(dwarf_rax, at.rax);
  registers.set(dwarf_rdx, at.rdx);
  registers.set(dwarf_rcx, at.rcx);
  registers.set(dwarf_rbx, at.rbx);
  registers.set(dwarf_rsi, at.rsi);
  registers.set(dwarf_rdi, at.rdi);
  registers.set(dwarf_rbp, at.rbp);
  registers.set(dwarf_rsp, at.rsp);
  registers.set(8, at.r8);
  registers.set(9, at.r9);
  registers.set(10, at.r10);
  registers.set(11, at.r11);
  registers.set(12, at.r12);
  registers.set(13, at.r13);
  registers.set(14, at.r14);
  registers.set(15, at.r15);
  registers.set(dwarf_rip, at.rip);
  return registers;
}

// The kernel's own threads have no registers of a program: all of them are 0.
bool is_worker(const tracee& thread, const user_regs_struct& at)
{
  return HP_COUNTERMEASURE(skip_kernel_workers) && at.rip == 0 &&
         is_kernel_worker(
             thread_file(thread.process(), thread.id(), "stat").c_str());
}

std::string hexadecimal(std::uint64_t address)
{
  std::string text = "0x";
  append_hex(text, address);
  return text;
}

std::string describe(const tracee& thread, const frame_finding& what,
                     const std::vector<occupied_code>& code)
{
  const std::string who = thread_text(thread.process(), thread.id());
  const std::string where =
      what.range < code.size() ? code[what.range].name : std::string();
  const std::string address = hexadecimal(what.address);
  switch (what.how) {
    case frame_place::instruction_pointer:
      return who + " is in " + where + ": " + address;
    case frame_place::other_register:
      return who + " holds in a register an address in " + where + ": " +
             address;
    case frame_place::stack:
      return who + " has not left " + where + ": " + address;
    case frame_place::below_stack:
      return who + " has not left " + where +
             ", as far as can be told: " + address +
             " is in memory near its stack, where it may have left frames to "
             "run on a fiber";
    case frame_place::first_stack:
      return who + " has not left " + where + ": " + address +
             " is on the stack that it was started on; it runs on another one "
             "now";
    case frame_place::unreadable:
      return who + " runs on a stack that cannot be read: " + address;
    case frame_place::too_large:
      break;
  }
  return who + " runs on a stack of its own, at " + address + ", amid " +
         std::to_string(what.size >> 20) +
         " MiB of memory; to search all of it would take too long while the "
         "process stands";
}

}  // namespace

std::string find_inside(const stopped_process& process,
                        const std::vector<occupied_code>& code)
{
  if (code.empty())
    return {};
  std::vector<code_range> wanted;
  for (const occupied_code& each : code)
    wanted.push_back({each.begin, each.end, each.name.c_str(),
                      each.whole ? code_kind::whole : code_kind::body});
  const searched_memory memory(process.threads().front().process());
  code_ranges ranges;
  throw_if_failed(ranges.prepare(wanted, memory.view()));
  const std::vector<unwind_table> tables = memory.tables();
  memory.throw_failure();
  frame_search search(ranges, tables, memory.view());
  for (const tracee& thread : process.threads()) {
    const user_regs_struct at = thread.registers();
    searched_thread one;
    one.registers = registers_of(at);
    one.thread_pointer = at.fs_base;
    one.first = thread.id() == thread.process();
    frame_finding finding{};
    const bool found = search.find(one, finding);
    memory.throw_failure();
    if (found && !is_worker(thread, at))
      return describe(thread, finding, code);
  }
  return {};
}

}  // namespace hotpatch::outside
