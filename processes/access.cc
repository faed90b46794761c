// Why a process cannot be read, in words.
//
// SPDX-License-Identifier: MIT
#include "processes/access.h"

#include <cerrno>
#include <charconv>
#include <cstring>
#include <string>

#include <elf.h>
#include <sys/stat.h>
#include <unistd.h>

#include "processes/proc_file.h"
#include "processes/threads.h"
#include "processes/trouble.h"

namespace hotpatch {

namespace {

[[noreturn]] void refuse(pid_t pid, const std::string& reason)
{
  throw trouble(process_text(pid) + reason);
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
  const auto text = read_proc_file("/proc/sys/kernel/yama/ptrace_scope");
  int scope = 0;
  if (text)
    std::from_chars(text->data(), text->data() + text->size(), scope);
  return scope;
}

[[noreturn]] void explain_denied(pid_t pid)
{
  struct stat about;
  if (stat(proc_path(pid).c_str(), &about) == 0 && about.st_uid != geteuid() &&
      geteuid() != 0)
    refuse(pid, " belongs to another user (uid " +
                    std::to_string(about.st_uid) +
                    "), or the system protects it; do it as that user "
                    "or as root");
  switch (ptrace_scope()) {
    case 1:
      refuse(pid,
             ": the system lets only a parent read it "
             "(kernel.yama.ptrace_scope is 1); do it as root, or allow "
             "it with: sysctl kernel.yama.ptrace_scope=0");
    case 2:
      refuse(pid,
             ": the system lets only an administrator read it "
             "(kernel.yama.ptrace_scope is 2); do it as root");
    case 3:
      refuse(pid,
             ": the system lets no process read it until the next boot "
             "(kernel.yama.ptrace_scope is 3)");
    default:
      refuse(pid,
             ": the system refuses to let it be read; do it as root, "
             "in a container with the capability SYS_PTRACE");
  }
}

}  // namespace

void check_process(pid_t pid)
{
  switch (process_state(pid)) {
    case '\0':
      refuse(pid, ": there is no such process");
    case 'Z':
    case 'X':
      if (memory_thread(pid) != pid)
        break;
      refuse(pid,
             " has ended and only waits for its parent to notice (a zombie); "
             "it has no memory left to look at");
    default:
      break;
  }
  std::string exe = memory_path(pid, "/exe");
  char path[1];
  if (readlink(exe.c_str(), path, sizeof path) < 0) {
    if (errno == ENOENT)
      refuse(pid, " is a kernel thread: it runs no program");
    refuse_access(pid, errno);
  }
  const auto ident = read_proc_file(exe, EI_NIDENT);
  if (ident && ident->size() == EI_NIDENT && (*ident)[EI_CLASS] == ELFCLASS32)
    refuse(pid, " is a 32-bit program; patch sites exist only for x86-64");
}

void refuse_access(pid_t pid, int error)
{
  switch (error) {
    case ESRCH:
    case ENOENT:
      refuse(pid, " exited while it was being read");
    case EPERM:
    case EACCES:
      explain_denied(pid);
    default:
      refuse(pid, std::string(" cannot be read: ") + std::strerror(error));
  }
}

}  // namespace hotpatch
