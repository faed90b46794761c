// What the library says about its work, where the program asked for it.
//
// Any thread, without the library's lock: the program's handler may call the
// library.
//
// SPDX-License-Identifier: MIT
#ifndef HOTPATCH_RUNTIME_LOG_H
#define HOTPATCH_RUNTIME_LOG_H

#include "runtime/include/hotpatch.h"

namespace hotpatch {

[[gnu::format(printf, 2, 3)]] void log(hp_log_level level, const char* format,
                                       ...) noexcept;

}  // namespace hotpatch

#endif
