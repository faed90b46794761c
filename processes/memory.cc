// Why a process cannot be read, in words; process_vm_readv(2), and
// /proc/PID/mem where there is none.
//
// SPDX-License-Identifier: MIT
#include "processes/memory.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <string>

#include <elf.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include "processes/errors.h"
#include "processes/proc_file.h"
#include "processes/process_list.h"
#include "runtime/base/file_descriptor.h"
#include "runtime/base/number.h"
#include "runtime/base/page_size.h"

namespace hotpatch {

namespace {

[[noreturn]] void throw_access_error(pid_t pid, const std::string& reason)
{
  throw tool_error(process_text(pid) + reason);
}

// The letter after the command's closing parenthesis, proc(5); 0 if the
// process is gone.
char process_state(pid_t pid)
{
  const auto text = read_proc_file(proc_path(pid, "/stat"));
  const std::size_t closing = text ? text->rfind(") ") : std::string::npos;
  return closing == std::string::npos || closing + 2 >= text->size()
             ? '\0'
             : (*text)[closing + 2];
}

// Documentation/admin-guide/LSM/Yama.rst; absent where Yama is not built in.
int ptrace_scope()
{
  const std::string text =
      read_proc_file("/proc/sys/kernel/yama/ptrace_scope").value_or("");
  const char* at = text.data();
  int scope = 0;
  return take_number(at, at + text.size(), scope) ? scope : 0;
}

[[noreturn]] void explain_denied(pid_t pid)
{
  struct stat about;
  if (stat(proc_path(pid).c_str(), &about) == 0 && about.st_uid != geteuid() &&
      geteuid() != 0)
    throw_access_error(
        pid, " belongs to another user (uid " + std::to_string(about.st_uid) +
                 "), or the system protects it; do it as that user "
                 "or as root");
  switch (ptrace_scope()) {
    case 1:
      throw_access_error(
          pid,
          ": the system lets only a parent read it "
          "(kernel.yama.ptrace_scope is 1); do it as root, or allow "
          "it with: sysctl kernel.yama.ptrace_scope=0");
    case 2:
      throw_access_error(pid,
                         ": the system lets only an administrator read it "
                         "(kernel.yama.ptrace_scope is 2); do it as root");
    case 3:
      throw_access_error(
          pid,
          ": the system lets no process read it until the next boot "
          "(kernel.yama.ptrace_scope is 3)");
    default:
      throw_access_error(
          pid,
          ": the system refuses to let it be read; do it as root, "
          "in a container with the capability SYS_PTRACE");
  }
}

}  // namespace

void check_process(pid_t pid)
{
  switch (process_state(pid)) {
    case '\0':
      throw_access_error(pid, ": there is no such process");
    case 'Z':
    case 'X':
      if (memory_thread(pid) != pid)
        break;
      throw_access_error(
          pid,
          " has ended and only waits for its parent to notice (a zombie); "
          "it has no memory left to look at");
    default:
      break;
  }
  std::string exe = memory_path(pid, "/exe");
  char path[1];
  if (readlink(exe.c_str(), path, sizeof path) < 0) {
    if (errno == ENOENT)
      throw_access_error(pid, " is a kernel thread: it runs no program");
    refuse_access(pid, errno);
  }
  const auto ident = read_proc_file(exe, EI_NIDENT);
  if (ident && ident->size() == EI_NIDENT && (*ident)[EI_CLASS] == ELFCLASS32)
    throw_access_error(
        pid, " is a 32-bit program; patch sites exist only for x86-64");
}

void refuse_access(pid_t pid, int error)
{
  switch (error) {
    case ESRCH:
    case ENOENT:
      throw_access_error(pid, " exited while it was being read");
    case EPERM:
    case EACCES:
      explain_denied(pid);
    default:
      throw_access_error(
          pid, std::string(" cannot be read: ") + std::strerror(error));
  }
}

namespace {

constexpr std::size_t window_size = 64 * page_size;

// For kernels and containers that have no process_vm_readv.
ssize_t read_proc_mem(pid_t pid, std::uint64_t address,
                      std::span<std::uint8_t> into)
{
  std::string path = memory_path(pid, "/mem");
  file_descriptor file(open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file)
    return -1;
  return pread(file.get(), into.data(), into.size(),
               static_cast<off_t>(address));
}

}  // namespace

process_memory::process_memory(pid_t pid)
    : pid_(pid), thread_(memory_thread(pid))
{
}

std::size_t process_memory::read(std::uint64_t address,
                                 std::span<std::uint8_t> into) const
{
  iovec local = {into.data(), into.size()};
  iovec remote = {reinterpret_cast<void*>(address), into.size()};
  ssize_t got = process_vm_readv(thread_, &local, 1, &remote, 1, 0);
  if (got < 0 && (errno == ENOSYS || errno == EPERM))
    got = read_proc_mem(pid_, address, into);
  if (got >= 0)
    return static_cast<std::size_t>(got);
  if (errno == EFAULT || errno == EIO)
    return 0;
  refuse_access(pid_, errno);
}

bool process_memory::fetch(std::uint64_t address,
                           std::span<std::uint8_t> into) const
{
  return read(address, into) == into.size();
}

bool process_memory::cached(std::uint64_t address, std::span<std::uint8_t> into)
{
  std::uint64_t offset = address - window_begin_;
  if (offset >= window_.size() || into.size() > window_.size() - offset) {
    window_begin_ = address & ~std::uint64_t{page_size - 1};
    window_.resize(window_size);
    // A window may end where the mapping does.
    window_.resize(read(window_begin_, window_));
    offset = address - window_begin_;
    if (offset >= window_.size() || into.size() > window_.size() - offset)
      return false;
  }
  std::copy_n(window_.begin() + static_cast<std::ptrdiff_t>(offset),
              into.size(), into.begin());
  return true;
}

}  // namespace hotpatch
