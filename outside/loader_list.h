// The dynamic linker's own list of a process's shared objects.
//
// SPDX-License-Identifier: MIT
#ifndef HOTPATCH_OUTSIDE_LOADER_LIST_H
#define HOTPATCH_OUTSIDE_LOADER_LIST_H

#include <cstdint>
#include <string>
#include <vector>

#include "outside/target_images.h"
#include "outside/target_memory.h"

namespace hotpatch::outside {

// What dlopen() returned for the object that was loaded there, which is the
// address of its struct link_map (link.h); 0: it is not in the list, or the
// list cannot be read.
std::uint64_t find_handle(const target_image& loader,
                          const target_memory& memory, std::uint64_t bias);

// The names that it has for them.
std::vector<std::string> names_of_objects(const target_image& loader,
                                          const target_memory& memory);

// Where the object of that handle was loaded.
std::uint64_t bias_of_handle(const target_memory& memory, std::uint64_t handle);

}  // namespace hotpatch::outside

#endif
