// Matching weak data of a patch object with that of the program.
// SPDX-License-Identifier: MIT
#include "runtime/objects/shared_data.h"

#include <algorithm>
#include <cstring>

#include "runtime/base/status.h"
#include "runtime/elf/symbol_table.h"

namespace hotpatch {

namespace {

bool is_data(const symbol& which)
{
  return which.type == STT_OBJECT && which.binding != STB_LOCAL;
}

// What the compiler puts into every object that uses it.
bool may_be_elsewhere(const symbol& which)
{
  return which.type == STT_OBJECT &&
         (which.binding == STB_WEAK || which.binding == STB_GNU_UNIQUE);
}

import_value named(const char* symbol, std::uint64_t own)
{
  import_value made;
  made.symbol = symbol;
  made.own = own;
  return made;
}

bool name_less(const import_value& a, const import_value& b)
{
  return std::strcmp(a.symbol, b.symbol) < 0;
}

}  // namespace

hp_status find_shared_data(elf_file& patch, std::span<program_image> images,
                           array<import_value>& into) noexcept
{
  symbol_table table;
  if (const hp_status status = table.load(patch); status != HP_OK)
    return status;
  array<import_value> wanted;
  bool enough = true;
  table.for_each([&](const symbol& which) {
    if (may_be_elsewhere(which))
      enough = wanted.append(named(which.name, which.value));
    return enough;
  });
  if (enough && wanted.empty())
    return HP_OK;
  std::sort(wanted.begin(), wanted.end(), name_less);
  for (const program_image& image : images) {
    if (!enough || image.file == nullptr)
      continue;
    if (const hp_status status = table.load(*image.file); status != HP_OK)
      return status;
    table.for_each([&](const symbol& which) {
      if (!is_data(which))
        return true;
      const import_value key = named(which.name, 0);
      import_value* found =
          std::lower_bound(wanted.begin(), wanted.end(), key, name_less);
      if (found != wanted.end() && found->image == nullptr &&
          std::strcmp(found->symbol, which.name) == 0) {
        found->image = &image;
        found->value = image.base + which.value;
      }
      return true;
    });
  }
  for (const import_value& each : wanted)
    if (enough && each.image != nullptr)
      enough = into.append(each);
  return enough ? HP_OK
                : fail(HP_NO_MEMORY, "%s: out of memory", patch.label());
}

}  // namespace hotpatch
