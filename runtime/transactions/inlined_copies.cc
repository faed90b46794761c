// Judging all that a transaction replaces together.
// SPDX-License-Identifier: MIT
#include "runtime/transactions/inlined_copies.h"

#include <algorithm>

#include "runtime/base/status.h"
#include "runtime/library/library.h"
#include "runtime/library/loaded_program.h"
#include "runtime/objects/copy_check.h"
#include "runtime/transactions/planning.h"

namespace hotpatch {

namespace {

using replaced_sites = array<replaced_site>;

bool is_before(const replaced_site& a, std::uint64_t symbol)
{
  return a.where.site.symbol < symbol;
}

const replaced_site* find(const replaced_sites& sites, std::uint64_t symbol)
{
  const replaced_site* const found =
      std::lower_bound(sites.begin(), sites.end(), symbol, is_before);
  return found != sites.end() && found->where.site.symbol == symbol ? found
                                                                    : nullptr;
}

hp_status no_memory()
{
  return fail(HP_NO_MEMORY, "no memory to look for inlined copies");
}

}  // namespace

bool inlined_copies::is_judged(const operation& step,
                               const located_site& where) noexcept
{
  if ((step.flags & HP_ALLOW_COPIES) != 0)
    return true;
  const judged_site* const found = std::lower_bound(
      judged_.begin(), judged_.end(), where.site.symbol,
      [](const judged_site& a, std::uint64_t b) { return a.symbol < b; });
  const bool known = found != judged_.end() &&
                     found->symbol == where.site.symbol &&
                     found->image_id == where.image_id;
  asked_ = asked_ || !known;
  return known;
}

hp_status inlined_copies::judge(std::span<const operation> operations) noexcept
{
  constexpr int enough = 100;
  if (++judgements_ > enough)
    return fail(HP_BUSY, "images are loaded and unloaded all the time");
  replaced_sites sites;
  if (const hp_status status = library::locked([&](library& self) {
        return list_replaced(self, operations, sites);
      });
      status != HP_OK)
    return status;
  std::sort(sites.begin(), sites.end(),
            [](const replaced_site& a, const replaced_site& b) {
              return is_before(a, b.where.site.symbol);
            });
  loaded_program program;  // keeps the images, so that their texts stay
  if (const hp_status status = program.take(); status != HP_OK)
    return status;
  array<replaced_function> together;
  bool complete = true;
  for (const program_image& image : program.images())
    image.for_each_site([&](const site& each) {
      const replaced_site* const found = find(sites, each.symbol);
      if (found != nullptr && (each.flags & format::site_alias) == 0)
        complete =
            together.append({each, &image, found->step->name,
                             (found->step->flags & HP_ALLOW_COPIES) != 0});
      return complete;
    });
  judged_.clear();
  for (const replaced_site& each : sites)
    complete = complete &&
               judged_.append({each.where.site.symbol, each.where.image_id});
  if (!complete)
    return no_memory();
  check_report report;
  const hp_status status = check_copies("", {together.data(), together.size()},
                                        program.images(), report);
  return status == HP_OK ? report.result() : status;
}

}  // namespace hotpatch
