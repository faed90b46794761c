// Walking from _r_debug, as debuggers do.
//
// SPDX-License-Identifier: MIT
#include "outside/loader_list.h"

#include <cstddef>
#include <link.h>

#include "outside/object_loading.h"

namespace hotpatch::outside {

namespace {

constexpr int most_objects = 10'000;

// glibc's list, or musl's, which has the same form and another name.
std::uint64_t find_list(const target_image& loader, const target_memory& memory)
{
  if (const std::uint64_t list = find_exported(loader, "_r_debug").address)
    return list;
  const std::uint64_t pointer = find_exported(loader, "_dl_debug_addr").address;
  return pointer != 0 ? memory.load<std::uint64_t>(pointer) : 0;
}

// Calls `visit(handle)` until it returns false.
template <typename Visit>
void for_each_object(const target_image& loader, const target_memory& memory,
                     Visit visit)
{
  const std::uint64_t list = find_list(loader, memory);
  if (list == 0)
    return;
  auto at = memory.load<std::uint64_t>(list + offsetof(r_debug, r_map));
  for (int i = 0; at != 0 && i < most_objects && visit(at); ++i)
    at = memory.load<std::uint64_t>(at + offsetof(link_map, l_next));
}

}  // namespace

std::uint64_t bias_of_handle(const target_memory& memory, std::uint64_t handle)
{
  return memory.load<std::uint64_t>(handle + offsetof(link_map, l_addr));
}

std::uint64_t find_handle(const target_image& loader,
                          const target_memory& memory, std::uint64_t bias)
{
  std::uint64_t found = 0;
  for_each_object(loader, memory, [&](std::uint64_t handle) {
    if (bias_of_handle(memory, handle) != bias)
      return true;
    found = handle;
    return false;
  });
  return found;
}

std::vector<std::string> names_of_objects(const target_image& loader,
                                          const target_memory& memory)
{
  std::vector<std::string> names;
  for_each_object(loader, memory, [&](std::uint64_t handle) {
    names.push_back(text_in_process(
        memory,
        memory.load<std::uint64_t>(handle + offsetof(link_map, l_name))));
    return true;
  });
  return names;
}

}  // namespace hotpatch::outside
