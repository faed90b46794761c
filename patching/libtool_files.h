// What libtool has made in a tree, kept while hp-patch runs a build there:
// libtool deletes objects and libraries before it has them made again, so that
// "as" and "collect2" of hp-patch find nothing that they could leave alone.
//
// Owns a directory of further links to these files, in the tree, because links
// do not lead to other file systems.  At the end what was deleted is put back,
// with its contents and times; what the build has made instead stays.  One
// thread at a time.
//
// SPDX-License-Identifier: MIT
#ifndef HOTPATCH_PATCHING_LIBTOOL_FILES_H
#define HOTPATCH_PATCHING_LIBTOOL_FILES_H

#include <string>
#include <vector>

namespace hotpatch::patching {

class libtool_files {
 public:
  // Of the tree below the directory; nothing is kept, and no directory made, if
  // libtool was not at work there.  Throws tool_error if the directory cannot
  // be made.
  explicit libtool_files(const std::string& tree);
  libtool_files(const libtool_files&) = delete;
  libtool_files& operator=(const libtool_files&) = delete;
  ~libtool_files();

 private:
  void keep(const std::string& path);

  std::string tree_;
  std::string directory_;           // of the links, "" if there are none
  std::vector<std::string> paths_;  // the link to the first is named 0
};

}  // namespace hotpatch::patching

#endif
