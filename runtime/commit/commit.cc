// Committing to the text of this process.
// SPDX-License-Identifier: MIT
#include "runtime/commit/commit.h"

#include "runtime/commit/commit_batch.h"

namespace hotpatch {

template commit_outcome commit<this_process>(
    text_writer& writer, std::span<change> changes,
    std::span<const code_range> vacated, junctions& junctions,
    const commit_order& order) noexcept;

[[gnu::no_sanitize("thread", "address")]] far_pad load_pad(
    const site_code& site) noexcept
{
  far_pad pad;
  const auto* bytes =
      reinterpret_cast<const volatile std::uint8_t*>(far_pad_address(site));
  for (std::size_t i = 0; i < far_pad_size; ++i)
    pad.bytes[i] = bytes[i];
  return pad;
}

}  // namespace hotpatch
