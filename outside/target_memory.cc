// /proc/PID/mem.
//
// SPDX-License-Identifier: MIT
#include "outside/target_memory.h"

#include <cerrno>
#include <cstring>
#include <string>

#include <fcntl.h>
#include <unistd.h>

#include "processes/errors.h"
#include "processes/memory.h"
#include "processes/proc_file.h"
#include "processes/process_list.h"
#include "processes/text.h"

namespace hotpatch::outside {

namespace {

[[noreturn]] void throw_memory_error(pid_t process, std::uint64_t address,
                                     const char* what)
{
  const int error = errno;
  std::string text = process_text(process) + ": memory at 0x";
  append_hex(text, address);
  throw tool_error(text + " cannot be " + what + ": " + std::strerror(error));
}

}  // namespace

target_memory::target_memory(pid_t process)
    : process_(process),
      file_(open(memory_path(process, "/mem").c_str(), O_RDWR | O_CLOEXEC))
{
  if (!file_)
    refuse_access(process, errno);
}

std::size_t target_memory::read_some(std::uint64_t address,
                                     std::span<std::uint8_t> into) const
{
  std::size_t done = 0;
  while (done < into.size()) {
    const ssize_t got =
        pread(file_.get(), into.data() + done, into.size() - done,
              static_cast<off_t>(address + done));
    if (got < 0 && errno == EINTR)
      continue;
    if (got <= 0)
      break;
    done += static_cast<std::size_t>(got);
  }
  return done;
}

void target_memory::read(std::uint64_t address,
                         std::span<std::uint8_t> into) const
{
  errno = 0;
  if (read_some(address, into) != into.size())
    throw_memory_error(process_, address, "read");
}

void target_memory::write(std::uint64_t address,
                          std::span<const std::uint8_t> bytes)
{
  while (!bytes.empty()) {
    const ssize_t done = pwrite(file_.get(), bytes.data(), bytes.size(),
                                static_cast<off_t>(address));
    if (done < 0 && errno == EINTR)
      continue;
    if (done <= 0)
      throw_memory_error(process_, address, "written");
    bytes = bytes.subspan(static_cast<std::size_t>(done));
    address += static_cast<std::uint64_t>(done);
  }
}

}  // namespace hotpatch::outside
