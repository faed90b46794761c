// Gives files to a fuzz target, for compilers without libFuzzer.
//
// SPDX-License-Identifier: MIT
#include <cstdint>
#include <cstdio>
#include <vector>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* input,
                                      std::size_t size);

int main(int count, char** arguments)
{
  for (int i = 1; i < count; ++i) {
    std::FILE* file = std::fopen(arguments[i], "rb");
    if (!file)
      return 1;
    std::vector<std::uint8_t> bytes;
    for (int c = std::getc(file); c != EOF; c = std::getc(file))
      bytes.push_back(static_cast<std::uint8_t>(c));
    std::fclose(file);
    LLVMFuzzerTestOneInput(bytes.data(), bytes.size());
  }
  std::printf("%d inputs\n", count - 1);
  return 0;
}
