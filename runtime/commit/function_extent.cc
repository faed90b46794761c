// The binary search table of .eh_frame_hdr.
// SPDX-License-Identifier: MIT
#include "runtime/commit/function_extent.h"

#include <cstring>
#include <link.h>

#include "runtime/base/memory_map.h"

namespace hotpatch {

namespace {

// Linux Standard Base, "The .eh_frame_hdr section": version, three encodings,
// then the address of .eh_frame, the number of entries, and the entries sorted
// by address.  These are the encodings that all linkers write.
struct frame_header {
  std::uint8_t version;
  std::uint8_t frame_encoding;
  std::uint8_t count_encoding;
  std::uint8_t table_encoding;
  std::int32_t frame;
  std::uint32_t count;
};
struct frame_entry {
  std::int32_t function;  // relative to the header
  std::int32_t description;
};
constexpr std::uint8_t pcrel_sdata4 = 0x1b;
constexpr std::uint8_t udata4 = 0x03;
constexpr std::uint8_t datarel_sdata4 = 0x3b;

// The first function after `address`; 0: there is none, or no usable table.
std::uint64_t next_function(std::uint64_t header_address, std::uint64_t size,
                            std::uint64_t address)
{
  frame_header header;
  if (size < sizeof header)
    return 0;
  std::memcpy(&header, reinterpret_cast<const void*>(header_address),
              sizeof header);
  if (header.version != 1 || header.frame_encoding != pcrel_sdata4 ||
      header.count_encoding != udata4 ||
      header.table_encoding != datarel_sdata4 ||
      header.count > (size - sizeof header) / sizeof(frame_entry))
    return 0;
  const auto* table =
      reinterpret_cast<const frame_entry*>(header_address + sizeof header);
  const auto function_at = [&](std::size_t i) {
    return header_address +
           static_cast<std::uint64_t>(std::int64_t{table[i].function});
  };
  std::size_t low = 0;
  std::size_t high = header.count;
  while (low < high) {
    const std::size_t middle = low + (high - low) / 2;
    if (function_at(middle) <= address)
      low = middle + 1;
    else
      high = middle;
  }
  return low < header.count ? function_at(low) : 0;
}

struct extent_search {
  std::uint64_t address;
  std::uint64_t end = 0;
  bool no_table = false;
};

int look_in_image(dl_phdr_info* image, std::size_t, void* data)
{
  auto& search = *static_cast<extent_search*>(data);
  std::uint64_t segment_end = 0;
  const ElfW(Phdr)* frames = nullptr;
  for (int i = 0; i < image->dlpi_phnum; ++i) {
    const ElfW(Phdr)& segment = image->dlpi_phdr[i];
    const std::uint64_t begin = image->dlpi_addr + segment.p_vaddr;
    if (segment.p_type == PT_LOAD && search.address - begin < segment.p_memsz)
      segment_end = begin + segment.p_memsz;
    if (segment.p_type == PT_GNU_EH_FRAME)
      frames = &segment;
  }
  if (segment_end == 0)
    return 0;
  std::uint64_t end = 0;
  if (frames != nullptr)
    end = next_function(image->dlpi_addr + frames->p_vaddr, frames->p_memsz,
                        search.address);
  search.no_table = frames == nullptr;
  search.end = end != 0 && end < segment_end ? end : segment_end;
  return 1;
}

}  // namespace

code_range extent_of(std::uint64_t address, const char* name) noexcept
{
  extent_search search{address};
  dl_iterate_phdr(look_in_image, &search);
  memory_mapping where;
  if (search.end == 0 && find_mapping(address, where))
    search.end = where.end;
  return {address, search.end, name, code_kind::body,
          search.no_table
              ? "; where its replacement ends is not known, so all code after "
                "it counts: link that with -Wl,--eh-frame-hdr"
              : ""};
}

}  // namespace hotpatch
