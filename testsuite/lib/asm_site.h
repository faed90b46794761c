// Patch sites written by hand, byte for byte as the compiler plugin lays them
// out, so that the layers below the records can be tested by themselves.
//
// SPDX-License-Identifier: MIT
#ifndef HOTPATCH_TESTSUITE_ASM_SITE_H
#define HOTPATCH_TESTSUITE_ASM_SITE_H

#include "format/patch_word.h"
#include "runtime/sites/site.h"

// int name(): returns `value`.  The id in the word is 0x600d1d00 + value.
// Without endbr64: 8 dead bytes, the word at the symbol.
#define ASM_SITE_PLAIN(name, value)    \
  extern "C" int name();               \
  asm(".pushsection .text\n"           \
      ".p2align 4\n"                   \
      ".skip 3, 0xcc\n"                \
      ".skip 5, 0x90\n" #name          \
      ":\n"                            \
      ".byte 0x0f, 0x1f, 0x84, 0x00\n" \
      ".long 0x600d1d00 + " #value     \
      "\n"                             \
      "mov $" #value                   \
      ", %eax\n"                       \
      "ret\n"                          \
      ".popsection\n")

// With endbr64: 12 dead bytes, the word after it.
#define ASM_SITE_ENDBR(name, value)    \
  extern "C" int name();               \
  asm(".pushsection .text\n"           \
      ".p2align 4\n"                   \
      ".skip 7, 0xcc\n"                \
      ".skip 5, 0x90\n" #name          \
      ":\n"                            \
      "endbr64\n"                      \
      ".byte 0x0f, 0x1f, 0x84, 0x00\n" \
      ".long 0x600d1d00 + " #value     \
      "\n"                             \
      "mov $" #value                   \
      ", %eax\n"                       \
      "ret\n"                          \
      ".popsection\n")

namespace hotpatch_test {

using function = int (*)();

inline std::uint64_t address_of(function code)
{
  return reinterpret_cast<std::uint64_t>(code);
}

inline hotpatch::site plain_site(const char* name, function code, int value)
{
  hotpatch::site result;
  result.name = name;
  result.symbol = result.word = address_of(code);
  result.end = result.word + 14;
  result.id = 0x600d1d00u + static_cast<unsigned>(value);
  result.pad = hotpatch::format::pad_plain;
  return result;
}

inline hotpatch::site endbr_site(const char* name, function code, int value)
{
  hotpatch::site result = plain_site(name, code, value);
  result.word += sizeof hotpatch::format::endbr64;
  result.end += sizeof hotpatch::format::endbr64;
  result.flags = hotpatch::format::site_endbr;
  result.pad = hotpatch::format::pad_lead;
  return result;
}

}  // namespace hotpatch_test

#endif
