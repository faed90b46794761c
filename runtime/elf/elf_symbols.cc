// Reading a symbol table.
// SPDX-License-Identifier: MIT
#include "runtime/elf/elf_symbols.h"

#include <algorithm>

#include "runtime/base/status.h"
#include "runtime/elf/symbol_table.h"

namespace hotpatch {

hp_status elf_symbols::load(elf_file& file) noexcept
{
  functions_.clear();
  symbol_table table;
  if (const hp_status status = table.load(file); status != HP_OK)
    return status;
  bool complete = true;
  table.for_each([&](const symbol& each) {
    if (each.type == STT_FUNC)
      complete = functions_.append(
          {each.name, each.value, each.size, each.binding != STB_LOCAL});
    return complete;
  });
  if (!complete)
    return fail(HP_NO_MEMORY, "%s: out of memory", file.label());
  std::sort(functions_.begin(), functions_.end(),
            [](const function_symbol& a, const function_symbol& b) {
              return a.address != b.address ? a.address < b.address
                                            : a.global < b.global;
            });
  return HP_OK;
}

const function_symbol* elf_symbols::find(std::uint64_t address) const noexcept
{
  const function_symbol* above =
      std::upper_bound(functions_.begin(), functions_.end(), address,
                       [](std::uint64_t where, const function_symbol& f) {
                         return where < f.address;
                       });
  if (above == functions_.begin())
    return nullptr;
  const function_symbol* found = above - 1;
  if (found->size != 0 && address - found->address >= found->size)
    return nullptr;
  return found;
}

}  // namespace hotpatch
