// From a step to the site and the replacement that it names.
//
// SPDX-License-Identifier: MIT
#include "runtime/transactions/planning.h"

#include <algorithm>
#include <cstring>

#include <sys/mman.h>

#include "runtime/base/memory_map.h"
#include "runtime/base/status.h"
#include "runtime/library/library.h"
#include "runtime/library/loaded_program.h"
#include "runtime/objects/copy_check.h"
#include "runtime/sites/name_query.h"
#include "runtime/sites/prototype.h"

namespace hotpatch {

// Judging all that a transaction replaces together.

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

namespace {

hp_status check_operation(const char* function, const operation& step)
{
  if (step.what == operation::kind::revert_all ||
      step.what == operation::kind::add_patch)
    return HP_OK;
  if (step.name == nullptr || *step.name == '\0')
    return fail(HP_INVALID, "%s: the name is null or empty", function);
  if (step.what == operation::kind::remove_patch)
    return HP_OK;
  if (step.what != operation::kind::revert && step.replacement == 0)
    return fail(HP_INVALID,
                "%s(\"%s\"): the replacement is null, or a pointer to a "
                "virtual member function, which has no address of its own",
                function, step.name);
  if ((step.flags & ~static_cast<unsigned>(HP_ANY_PROTOTYPE | HP_ALLOW_COPIES |
                                           HP_ALLOW_UNPREPARED)) != 0)
    return fail(HP_INVALID, "%s(\"%s\"): unknown flags %#x", function,
                step.name, step.flags);
  return HP_OK;
}

// `code` is where the previous replacement lay.  Asking the kernel takes long;
// many replacements lie in the program, whose headers tell as much.
hp_status check_executable(const char* name, std::uint64_t replacement,
                           memory_mapping& code)
{
  if (replacement - code.begin >= code.end - code.begin &&
      !find_program_segment(replacement, code) &&
      !find_mapping(replacement, code))
    return fail(HP_NOT_EXECUTABLE,
                "%s: nothing is mapped at the replacement's address %#lx", name,
                replacement);
  if ((code.protection & PROT_EXEC) == 0)
    return fail(HP_NOT_EXECUTABLE,
                "%s: the replacement's address %#lx lies in memory that is "
                "not executable (%#lx-%#lx)",
                name, replacement, code.begin, code.end);
  return HP_OK;
}

// The steps that need no name of a function.
hp_status plan_named(patch_plan& plan, const operation& step)
{
  switch (step.what) {
    case operation::kind::revert_all:
      return plan.revert_all();
    case operation::kind::add_patch:
      return plan.add_patch(*step.known.patch);
    case operation::kind::remove_patch:
      return plan.remove_patch(step.name);
    default:
      return HP_INTERNAL;
  }
}

// Finds the sites that steps name.  What was found for the step before is kept:
// mostly the next one's lies close to it.
class site_finder {
 public:
  explicit site_finder(library& self) noexcept
      : sites_(self.sites()), unprepared_(self.unprepared())
  {
  }

  // Calls `visit(const located_site&)`, which returns a status, for each.
  template <typename Visit>
  hp_status visit_sites(const operation& step, Visit visit)
  {
    if (step.known.site == 0 && step.name != nullptr &&
        std::strchr(step.name, '#') != nullptr &&
        name_query(step.name).wants_all()) {
      array<located_site> all;
      hp_status status = sites_.find_all_held(step.name, all);
      for (const located_site& each : all)
        if (status == HP_OK)
          status = visit(each);
      return status;
    }
    if (step.known.site != 0) {
      if (!sites_.find_symbol(step.known.site, where_))
        return fail(HP_NOT_FOUND, "%s: its image was unloaded meanwhile",
                    step.name);
    } else if (const hp_status status =
                   sites_.find_held(step.name, where_, place_);
               status != HP_OK) {
      if (status != HP_NOT_FOUND || !may_be_unprepared(step) ||
          !unprepared_.find(sites_, step.name, where_))
        return status;
    }
    return visit(where_);
  }

 private:
  // What is replaced already needs no permission to be reverted.
  static bool may_be_unprepared(const operation& step) noexcept
  {
    return step.what != operation::kind::apply ||
           (step.flags & HP_ALLOW_UNPREPARED) != 0;
  }

  process_sites& sites_;
  unprepared_functions& unprepared_;
  name_place place_;
  located_site where_;  // made once; each step has its own in it
};

// Plans steps one after the other.
class step_planner {
 public:
  step_planner(library& self, patch_plan& plan, inlined_copies& copies) noexcept
      : sites_(self.sites()), finder_(self), plan_(plan), copies_(copies)
  {
  }

  hp_status plan_step(const operation& step);

 private:
  hp_status plan_at(const operation& step, const located_site& where);
  hp_status plan_apply(const operation& step, const located_site& where);
  hp_status check_prototype(const operation& step, const located_site& where);

  process_sites& sites_;
  site_finder finder_;
  patch_plan& plan_;
  inlined_copies& copies_;
  memory_mapping code_;  // where the replacement of the step before lay
  wanted_type type_;
  // What replacements belong to, as the steps so far have it; null: to nothing.
  named_patch* patch_ = nullptr;
};

hp_status step_planner::check_prototype(const operation& step,
                                        const located_site& where)
{
  if (step.type != nullptr)
    return type_.check_type(where.site, step.type, "the replacement");
  located_site own;
  return sites_.find_symbol(step.replacement, own)
             ? check_replacement(where.site, own.site)
             : HP_OK;
}

hp_status step_planner::plan_apply(const operation& step,
                                   const located_site& where)
{
  hp_status status = (step.flags & HP_ANY_PROTOTYPE) == 0
                         ? check_prototype(step, where)
                         : HP_OK;
  if (status == HP_OK)
    status = check_executable(where.site.name, step.replacement, code_);
  (void)copies_.may_replace(step, where);  // it notes what it does not know
  return status == HP_OK ? plan_.apply(where, step.replacement, patch_)
                         : status;
}

hp_status step_planner::plan_step(const operation& step)
{
  if (concerns_patches(step)) {
    if (step.what == operation::kind::add_patch)
      patch_ = step.known.patch;
    return plan_named(plan_, step);
  }
  return finder_.visit_sites(
      step, [&](const located_site& where) { return plan_at(step, where); });
}

hp_status step_planner::plan_at(const operation& step,
                                const located_site& where)
{
  switch (step.what) {
    case operation::kind::apply:
      return plan_apply(step, where);
    case operation::kind::revert:
      return plan_.revert(where);
    case operation::kind::remove:
      return plan_.remove(where, step.replacement);
    case operation::kind::revert_all:
    case operation::kind::add_patch:
    case operation::kind::remove_patch:
      break;
  }
  return HP_INTERNAL;
}

// A step that cannot be planned is worth more words than copies are.
hp_status plan_steps(library& self, patch_plan& plan,
                     std::span<const operation> operations,
                     inlined_copies& copies)
{
  step_planner planner(self, plan, copies);
  copies.begin();
  for (const operation& step : operations)
    if (const hp_status status = planner.plan_step(step); status != HP_OK) {
      copies.begin();
      return status;
    }
  return copies.asked() ? HP_INLINED : HP_OK;
}

}  // namespace

hp_status check_operations(const char* function,
                           std::span<const operation> operations) noexcept
{
  for (const operation& step : operations)
    if (const hp_status status = check_operation(function, step);
        status != HP_OK)
      return status;
  return HP_OK;
}

hp_status plan_operations(library& self, patch_plan& plan,
                          std::span<const operation> operations, hp_level level,
                          inlined_copies& copies) noexcept
{
  hp_status status = self.sites().refresh();
  if (status == HP_OK)
    status = plan_steps(self, plan, operations, copies);
  return status == HP_OK ? plan.prepare(level) : status;
}

hp_status survey_patches(library& self, std::span<const operation> operations,
                         hp_level level, inlined_copies& copies,
                         patch_hooks& hooks) noexcept
{
  // Without patches there are no hooks: what all of them amount to is
  // planned once, when it is done.
  if (self.all_patches().named().empty() &&
      std::none_of(operations.begin(), operations.end(),
                   [](const operation& step) {
                     return step.what == operation::kind::add_patch;
                   }))
    return HP_OK;
  hp_status status = self.sites().refresh();
  if (status != HP_OK)
    return status;
  {
    patch_plan named(self.all_patches());
    for (const operation& step : operations)
      if (status == HP_OK && concerns_patches(step))
        status = plan_named(named, step);
    if (status == HP_OK && !named.list_patches(hooks.gone, hooks.come))
      status = fail(HP_NO_MEMORY, "no memory for the list of patches");
  }
  if (status == HP_OK && !hooks.any())
    return HP_OK;
  // Where several steps fail, the first one speaks.
  patch_plan all(self.all_patches());
  if (const hp_status first = plan_steps(self, all, operations, copies);
      first != HP_OK)
    return first;
  return status == HP_OK ? all.prepare(level) : status;
}

hp_status list_replaced(library& self, std::span<const operation> operations,
                        array<replaced_site>& into) noexcept
{
  if (const hp_status status = self.sites().refresh(); status != HP_OK)
    return status;
  site_finder finder(self);
  for (const operation& step : operations) {
    if (step.what != operation::kind::apply)
      continue;
    const hp_status status =
        finder.visit_sites(step, [&](const located_site& where) {
          return into.append({where, &step})
                     ? HP_OK
                     : fail(HP_NO_MEMORY, "%s: out of memory", step.name);
        });
    if (status != HP_OK)
      return status;
  }
  return HP_OK;
}

}  // namespace hotpatch
