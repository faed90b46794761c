// The JSON document of hp-list, described by hp-list.schema.json, a line for
// each site.  JSON keeps no more than 53 bits of a number in many readers, so
// addresses and hashes are strings.
//
// Owns the rule how values become text.  It is well-formed JSON in UTF-8,
// whatever bytes a string holds: a byte that is not UTF-8 becomes U+FFFD, and
// what append_printable() would escape is escaped, too.
//
// SPDX-License-Identifier: MIT
#ifndef HOTPATCH_TOOLS_JSON_VIEW_H
#define HOTPATCH_TOOLS_JSON_VIEW_H

#include <nlohmann/json_fwd.hpp>

#include "tools/listing.h"
#include "tools/output.h"
#include "tools/selection.h"

namespace hotpatch::tools {

// With an indentation of -1, on one line.  Any thread.
std::string json_text(const nlohmann::ordered_json& value,
                      int indentation = -1);

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
