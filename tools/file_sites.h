// Files as listings: an executable, shared object or object file is one, an
// archive one per member that has sites.
//
// Owns the invariant that a listing comes only from a section whose every
// record is sound: a file is read to its end before any of it is shown.  One
// thread at a time.
//
// SPDX-License-Identifier: MIT
#ifndef HOTPATCH_TOOLS_FILE_SITES_H
#define HOTPATCH_TOOLS_FILE_SITES_H

#include <memory>
#include <string>
#include <vector>

#include "runtime/elf/elf_file.h"
#include "tools/listing.h"

namespace hotpatch::tools {

struct file_content {
  std::vector<listing> images;  // those that have sites
  bool unfinished = false;      // an object file of link-time optimisation
};

// That there are no sites is no trouble.  Throws trouble.
file_content read_file(const std::string& path);

// The sites of one open file by address; the listing keeps it open.  Throws
// trouble.
listing read_image(std::shared_ptr<elf_file> file);

std::string hex_text(const build_id& id);

}  // namespace hotpatch::tools

#endif
