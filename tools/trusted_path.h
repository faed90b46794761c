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
//
// SPDX-License-Identifier: MIT
#ifndef HOTPATCH_TOOLS_TRUSTED_PATH_H
#define HOTPATCH_TOOLS_TRUSTED_PATH_H

#include <string>

namespace hotpatch::tools {

// For reading; the caller's to close.  Throws trouble, which names what is not
// trusted.  In the directory that is found others may not even make files.
int open_trusted_directory(const std::string& path);

// The same of a regular file in an open directory that is called `path`; -1: it
// is gone, or is no regular file.
int open_trusted_file(int directory, const std::string& path,
                      const std::string& name);

}  // namespace hotpatch::tools

#endif
