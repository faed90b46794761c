// Plans that the library's own commit code makes.
//
// level.cc, commit.cc and encode.cc run unchanged; below them stand a writer, a
// barrier, a cell, junctions and a stop that note down what they are asked for.
// The page that is written to is the model's text, at the model's address.  One
// at a time, from one thread.
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

// Writes that may fail, and barriers that may miss a thread.
enum class fault {
  none,
  pad,
  word,
  barrier_behind_pad,
  barrier_behind_word,
};

// What the site changes with.
enum class company {
  alone,
  with_another,  // a second site, of which no step is noted down
};

struct recording {
  steps plan;
  hp_status status;
  std::vector<std::uint8_t> text;  // as it was left behind
};

struct commit_kind {
  writer_kind writer = writer_kind::rwx_window;
  hp_level level = HP_IMMEDIATE;
  company with = company::alone;
  fault failing = fault::none;
};

// What commit() does to go from one function to another.  The first write of
// the kind `failing` stops half way and fails; such a barrier does nothing.
recording record_commit(const commit_kind& kind, const site& site,
                        const resting& from, function to);

// The same as a protocol.
protocol real_commit(const commit_kind& kind);

}  // namespace hotpatch::model

#endif
