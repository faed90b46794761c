// The calling thread's last failure in words.
//
// Not thread_local: a shared object that is loaded by dlopen() gets its
// thread-local memory either from a reserve of the C library, which others may
// have used up, or from malloc(), which ends the process if there is none.
//
// SPDX-License-Identifier: MIT
#include "runtime/base/status.h"

#include <atomic>
#include <cstdarg>
#include <cstdio>
#include <cstring>
#include <iterator>
#include <pthread.h>
#include <sys/mman.h>

#include "runtime/base/system_call.h"

namespace hotpatch {

namespace {

struct message {
  std::atomic<bool> taken;
  char text[2048 - sizeof(std::atomic<bool>)];
};

// The first threads that need one need no memory for it.
constinit message first_ones[8] = {};

// Where there is no other; threads may overwrite each other's.
constinit message shared = {};

constinit pthread_key_t message_of_thread{};
constinit bool has_key = false;

bool is_first_one(const message* each)
{
  return each >= first_ones && each < first_ones + std::size(first_ones);
}

void give_back(void* data)
{
  auto* const own = static_cast<message*>(data);
  if (is_first_one(own)) {
    own->text[0] = '\0';
    own->taken.store(false, std::memory_order_release);
  } else {
    system_call(SYS_munmap, own, sizeof *own);
  }
}

[[gnu::constructor(101)]] void make_key()
{
  has_key = pthread_key_create(&message_of_thread, give_back) == 0;
}

message* take()
{
  for (message& each : first_ones)
    if (!each.taken.exchange(true, std::memory_order_acquire))
      return &each;
  // From the kernel: malloc's lock may be held by a thread that stands still.
  const long at =
      system_call(SYS_mmap, 0, sizeof(message), PROT_READ | PROT_WRITE,
                  MAP_PRIVATE | MAP_ANONYMOUS, -1);
  return at < 0 ? nullptr : reinterpret_cast<message*>(at);
}

message& own_message()
{
  if (!has_key)
    return shared;
  if (void* const known = pthread_getspecific(message_of_thread))
    return *static_cast<message*>(known);
  message* const made = take();
  if (made == nullptr)
    return shared;
  if (pthread_setspecific(message_of_thread, made) == 0)
    return *made;
  give_back(made);
  return shared;
}

}  // namespace

hp_status fail(hp_status code, const char* format, ...) noexcept
{
  message& own = own_message();
  va_list arguments;
  va_start(arguments, format);
  std::vsnprintf(own.text, sizeof own.text, format, arguments);
  va_end(arguments);
  return code;
}

hp_status fail_because(hp_status code, const char* format, ...) noexcept
{
  message& own = own_message();
  char reason[sizeof own.text];
  std::memcpy(reason, own.text, sizeof reason);
  va_list arguments;
  va_start(arguments, format);
  const int length =
      std::vsnprintf(own.text, sizeof own.text, format, arguments);
  va_end(arguments);
  if (length >= 0 && static_cast<std::size_t>(length) < sizeof own.text)
    std::snprintf(own.text + length,
                  sizeof own.text - static_cast<std::size_t>(length), ": %s",
                  reason);
  return code;
}

hp_status fail_also(hp_status code, const char* format, ...) noexcept
{
  message& own = own_message();
  const std::size_t used = std::strlen(own.text);
  va_list arguments;
  va_start(arguments, format);
  std::vsnprintf(own.text + used, sizeof own.text - used, format, arguments);
  va_end(arguments);
  return code;
}

void remark(const char* format, ...) noexcept
{
  message& own = own_message();
  va_list arguments;
  va_start(arguments, format);
  std::vsnprintf(own.text, sizeof own.text, format, arguments);
  va_end(arguments);
}

const char* last_message() noexcept
{
  const void* const own =
      has_key ? pthread_getspecific(message_of_thread) : nullptr;
  return own != nullptr ? static_cast<const message*>(own)->text : shared.text;
}

}  // namespace hotpatch
