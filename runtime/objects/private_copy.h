// What is loaded of a patch object: a copy of the bytes that were checked,
// whose constructors and destructors the dynamic linker does not see.
//
// Pure: bytes in, bytes out; the process may be another one.  Owns the rule
// that a patch object's own code first runs when its imports are bound.
// dlopen() would call the constructors before that, so in the copy the two
// tables of the dynamic section are empty and the two single functions lead to
// a `ret`.  Who loads the copy binds the imports, calls the constructors, and
// then stores `restore`, after which the dynamic linker knows the destructors,
// too.
//
// Any thread, each with its own objects.
//
// SPDX-License-Identifier: MIT
#ifndef HOTPATCH_RUNTIME_PRIVATE_COPY_H
#define HOTPATCH_RUNTIME_PRIVATE_COPY_H

#include <cstdint>

#include "runtime/base/array.h"
#include "runtime/objects/patch_file.h"

namespace hotpatch {

// Addresses are the file's own.
struct held_constructors {
  // Eight bytes of the dynamic section.
  struct word {
    std::uint64_t address;
    std::uint64_t value;  // as in the file
  };

  std::uint64_t first = 0;  // DT_INIT, 0: none
  std::uint64_t table = 0;  // DT_INIT_ARRAY, as many pointers as `count`
  std::uint64_t count = 0;
  // It has constructors of its own, beyond the toolchain's, and no destructor
  // that could take back what they do.  What they have given to the program may
  // be in use for ever, so it must stay loaded once they have begun:
  // format::state_stays.
  bool are_one_way = false;
  // The dynamic linker has read this one for the last time before they are
  // called: where one who may be killed can count those that were begun.  0:
  // there is none.
  std::uint64_t progress = 0;
  array<word> restore;

  [[nodiscard]] std::uint64_t size() const noexcept
  {
    return count + (first != 0 ? 1 : 0);
  }
};

// Why an object with format::state_stays is not unloaded.
inline constexpr char stays_constructed[] =
    "it has constructors, and no destructor that would take back what they did";

// HP_MALFORMED: the dynamic section or what it leads to lies outside the
// object.  HP_NO_MEMORY.
[[nodiscard]] hp_status make_private_copy(patch_file& patch,
                                          array<unsigned char>& copy,
                                          held_constructors& held) noexcept;

}  // namespace hotpatch

#endif
