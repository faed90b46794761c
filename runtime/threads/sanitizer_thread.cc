// Recognising it before there are others.
// SPDX-License-Identifier: MIT
#include "runtime/threads/sanitizer_thread.h"

#include <csignal>
#include <pthread.h>

#include "runtime/base/deadline.h"
#include "runtime/threads/thread_list.h"

// There in every program with the thread sanitizer, and only there.
extern "C" [[gnu::weak]] void __tsan_init();

// Weak: before glibc 2.34 it is in a library of its own, which a program with
// one thread does not link.
#pragma weak pthread_create
#pragma weak pthread_join

namespace hotpatch {

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
