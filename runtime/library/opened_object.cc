// Loading a file, and seeing whether it is the one that was loaded.
// SPDX-License-Identifier: MIT
#include "runtime/library/opened_object.h"

#include <climits>
#include <cstdio>
#include <cstring>
#include <dlfcn.h>
#include <elf.h>
#include <link.h>

#include "runtime/base/memory_map.h"
#include "runtime/base/status.h"
#include "runtime/library/image_pin.h"

// Weak for the same reason as in image_pin.cc.
#pragma weak dlerror
#pragma weak dlinfo

namespace hotpatch {

namespace {

// "/dir/./fix.so", "/dir/././fix.so" ...: the dynamic linker knows what it has
// loaded by the path it was given, and only for one that is new to it looks at
// the file.  False: it is too long.
bool spell(const char* path, int dots, char (&into)[PATH_MAX])
{
  const char* const name = std::strrchr(path, '/') + 1;
  const std::size_t directory = static_cast<std::size_t>(name - path);
  const std::size_t length = std::strlen(path);
  if (length + 2 * static_cast<std::size_t>(dots) >= sizeof into)
    return false;
  std::memcpy(into, path, directory);
  char* at = into + directory;
  for (int i = 0; i < dots; ++i, at += 2)
    std::memcpy(at, "./", 2);
  std::memcpy(at, name, length - directory + 1);
  return true;
}

}  // namespace

opened_object::~opened_object()
{
  close_image(handle_);
}

hp_status opened_object::open(patch_file& patch, const char* file) noexcept
{
  if (!can_open_images())
    return fail(HP_UNSUPPORTED,
                "%s: this program is linked statically, so it cannot load "
                "shared objects",
                patch.label());
  constexpr int most_spellings = 64;
  char path[PATH_MAX];
  for (int dots = 0; dots < most_spellings && spell(file, dots, path); ++dots)
    if (const hp_status status = open_path(patch, path);
        status != HP_OK || is_same(patch))
      return status;
  return fail(HP_UNREADABLE,
              "%s: another file of that name is loaded already, or it was "
              "changed meanwhile; give the new one a name of its own",
              patch.label());
}

hp_status opened_object::open_path(patch_file& patch, const char* path) noexcept
{
  close_image(handle_);
  // All symbols now: a slot that would be filled later looks unresolved.
  handle_ = open_image(path, RTLD_NOW | RTLD_LOCAL);
  if (handle_ == nullptr) {
    const char* reason = dlerror != nullptr ? dlerror() : nullptr;
    return fail(HP_UNREADABLE, "%s: %s", patch.label(),
                reason != nullptr ? reason : "cannot be loaded");
  }
  const link_map* map = nullptr;
  if (dlinfo == nullptr || dlinfo(handle_, RTLD_DI_LINKMAP, &map) != 0)
    return fail(HP_UNSUPPORTED,
                "%s: the dynamic linker does not tell where it is loaded",
                patch.label());
  base_ = map->l_addr;
  return HP_OK;
}

// What is mapped read-only is in memory as it is in the file: the records, the
// build-id, names, constants.  Where no build-id stands for the code, the code
// itself; its patch words, if it has sites of its own, may have changed.
bool opened_object::is_same(patch_file& patch) const noexcept
{
  memory_mapping found;
  if (!find_mapping(base_ + patch.state(), found))
    return false;
  const bool code_too = !patch.elf().id().present();
  elf_segment segment;
  for (std::size_t i = 0; i < patch.elf().segment_count(); ++i) {
    if (!patch.elf().segment(i, segment) || segment.type != PT_LOAD ||
        (segment.flags & PF_W) || ((segment.flags & PF_X) && !code_too))
      continue;
    const memory_range* range = patch.view().find(segment.address);
    if (range == nullptr || !has_bytes(*range))
      return false;
  }
  const record_section records = patch.records();
  return has_bytes(
      {records.address, records.size, patch.record_bytes(), false});
}

bool opened_object::has_bytes(const memory_range& wanted) const noexcept
{
  memory_mapping first;
  memory_mapping last;
  return wanted.size == 0 ||
         (find_mapping(base_ + wanted.address, first) &&
          find_mapping(base_ + wanted.address + wanted.size - 1, last) &&
          std::memcmp(reinterpret_cast<const void*>(base_ + wanted.address),
                      wanted.bytes, wanted.size) == 0);
}

}  // namespace hotpatch
