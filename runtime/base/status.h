// How a failure travels through the runtime: a status number by return value,
// and its words in a buffer of the calling thread; and which call of the
// program failed.
//
// Every layer may call this from any thread.  Nothing here allocates, so that
// running out of memory can be reported; nothing here is async-signal-safe.
//
// SPDX-License-Identifier: MIT
#ifndef HOTPATCH_RUNTIME_STATUS_H
#define HOTPATCH_RUNTIME_STATUS_H

#include "runtime/include/hotpatch.h"

namespace hotpatch {

// The call of the program that the library is serving.
struct call_context {
  const char* function = nullptr;  // of hotpatch.h, for messages
  // Its __builtin_frame_address: what lies below is the library's own.
  const void* frame = nullptr;
};

// Puts the formatted detail (printf) in the calling thread's buffer, cutting it
// at the buffer's size, and returns `code`, so that a failing function ends in
//     return fail(HP_FOREIGN, "%s: ...", name);
[[nodiscard]] [[gnu::format(printf, 2, 3)]] hp_status fail(hp_status code,
                                                           const char* format,
                                                           ...) noexcept;

// The same with the words of the thread's last failure after the formatted ones
// and a colon:
//     return fail_because(status, "%s", file);
[[nodiscard]] [[gnu::format(printf, 2, 3)]] hp_status fail_because(
    hp_status code, const char* format, ...) noexcept;

// The same with the formatted words after those of the thread's last failure:
//     return fail_also(status, "; %s stays loaded", file);
[[nodiscard]] [[gnu::format(printf, 2, 3)]] hp_status fail_also(
    hp_status code, const char* format, ...) noexcept;

// Puts words about a success there, for the calls whose documentation says so.
// An empty text: there is nothing to say.
[[gnu::format(printf, 1, 2)]] void remark(const char* format, ...) noexcept;

// What hp_error_message() returns.
[[nodiscard]] const char* last_message() noexcept;

}  // namespace hotpatch

#endif
