// A process that starts and ends; with an argument, all functions are replaced
// in between.
// SPDX-License-Identifier: MIT
#include "bench/engine.h"

int main(int argc, char**)
{
  using namespace bench;
  if (argc > 1) {
    engine::start();
    if (!engine::apply_many(subject_count))
      return 1;
  }
  return subjects[0].call(0) == -1;
}
