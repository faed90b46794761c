// Visits every state that a scenario can reach, and keeps the shortest way to
// the first violation.
//
// SPDX-License-Identifier: MIT
#ifndef HOTPATCH_TESTSUITE_MODEL_EXPLORER_H
#define HOTPATCH_TESTSUITE_MODEL_EXPLORER_H

#include <cstddef>
#include <set>
#include <string>

#include "testsuite/model/machine.h"

namespace hotpatch::model {

struct exploration {
  std::size_t states = 0;
  std::set<function> entered;  // what calls ended in, on the way
  std::string violation;       // empty: none is reachable
  std::string counterexample;  // the way there, one line for each step
};

// Throws std::length_error beyond `most_states`: not all was seen then.
exploration explore(const scenario& scenario,
                    std::size_t most_states = 4'000'000);

}  // namespace hotpatch::model

#endif
