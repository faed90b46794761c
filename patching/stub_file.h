// Empty object files that stand for what a build asked for and hp-patch did not
// let it make.
//
// Owns the bytes of a stub, by which it is known from anything that a build has
// put there.  Any thread.
//
// SPDX-License-Identifier: MIT
#ifndef HOTPATCH_PATCHING_STUB_FILE_H
#define HOTPATCH_PATCHING_STUB_FILE_H

#include <string>
#include <vector>

namespace hotpatch::patching {

// False, and errno: it cannot be written.
[[nodiscard]] bool write_stub(const std::string& path, unsigned mode);

bool is_stub(const std::string& path);

// What ar(1) has put into an archive, with a stub among it.
bool has_stub_member(const std::string& archive);

// The names of the members of an archive; none if it is no archive.
std::vector<std::string> member_names(const std::string& archive);

}  // namespace hotpatch::patching

#endif
