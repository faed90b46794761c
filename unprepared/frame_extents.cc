// What .eh_frame calls functions (Linux Standard Base, "Exception Frames").
// SPDX-License-Identifier: MIT
#include <algorithm>
#include <cstring>

#include <elf.h>

#include "unprepared/code_map.h"

namespace hotpatch::unprepared {

namespace {

// Bytes at their address, read within their bounds.
class frame_reader {
 public:
  frame_reader(const std::uint8_t* bytes, std::uint64_t size,
               std::uint64_t address)
      : bytes_(bytes), size_(size), address_(address)
  {
  }

  bool good() const { return good_; }
  std::uint64_t at() const { return at_; }
  bool at_end() const { return at_ >= size_; }
  void go_to(std::uint64_t at)
  {
    good_ = good_ && at <= size_;
    at_ = std::min(at, size_);
  }
  void skip(std::uint64_t count)
  {
    good_ = good_ && count <= size_ - at_;
    at_ = good_ ? at_ + count : size_;
  }

  template <typename T>
  T take()
  {
    T value{};
    if (size_ - at_ < sizeof value) {
      good_ = false;
      at_ = size_;
      return value;
    }
    std::memcpy(&value, bytes_ + at_, sizeof value);
    at_ += sizeof value;
    return value;
  }

  std::uint64_t take_leb128()
  {
    std::uint64_t value = 0;
    for (unsigned shift = 0; good_; shift += 7) {
      const auto byte = take<std::uint8_t>();
      if (shift < 64)
        value |= std::uint64_t{byte & 0x7fu} << shift;
      if ((byte & 0x80) == 0)
        break;
    }
    return value;
  }

  // DW_EH_PE_: the format in the lower half, what is added in the upper one.
  std::uint64_t take_pointer(std::uint8_t encoding)
  {
    constexpr std::uint8_t pc_relative = 0x10;
    const std::uint64_t place = address_ + at_;
    std::uint64_t value = 0;
    switch (encoding & 0x0f) {
      case 0x00:  // absptr
      case 0x04:  // udata8
      case 0x0c:  // sdata8
        value = take<std::uint64_t>();
        break;
      case 0x01:  // uleb128
        value = take_leb128();
        break;
      case 0x02:  // udata2
        value = take<std::uint16_t>();
        break;
      case 0x03:  // udata4
        value = take<std::uint32_t>();
        break;
      case 0x0b:  // sdata4
        value = static_cast<std::uint64_t>(std::int64_t{take<std::int32_t>()});
        break;
      default:
        good_ = false;
    }
    return (encoding & 0x70) == pc_relative ? value + place : value;
  }

 private:
  const std::uint8_t* bytes_;
  std::uint64_t size_;
  std::uint64_t address_;
  std::uint64_t at_ = 0;
  bool good_ = true;
};

// The encoding of addresses in the descriptions that belong to the CIE at `at`.
bool read_encoding(frame_reader reader, std::uint64_t at,
                   std::uint8_t& encoding)
{
  reader.go_to(at);
  const auto length = reader.take<std::uint32_t>();
  const auto id = reader.take<std::uint32_t>();
  const auto version = reader.take<std::uint8_t>();
  if (!reader.good() || length == 0 || id != 0 ||
      (version != 1 && version != 3))
    return false;
  char letters[8] = {};
  std::size_t count = 0;
  while (count < sizeof letters &&
         (letters[count] = reader.take<char>()) != '\0')
    ++count;
  (void)reader.take_leb128();  // the factors of code and data
  (void)reader.take_leb128();
  if (version == 1)
    (void)reader.take<std::uint8_t>();
  else
    (void)reader.take_leb128();
  encoding = 0;
  if (letters[0] != 'z')
    return reader.good() && count == 0;
  (void)reader.take_leb128();
  for (std::size_t i = 1; i < count; ++i)
    if (letters[i] == 'R')
      encoding = reader.take<std::uint8_t>();
    else if (letters[i] == 'P')
      (void)reader.take_pointer(reader.take<std::uint8_t>() & 0x7f);
    else if (letters[i] == 'L')
      reader.skip(1);
    else if (letters[i] != 'S' && letters[i] != 'B')
      return false;
  return reader.good();
}

bool read_frames(frame_reader reader, array<code_map::place>& into)
{
  while (!reader.at_end()) {
    const auto length = reader.take<std::uint32_t>();
    if (length == 0)  // the end, although linkers may put more after it
      continue;
    const std::uint64_t own = reader.at();
    const auto back = reader.take<std::uint32_t>();
    if (!reader.good() || length == 0xffffffff)
      return false;
    if (back != 0) {
      std::uint8_t encoding = 0;
      if (back > own || !read_encoding(reader, own - back, encoding))
        return false;
      const std::uint64_t begin = reader.take_pointer(encoding);
      const std::uint64_t size = reader.take_pointer(encoding & 0x0f);
      if (!reader.good())
        return false;
      if (begin != 0 && size != 0 && begin + size > begin &&
          !into.append({begin, begin + size}))
        return false;
    }
    reader.go_to(own + length);
  }
  return reader.good();
}

}  // namespace

bool read_frame_extents(elf_file& file, memory_view view,
                        array<code_map::place>& into) noexcept
{
  elf_section section;
  if (!file.find_section(".eh_frame", 0, section) || section.type == SHT_NOBITS)
    return true;
  const memory_range* const range = view.find(section.address);
  if (range == nullptr || !range->contains(section.address, section.size))
    return section.size == 0;
  return read_frames(
      {range->at(section.address), section.size, section.address}, into);
}

}  // namespace hotpatch::unprepared
