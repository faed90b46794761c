// The sites of files and of running processes, as listings.
//
// SPDX-License-Identifier: MIT
#ifndef HOTPATCH_TOOLS_LIST_SITES_H
#define HOTPATCH_TOOLS_LIST_SITES_H

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "processes/maps.h"
#include "processes/memory.h"
#include "runtime/elf/elf_file.h"
#include "runtime/elf/symbol_table.h"
#include "tools/listing.h"

namespace hotpatch::tools {

// Files as listings: an executable, shared object or object file is one, an
// archive one per member that has sites.
//
// Owns the invariant that a listing comes only from a section whose every
// record is sound: a file is read to its end before any of it is shown.
struct file_content {
  std::vector<listing> images;  // those that have sites
  bool unfinished = false;      // an object file of link-time optimisation
};

// That there are no sites is no error.  Throws tool_error.
file_content read_file(const std::string& path);

// The sites of one open file by address; the listing keeps it open.  Throws
// tool_error.
listing read_image(std::shared_ptr<elf_file> file);

// The sites of a running process and what is in their patch words.
//
// The process is only read, never stopped.  What is reported of a site was true
// of it at one moment; different sites may have been read at different
// moments.
class live_process {
 public:
  // Throws tool_error if there is no such process or it may not be read.
  explicit live_process(pid_t pid);

  // Calls `show` for every image with sites, by ascending address, and
  // `problem` for every image that cannot be looked at.
  using visitor = std::function<void(listing&)>;
  using problem_visitor =
      std::function<void(const std::string& path, const std::string& message)>;
  void for_each_image(const visitor& show, const problem_visitor& problem);

 private:
  // A file is opened once, however many mappings it has.
  struct image {
    std::shared_ptr<elf_file> file;
    std::uint64_t bias = 0;
    std::unique_ptr<elf_symbols> symbols;  // loaded when first asked for
  };

  image* image_of(const process_mapping& mapping);
  listing list_image(const process_mapping& mapping, const image& loaded);
  live_state state_of(const site& where);
  void name_target(live_state& live);

  pid_t pid_;
  process_memory memory_;
  std::vector<process_mapping> maps_;
  // By the mapping they were found through; null: no ELF file.
  std::map<const process_mapping*, std::shared_ptr<image>> images_;
};

}  // namespace hotpatch::tools

#endif
