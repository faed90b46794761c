// Directories of patch objects that hp-watch trusts.
//
// SPDX-License-Identifier: MIT
#ifndef HOTPATCH_TOOLS_PATCH_DIRECTORY_H
#define HOTPATCH_TOOLS_PATCH_DIRECTORY_H

#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <sys/stat.h>
#include <vector>

#include "outside/patch_object.h"

namespace hotpatch::tools {

// --- Trusted path -----------------------------------------------------------
// Opening files that only root and this user can have put there.
//
// Owns the rule whose files are trusted: the file and each directory on the way
// to it must belong to root or to the user of this process, and others must not
// be able to write to them; for a user who can rename a directory decides what
// is found there.  In a directory with the sticky bit, such as /tmp, others can
// make files of their own, but not touch those of root and this user. Symbolic
// links are followed one by one, under the same rule.  What is opened is what
// was checked: the way goes from descriptor to descriptor, never by a name
// twice.
//
// Any thread.

// For reading; the caller's to close.  Throws tool_error, which names what is
// not trusted.  In the directory that is found others may not even make files.
int open_trusted_directory(const std::string& path);

// The same of a regular file in an open directory that is called `path`; -1: it
// is gone, or is no regular file.
int open_trusted_file(int directory, const std::string& path,
                      const std::string& name);

// --- Patch directory --------------------------------------------------------
// A directory of patch objects that hp-watch applies, as it is at the moment.
//
// Owns the rule whose patches are taken: those of trusted files
// (trusted_path), for what lies there will run in other processes, unasked.
// And a patch has to state the builds that it is for, because no person is
// there to judge.  What is not taken is told once, until the file changes.
//
// A file is read once, when it is new; what is applied later are these bytes.
//
// One thread at a time.

// Of one file at one time: another value if it was replaced or written to.
struct file_version {
  dev_t device = 0;
  ino_t inode = 0;
  off_t size = 0;
  std::int64_t changed_ns = 0;

  auto operator<=>(const file_version&) const = default;
};

struct watched_patch {
  std::string path;
  file_version version;
  std::set<std::string> builds;  // build-ids that must all be loaded; not empty
  std::shared_ptr<outside::patch_object> object;
};

class patch_directory {
 public:
  explicit patch_directory(std::string path) : path_(std::move(path)) {}

  // Throws tool_error if it is none, or others may write to it.
  void check_trusted() const;

  // Looks again.  Errors are printed on the standard error.
  void rescan();

  // In the order of their names.
  std::vector<const watched_patch*> patches() const;

 private:
  struct entry {
    file_version version;
    bool is_taken = false;
    watched_patch patch;
    std::string wrong;  // told last
  };

  void look_at(int directory, const std::string& file);

  std::string path_;
  std::string error_;  // told last about the directory itself
  std::map<std::string, entry> entries_;
};

}  // namespace hotpatch::tools

#endif
