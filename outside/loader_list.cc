// Walking from _r_debug, as debuggers do.
//
// SPDX-License-Identifier: MIT
#include "outside/loader_list.h"

#include <cstddef>
#include <link.h>

namespace hotpatch::outside {

namespace {

constexpr int most_objects = 10'000;

}  // namespace

std::uint64_t bias_of_handle(const target_memory& memory, std::uint64_t handle)
{
  return memory.load<std::uint64_t>(handle + offsetof(link_map, l_addr));
}

std::uint64_t find_handle(const target_image& loader,
                          const target_memory& memory, std::uint64_t bias)
{
  const std::uint64_t list = find_exported(loader, "_r_debug").address;
  if (list == 0)
    return 0;
  auto at = memory.load<std::uint64_t>(list + offsetof(r_debug, r_map));
  for (int i = 0; at != 0 && i < most_objects; ++i) {
    if (bias_of_handle(memory, at) == bias)
      return at;
    at = memory.load<std::uint64_t>(at + offsetof(link_map, l_next));
  }
  return 0;
}

}  // namespace hotpatch::outside
