// What every way of changing functions offers to the programs that measure it.
//
// A program of this directory is built once for each engine: the engine and the
// functions are compiled as that way wants them, the program stays the same.
// One thread at a time changes functions; any number may call them.
//
// SPDX-License-Identifier: MIT
#ifndef HOTPATCH_BENCH_ENGINE_H
#define HOTPATCH_BENCH_ENGINE_H

#include <cstddef>

namespace bench {

// The functions, made by functions.py: each adds its own number to `x`.
struct subject {
  const char* name;
  int (*call)(int x);
};
extern "C" const subject subjects[];
extern "C" const std::size_t subject_count;

namespace engine {

// Before anything else, and before other threads.  Not measured.
void start();

// One function is replaced by another one that does next to nothing, or is its
// own again.  False: it did not work.
bool apply(std::size_t which);
bool revert(std::size_t which);

// The same for the first `count` functions at once; or for all, where that is
// all that the engine can do.
bool apply_many(std::size_t count);
bool revert_many(std::size_t count);

// Whether the calling thread's last call, which returned `result`, entered the
// replacement.
bool entered_replacement(int result);

}  // namespace engine

}  // namespace bench

#endif
