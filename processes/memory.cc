// process_vm_readv(2), and /proc/PID/mem where there is none.
//
// SPDX-License-Identifier: MIT
#include "processes/memory.h"

#include <algorithm>
#include <cerrno>
#include <string>

#include <fcntl.h>
#include <sys/uio.h>
#include <unistd.h>

#include "processes/access.h"
#include "processes/proc_path.h"
#include "processes/threads.h"
#include "runtime/base/file_descriptor.h"
#include "runtime/base/page_size.h"

namespace hotpatch {

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
