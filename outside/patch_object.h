// A patch object: what its file says, and where it lies in a process.
//
// Owns the open file that its texts lie in.  One thread at a time.
//
// SPDX-License-Identifier: MIT
#ifndef HOTPATCH_OUTSIDE_PATCH_OBJECT_H
#define HOTPATCH_OUTSIDE_PATCH_OBJECT_H

#include <cstdint>
#include <memory>
#include <string>

#include "format/patch_record.h"
#include "outside/target_images.h"
#include "outside/target_memory.h"
#include "runtime/objects/patch_file.h"

namespace hotpatch::outside {

struct patch_object {
  std::string path;        // as whole as it can be had
  std::string name;        // as stated, or the file's
  patch_file file;         // its addresses are the file's
  std::uint64_t bias = 0;  // in a process

  const patch_contents& contents() const { return file.contents(); }
  std::uint64_t state_address() const { return file.state() + bias; }
  std::uint64_t begin() const { return file.code().address + bias; }
  std::uint64_t end() const { return begin() + file.code().size; }
};

// Reads the file once: what it says, and the bytes that are loaded.  Throws
// tool_error if it is none, or damaged.
std::unique_ptr<patch_object> open_patch_object(const std::string& path);
// The same of an open file, which stays the caller's.
std::unique_ptr<patch_object> open_patch_object(const std::string& path,
                                                int descriptor);

// Those that a process has loaded.  One that is damaged is left out, and
// `damages`, unless null, gets the reason.
std::vector<std::unique_ptr<patch_object>> loaded_patch_objects(
    const target_images& images, std::vector<std::string>* damages = nullptr);

// Throws tool_error if it is not of a known form.
format::patch_state load_state(const target_memory& memory,
                               const patch_object& patch);

}  // namespace hotpatch::outside

#endif
