// A page of cells for as many sites as it has room for.
//
// SPDX-License-Identifier: MIT
#include "outside/cell_supply.h"

#include <algorithm>
#include <cstdint>
#include <string>
#include <vector>

#include <sys/mman.h>
#include <sys/syscall.h>

#include "outside/cell_page.h"
#include "processes/maps.h"
#include "processes/threads.h"
#include "processes/trouble.h"

namespace hotpatch::outside {

namespace {

std::vector<site_change*> without_cell(std::span<site_change> changes)
{
  std::vector<site_change*> without;
  for (site_change& each : changes) {
    if (each.cell != 0)
      continue;
    if (!has_far_form(each.where))
      throw trouble(each.name +
                    " has no room for a far jump before it; it can only "
                    "be replaced alone, by code that is near");
    without.push_back(&each);
  }
  return without;
}

// MAP_FIXED_NOREPLACE: a thread may have mapped something there meanwhile.
std::uint64_t map_page(borrowed_thread& thread,
                       std::span<site_change* const> some)
{
  const std::uint64_t wanted =
      find_cell_page(read_maps(thread.process()), some);
  const std::int64_t page = thread.system_call(
      SYS_mmap, {wanted, cell_page_size, PROT_READ,
                 MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE,
                 ~std::uint64_t{0}, 0});
  if (wanted == 0 || static_cast<std::uint64_t>(page) != wanted)
    throw trouble(process_text(thread.process()) +
                  " has no free memory near enough to " + some[0]->name);
  return wanted;
}

}  // namespace

void supply_cells(borrowed_thread& thread, std::span<site_change> changes)
{
  if (!site_switch::needs_cells(changes))
    return;
  const std::vector<site_change*> without = without_cell(changes);
  std::span<site_change* const> left = without;
  while (!left.empty()) {
    const auto some = left.first(
        std::min<std::size_t>(left.size(), cell_page_size / sizeof(void*)));
    std::uint64_t cell = map_page(thread, some);
    for (site_change* each : some) {
      each->cell = cell;
      cell += sizeof(void*);
    }
    left = left.subspan(some.size());
  }
}

}  // namespace hotpatch::outside
