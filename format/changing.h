// What the library says of a change that it is making, to those who stop the
// process and change it from outside.
//
// The section holds a word for each copy of the library in a process: the
// number of the thread, as gettid(2) gives it in the PID namespace of that
// thread, whose commit writes patch words and cells at this moment; 0: none
// does.  A thread that is stopped there has read what it is about to replace,
// and goes on to write over whatever was put there in between.
//
// A child of a fork that passes by the library's locks may have the number of a
// thread that it has not.
//
// SPDX-License-Identifier: MIT
#ifndef HOTPATCH_FORMAT_CHANGING_H
#define HOTPATCH_FORMAT_CHANGING_H

#include <cstdint>

namespace hotpatch::format {

inline constexpr char changing_section_name[] = ".hotpatch.changing";

using changing_thread = std::uint64_t;

}  // namespace hotpatch::format

#endif
