// /proc/self/task, read with plain system calls.
//
// SPDX-License-Identifier: MIT
#include "runtime/threads/thread_list.h"

#include <cerrno>
#include <csignal>
#include <cstring>

#include <fcntl.h>
#include <pthread.h>
#include <sys/stat.h>

#include "runtime/base/deadline.h"
#include "runtime/base/kernel_worker.h"
#include "runtime/base/number.h"
#include "runtime/base/raw_file.h"
#include "runtime/base/system_call.h"

// There in every program with the thread sanitizer, and only there.
extern "C" [[gnu::weak]] void __tsan_init();

// Weak: before glibc 2.34 it is in a library of its own, which a program with
// one thread does not link.
#pragma weak pthread_create
#pragma weak pthread_join

namespace hotpatch {

namespace {

constexpr char task_directory[] = "/proc/self/task";

// A directory's two links; the others are one for each thread:
// proc_task_getattr() in the kernel's fs/proc/base.c.
constexpr std::size_t directory_links = 2;

// getdents64(2)
struct directory_entry {
  std::uint64_t inode;
  std::int64_t offset;
  std::uint16_t size;
  std::uint8_t type;
  char name[1];
};

// 0: not a number ("." and "..").
pid_t parse_thread(const char* name)
{
  return parse_number<pid_t>(name).value_or(0);
}

// A file of /proc/self/task/THREAD.
class thread_path {
 public:
  thread_path(pid_t thread, const char* file) noexcept
  {
    char digits[12];
    std::size_t count = 0;
    for (; thread != 0; thread /= 10)
      digits[count++] = static_cast<char>('0' + thread % 10);

    char* at = text_;
    std::memcpy(at, task_directory, sizeof task_directory - 1);
    at += sizeof task_directory - 1;
    *at++ = '/';
    while (count != 0)
      *at++ = digits[--count];
    *at++ = '/';
    std::strcpy(at, file);
  }
  const char* text() const noexcept { return text_; }

 private:
  char text_[64];
};

// A short one, ended with a NUL.
std::size_t read_thread_file(pid_t thread, const char* file, char* buffer,
                             std::size_t size)
{
  const raw_file source(thread_path(thread, file).text(), O_RDONLY);
  const long got = source ? source.read(buffer, size - 1) : 0;
  const std::size_t length = got > 0 ? static_cast<std::size_t>(got) : 0;
  buffer[length] = '\0';
  return length;
}

std::uint64_t hexadecimal(const char* text)
{
  std::uint64_t value = 0;
  for (;; ++text)
    if (*text >= '0' && *text <= '9')
      value = value << 4 | static_cast<std::uint64_t>(*text - '0');
    else if (*text >= 'a' && *text <= 'f')
      value = value << 4 | static_cast<std::uint64_t>(*text - 'a' + 10);
    else
      return value;
}

// What is after `name` at the beginning of the line; null: it is another line.
const char* value_of(const char* line, const char* name)
{
  const std::size_t length = std::strlen(name);
  return std::strncmp(line, name, length) == 0 ? line + length : nullptr;
}

}  // namespace

pid_t own_thread_id() noexcept
{
  return static_cast<pid_t>(system_call(SYS_gettid));
}

pid_t own_process_id() noexcept
{
  return static_cast<pid_t>(system_call(SYS_getpid));
}

pid_t own_process_in_proc() noexcept
{
  char number[16];
  const long length = system_call(SYS_readlinkat, AT_FDCWD, "/proc/self",
                                  number, sizeof number - 1);
  if (length < 0)
    return static_cast<pid_t>(length);
  number[length] = '\0';
  return parse_thread(number);
}

std::size_t count_threads() noexcept
{
  struct stat count;
  return system_call(SYS_newfstatat, AT_FDCWD, task_directory, &count, 0) == 0
             ? count.st_nlink - directory_links
             : 0;
}

int list_threads(thread_visitor visit, void* data,
                 std::size_t& counted) noexcept
{
  const raw_file directory(task_directory, O_RDONLY | O_DIRECTORY);
  if (!directory)
    return directory.error();
  alignas(directory_entry) char listing[4096];
  for (;;) {
    const long got = system_call(SYS_getdents64, directory.descriptor(),
                                 listing, sizeof listing);
    if (got < 0)
      return static_cast<int>(-got);
    if (got == 0)
      break;
    for (long at = 0; at < got;) {
      const auto* entry =
          reinterpret_cast<const directory_entry*>(listing + at);
      if (const pid_t thread = parse_thread(entry->name))
        visit(thread, data);
      at += entry->size;
    }
  }
  struct stat count;
  const long failed = system_call(SYS_fstat, directory.descriptor(), &count);
  if (failed < 0)
    return static_cast<int>(-failed);
  counted = count.st_nlink - directory_links;
  return 0;
}

bool thread_status::blocks_everything() const noexcept
{
  constexpr std::uint64_t unblockable = 1ull << (9 - 1) | 1ull << (19 - 1);
  return (blocked | unblockable) == ~0ull;
}

// Line by line: that of a user's groups may have several thousand of them.
bool read_thread_status(pid_t thread, thread_status& status) noexcept
{
  const raw_file source(thread_path(thread, "status").text(), O_RDONLY);
  raw_lines lines(source);
  bool complete = false;
  while (const char* line = source ? lines.next() : nullptr) {
    if (const char* state = value_of(line, "State:\t"))
      status.state = *state;
    else if (const char* tracer = value_of(line, "TracerPid:\t"))
      status.tracer = parse_thread(tracer);
    else if (const char* pending = value_of(line, "SigPnd:\t"))
      status.pending = hexadecimal(pending);
    else if (const char* shared = value_of(line, "ShdPnd:\t"))
      status.process_pending = hexadecimal(shared);
    else if (const char* blocked = value_of(line, "SigBlk:\t")) {
      status.blocked = hexadecimal(blocked);
      complete = true;
    }
  }
  return complete;
}

bool read_thread_system_call(pid_t thread, thread_system_call& call) noexcept
{
  char text[256];
  const char* at = text;
  if (read_thread_file(thread, "syscall", text, sizeof text) == 0 ||
      !take_number(at, text + std::strlen(text), call.number))
    return false;
  const char* const argument = std::strstr(text, " 0x");
  call.first_argument = argument != nullptr ? hexadecimal(argument + 3) : 0;
  return argument != nullptr;
}

bool is_kernel_worker(pid_t thread, const thread_status& status) noexcept
{
  // The kernel has them block what can be blocked (create_io_thread() in
  // kernel/fork.c).
  char text[512];
  return status.blocks_everything() &&
         read_thread_file(thread, "stat", text, sizeof text) != 0 &&
         is_kernel_worker(text);
}

void read_thread_name(pid_t thread, thread_name& name) noexcept
{
  const std::size_t length =
      read_thread_file(thread, "comm", name, sizeof name);
  if (length != 0 && name[length - 1] == '\n')
    name[length - 1] = '\0';
}

// Recognising it before there are others.

namespace {

constinit pid_t process = 0;  // a forked child has another one, or none
constinit pid_t sanitizer = 0;

void note(pid_t thread, void*)
{
  if (thread != own_thread_id())
    sanitizer = thread;
}

void* end_at_once(void* nothing)
{
  return nothing;
}

std::size_t count_others()
{
  std::size_t count = 0;
  return list_threads(note, nullptr, count) == 0 ? count - 1 : 0;
}

// The sanitizer begins its thread with the first one of the program.  So where
// this library finds no thread but its own when it is loaded, it begins one and
// waits for its end; what is there then is the sanitizer's.  Where there are
// others already, because the library was loaded later, it cannot be told.
// Before the library's other constructors: one may begin a thread that stays.
[[gnu::constructor(1000)]] void look_for_it()
{
  pthread_t first;
  if (&__tsan_init == nullptr || count_others() != 0 ||
      pthread_create(&first, nullptr, end_at_once, nullptr) != 0)
    return;
  pthread_join(first, nullptr);
  constexpr int most = 1000;  // an ended thread is listed for a moment
  for (int tries = 0; tries < most && count_others() != 1; ++tries)
    sleep_for(100'000);
  thread_status status;
  if (count_others() == 1 && read_thread_status(sanitizer, status) &&
      status.blocks(SIGTRAP) && status.blocks(SIGRTMAX))
    process = own_process_id();
}

}  // namespace

bool is_sanitizer_thread(pid_t thread) noexcept
{
  return process != 0 && thread == sanitizer && process == own_process_id();
}

}  // namespace hotpatch
