// Fuzz target: the input is an ELF file whose functions are looked at, and
// instructions that are moved.
//
// SPDX-License-Identifier: MIT
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <vector>

#include "unprepared/object.h"
#include "unprepared/relocation.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* input,
                                      std::size_t size)
{
  // In memory of exactly this size, so that AddressSanitizer sees every byte
  // that is read beyond it.
  const std::vector<std::uint8_t> bytes(input, input + size);
  {
    hotpatch::unprepared_object object;
    if (object.load("input", bytes.data(), bytes.size()) == HP_OK)
      for (std::size_t i = 0; i < object.count(); ++i) {
        hotpatch::unprepared_function found;
        object.describe(i, found);
        if ((found.form != hotpatch::entry_form::none) ==
            (found.refusal != hotpatch::entry_refusal::none))
          std::abort();
        for (std::size_t other = 0; object.other_name(i, other); ++other)
          continue;
      }
  }
  const std::size_t length = std::min<std::size_t>(bytes.size(), 24);
  std::vector<std::uint8_t> moved(length * 4);
  const auto done = hotpatch::unprepared::relocate({bytes.data(), length},
                                                   0x400000, 0x500000, moved);
  if (done.size > moved.size())
    std::abort();
  return 0;
}
