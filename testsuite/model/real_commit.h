// Plans that the library's own commit code makes.
//
// level.cc, commit.cc, breakpoint.cc, trap_detour.cc and encode.cc run
// unchanged; below them stand a writer, a barrier and a cell that note down
// what they are asked for, and between any two steps the library's SIGTRAP
// handler is asked where it would send a thread.  The page that is written to
// is the model's text, at the model's address.  One at a time, from one thread.
//
// SPDX-License-Identifier: MIT
#ifndef HOTPATCH_TESTSUITE_MODEL_REAL_COMMIT_H
#define HOTPATCH_TESTSUITE_MODEL_REAL_COMMIT_H

#include <cstdint>
#include <vector>

#include "runtime/include/hotpatch.h"
#include "runtime/text/text_writer.h"
#include "testsuite/model/protocol.h"

namespace hotpatch::model {

// The writes of the breakpoint protocol that may fail, and the barriers that
// may miss a thread.
enum class fault {
  none,
  pad,
  int3,
  barrier_behind_int3,
  tail,
  barrier_behind_tail,
  head,
};

struct recording {
  steps plan;
  hp_status status;
  std::vector<std::uint8_t> text;  // as it was left behind
};

// What commit() does with that writer to go from one function to another.  The
// first write of the kind `failing` stops half way and fails; such a barrier
// does nothing.
recording record_commit(writer_kind writer, const site& site,
                        const resting& from, function to,
                        fault failing = fault::none,
                        hp_level level = HP_IMMEDIATE);

// The same as a protocol.
protocol real_commit(writer_kind writer, fault failing = fault::none,
                     hp_level level = HP_IMMEDIATE);

}  // namespace hotpatch::model

#endif
