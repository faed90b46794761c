// The program's log handler, and HOTPATCH_LOG.
// SPDX-License-Identifier: MIT
#include "runtime/library/log.h"

#include <atomic>
#include <cstdarg>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <unistd.h>

#include "runtime/base/system_call.h"
#include "runtime/threads/locks.h"

namespace hotpatch {

namespace {

struct listener {
  hp_log_handler handler;
  void* data;
};

// Handler and data belong together; the flag keeps the common case, in which
// nothing listens, free of the lock.
constinit process_lock mutex(lock_rank::log);
constinit listener installed = {};
constinit std::atomic<bool> anybody{false};
constinit std::atomic<int> stderr_level{-1};  // -1: not looked up yet

listener current_listener()
{
  if (!anybody.load(std::memory_order_acquire))
    return {};
  const process_lock_guard guard(mutex);
  return installed;
}

int look_up_stderr_level()
{
  const char* wanted = secure_getenv("HOTPATCH_LOG");
  if (wanted == nullptr)
    return 0;
  if (std::strcmp(wanted, "error") == 0)
    return HP_LOG_ERROR;
  if (std::strcmp(wanted, "info") == 0)
    return HP_LOG_INFO;
  return std::strcmp(wanted, "debug") == 0 ? HP_LOG_DEBUG : 0;
}

int wanted_on_stderr()
{
  int level = stderr_level.load(std::memory_order_relaxed);
  if (level < 0) {
    level = look_up_stderr_level();
    stderr_level.store(level, std::memory_order_relaxed);
  }
  return level;
}

void print(const char* message)
{
  char line[2200];
  const int size = std::snprintf(line, sizeof line, "hotpatch: %s\n", message);
  // One write, so that lines of several threads do not mix; past the C
  // library, which would change errno and end a thread that is to be cancelled.
  if (size > 0 && system_call(SYS_write, STDERR_FILENO, line, size) < 0)
    stderr_level.store(0, std::memory_order_relaxed);  // it cannot be read
}

}  // namespace

void log(hp_log_level level, const char* format, ...) noexcept
{
  const listener to = current_listener();
  const bool printed = level <= wanted_on_stderr();
  if (to.handler == nullptr && !printed)
    return;
  char message[2100];
  va_list arguments;
  va_start(arguments, format);
  std::vsnprintf(message, sizeof message, format, arguments);
  va_end(arguments);
  if (printed)
    print(message);
  if (to.handler != nullptr)
    to.handler(level, message, to.data);
}

}  // namespace hotpatch

extern "C" void hp_set_log(hp_log_handler handler, void* data)
{
  using namespace hotpatch;
  const process_lock_guard guard(mutex);
  installed = {handler, data};
  anybody.store(handler != nullptr, std::memory_order_release);
}
