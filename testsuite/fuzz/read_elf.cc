// Fuzz target: the input is a file, which should be an ELF file or an archive.
//
// SPDX-License-Identifier: MIT
#include <cstdint>
#include <vector>

#include "runtime/elf/symbol_table.h"
#include "runtime/objects/copy_table.h"
#include "runtime/sites/object_image.h"
#include "testsuite/fuzz/check_sites.h"

namespace {

void read_copies(hotpatch::elf_file& file)
{
  hotpatch::copy_table table;
  if (table.load(file) != HP_OK)
    return;
  std::size_t letters = 0;
  for (std::uint32_t line = 0; line < 10; ++line)
    table.for_each_holder({"_Z5smalli", "a.c", line},
                          [&](const hotpatch::copy_holder& each) {
                            for (const char c : each.of.symbol)
                              letters += c != '\0';
                            for (const char c : each.of.file)
                              letters += c != '\0';
                          });
  hotpatch_test::require(letters < UINT32_MAX);
}

void read_object(hotpatch::elf_file& file)
{
  (void)file.id();
  hotpatch::elf_symbols symbols;
  if (symbols.load(file) == HP_OK) {
    const hotpatch::function_symbol* found = symbols.find(0x1000);
    hotpatch_test::require(!found || std::strlen(found->name) < UINT32_MAX);
  }
  read_copies(file);
  hotpatch::object_image image;
  if (image.load(file) != HP_OK)
    return;
  for (std::size_t i = 0; i < image.section_count(); ++i)
    hotpatch_test::check_section(image.view(), image.section(i));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* input,
                                      std::size_t size)
{
  const std::vector<unsigned char> bytes(input, input + size);
  hotpatch::elf_file file;
  if (file.open_memory("input", bytes.data(), bytes.size()) != HP_OK)
    return 0;
  if (!file.is_archive()) {
    read_object(file);
    return 0;
  }
  hotpatch::elf_file member;
  while (hotpatch::archive_members(file).next(member) == HP_OK &&
         member.is_open())
    read_object(member);
  return 0;
}
