// The JSON document, described by hp-list.schema.json.  JSON keeps no more than
// 53 bits of a number in many readers, so addresses and hashes are strings.
//
// SPDX-License-Identifier: MIT
#ifndef HOTPATCH_TOOLS_JSON_VIEW_H
#define HOTPATCH_TOOLS_JSON_VIEW_H

#include "tools/listing.h"
#include "tools/output.h"
#include "tools/selection.h"

namespace hotpatch::tools {

// One document, image by image.  Adding a member to an object is no new
// version; changing or removing one is.
class json_document {
 public:
  // `pid` is 0 when the images are files.
  json_document(output& out, pid_t pid);

  void add(const listing& shown, const selection& rows);
  // A file or image that could not be listed.
  void add_problem(const std::string& path, const std::string& message);
  void finish();

 private:
  struct problem {
    std::string path;
    std::string message;
  };

  output& out_;
  bool first_image_ = true;
  std::vector<problem> problems_;
};

}  // namespace hotpatch::tools

#endif
