// What the program that measures calls and its variants share.
//
// calls.cc is linked with the functions (shapes.py) as a peer compiles them,
// and with one prepare_*.cc, which brings them into the state that is measured.
//
// SPDX-License-Identifier: MIT
#ifndef HOTPATCH_BENCH_CALLS_CALLS_H
#define HOTPATCH_BENCH_CALLS_CALLS_H

namespace bench {

// A function by its name and what it is to be replaced with, which calls
// `*original` if there is such a variable.
struct shape {
  const char* name;
  int (*call)(int);
  int (**original)(int);
};
// The tables of shapes.py, in the program or in a shared object.
extern "C" const shape shape_table[];
extern "C" const int shape_table_size;

// Called once before anything is measured, with the program's first argument.
// False: the state could not be reached.
bool prepare(const char* state);

}  // namespace bench

#endif
