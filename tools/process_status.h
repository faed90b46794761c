// Which patches a process has, and which it lacks.
//
// The process is only read and does not stop.  One thread at a time.
//
// SPDX-License-Identifier: MIT
#ifndef HOTPATCH_TOOLS_PROCESS_STATUS_H
#define HOTPATCH_TOOLS_PROCESS_STATUS_H

#include <cstdint>
#include <string>
#include <vector>

#include <sys/types.h>

#include "format/patch_record.h"

namespace hotpatch::tools {

struct patch_status {
  std::string name;
  std::uint32_t version = 0;
  format::patch_phase phase = format::patch_phase::loaded;
  std::uint64_t sequence = 0;  // of application in its process
  std::string path;
  // It was applied, but is not in effect on every site any more: the module was
  // unloaded, and perhaps loaded again.
  bool lost = false;

  bool is_applied() const
  {
    return phase == format::patch_phase::applied && !lost;
  }

  // The command that did it was killed.
  bool is_half_done() const
  {
    return phase == format::patch_phase::applying ||
           phase == format::patch_phase::reverting;
  }
};

struct process_status {
  pid_t pid = 0;
  std::string program;
  std::size_t images = 0;             // that have sites
  std::vector<patch_status> patches;  // in the order of their application
  std::vector<std::string> lacks;     // names of wanted patches
  std::vector<std::string> damages;   // why images of it cannot be read
  // Lacks none, and none is half applied or lost.
  bool is_in_order() const;
};

// By reading its memory, and by asking it if it offers a control socket. Throws
// tool_error if neither is possible.
process_status read_process_status(pid_t pid);

// The same; a process is asked only if its memory may not be read.
process_status read_status_of_many(pid_t);

// Fills `lacks`: of the wanted patches, or, if none is named, of those that
// another process of the same program has.
void find_lacking(std::vector<process_status>& all,
                  const std::vector<std::string>& wanted);

const char* state_word(const patch_status& patch);

}  // namespace hotpatch::tools

#endif
