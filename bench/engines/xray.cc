// clang's XRay: two sleds for each function, at its entry and its exit, which
// call a handler when they are patched.
// SPDX-License-Identifier: MIT
#include <xray/xray_interface.h>

#include <cstdint>
#include <cstdlib>
#include <map>
#include <utility>
#include <vector>

#include "bench/engine.h"

namespace bench::engine {

namespace {

std::vector<std::int32_t> ids;

thread_local bool handled = false;

[[clang::xray_never_instrument]] void handler(std::int32_t, XRayEntryType)
{
  handled = true;
}

}  // namespace

void start()
{
  std::map<std::uintptr_t, std::int32_t> by_address;
  __xray_init();
  const auto last = static_cast<std::int32_t>(__xray_max_function_id());
  for (std::int32_t id = 1; id <= last; ++id)
    by_address[__xray_function_address(id)] = id;
  for (std::size_t i = 0; i < subject_count; ++i) {
    const auto found =
        by_address.find(reinterpret_cast<std::uintptr_t>(subjects[i].call));
    if (found == by_address.end())
      std::abort();
    ids.push_back(found->second);
  }
  __xray_set_handler(handler);
}

bool apply(std::size_t which)
{
  return __xray_patch_function(ids[which]) == XRayPatchingStatus::SUCCESS;
}

bool revert(std::size_t which)
{
  return __xray_unpatch_function(ids[which]) == XRayPatchingStatus::SUCCESS;
}

bool apply_many(std::size_t)
{
  return __xray_patch() == XRayPatchingStatus::SUCCESS;
}

bool revert_many(std::size_t)
{
  return __xray_unpatch() == XRayPatchingStatus::SUCCESS;
}

bool entered_replacement(int)
{
  return std::exchange(handled, false);
}

}  // namespace bench::engine
