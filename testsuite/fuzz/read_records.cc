// Fuzz target: the input is a .hotpatch section and its strings.  Its first
// two bytes say how long the section is; the functions that the records speak
// of are made up.
//
// SPDX-License-Identifier: MIT
#include <cstdint>
#include <cstring>
#include <vector>

#include "testsuite/fuzz/check_sites.h"

namespace {

constexpr std::uint64_t code_address = 0x400000;
constexpr std::uint64_t data_address = 0x401000;

// The negative control: a view that claims more memory than there is.
#ifdef HP_CONTROL
constexpr std::size_t claimed = 16;
#else
constexpr std::size_t claimed = 0;
#endif

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* input,
                                      std::size_t size)
{
  std::uint16_t section_size = 0;
  if (size < sizeof section_size)
    return 0;
  std::memcpy(&section_size, input, sizeof section_size);
  // In memory of exactly this size, so that AddressSanitizer sees every byte
  // that is read beyond it.
  const std::vector<unsigned char> data(input + sizeof section_size,
                                        input + size);
  const std::vector<unsigned char> code(data_address - code_address, 0x90);
  const hotpatch::memory_range ranges[] = {
      {code_address, code.size(), code.data(), true},
      {data_address, data.size() + claimed, data.data(), false},
  };
  const std::size_t count = data.empty() ? 1 : 2;
  hotpatch_test::check_section({ranges, count}, {data_address, section_size});
  return 0;
}
