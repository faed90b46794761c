// Locks, fork, and what the calls are made of.
// SPDX-License-Identifier: MIT
#include "runtime/library/library.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <pthread.h>
#include <sys/mman.h>

#include "format/patch_word.h"
#include "runtime/base/memory_map.h"
#include "runtime/base/status.h"
#include "runtime/library/prototype.h"
#include "runtime/sites/name_query.h"
#include "runtime/threads/locks.h"

namespace hotpatch {

namespace {

// Never destroyed: threads and exit handlers may call the library until the
// process is gone.
union immortal {
  constexpr immortal() noexcept : object() {}
  ~immortal() {}
  library object;
};
constinit immortal the_library;

constinit fork_mutex mutex(lock_rank::library);

// A child of fork begins with the library at rest and the lock free.
[[gnu::constructor]] void rest_at_forks()
{
  handle_forks(lock_rank::library,
               {[] { (void)mutex.lock(); }, [] { mutex.unlock(); },
                [] { mutex.renew(); }});
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

}  // namespace

// What was found for the step before: mostly the next one's lies close to it.
struct library::step_before {
  memory_mapping code;  // where its replacement lay
  name_place place;
  wanted_type type;
  located_site where;  // made once; each step has its own in it
  // What replacements belong to, as the steps so far have it; null: to nothing.
  named_patch* patch = nullptr;
};

undisturbed::undisturbed() noexcept : errno_(errno)
{
  pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &cancel_state_);
}

undisturbed::~undisturbed()
{
  pthread_setcancelstate(cancel_state_, nullptr);
  errno = errno_;
}

library_lock::library_lock() noexcept
{
  if (!mutex.lock())
    status_ =
        fail(HP_BUSY,
             "the library was called from inside itself, by a function of the "
             "program that it uses (malloc?); call it from elsewhere");
}

library_lock::~library_lock()
{
  if (status_ == HP_OK)
    mutex.unlock();
}

library& library::the_one() noexcept
{
  return the_library.object;
}

hp_status library::find(const char* name, located_site& found) noexcept
{
  if (const hp_status status = sites_.refresh(); status != HP_OK)
    return status;
  return sites_.find(name, found);
}

hp_status library::check_prototype(const operation& step,
                                   const located_site& where,
                                   step_before& before) noexcept
{
  if (step.type != nullptr)
    return before.type.check(where.site, step.type, "the replacement");
  located_site own;
  return sites_.find_symbol(step.replacement, own)
             ? check_replacement(where.site, own.site)
             : HP_OK;
}

hp_status library::plan_apply(patch_plan& plan, const operation& step,
                              const located_site& where,
                              step_before& before) noexcept
{
  hp_status status = (step.flags & HP_ANY_PROTOTYPE) == 0
                         ? check_prototype(step, where, before)
                         : HP_OK;
  if (status == HP_OK)
    status = check_executable(where.site.name, step.replacement, before.code);
  return status == HP_OK ? plan.apply(where, step.replacement, before.patch)
                         : status;
}

hp_status library::plan_step(patch_plan& plan, const operation& step,
                             step_before& before) noexcept
{
  if (concerns_patches(step)) {
    if (step.what == operation::kind::add_patch)
      before.patch = step.known.patch;
    return plan_named(plan, step);
  }
  located_site& where = before.where;
  if (step.known.site == 0 && step.name != nullptr &&
      std::strchr(step.name, '#') != nullptr &&
      name_query(step.name).wants_all()) {
    array<located_site> all;
    hp_status status = sites_.find_all_held(step.name, all);
    for (const located_site& each : all)
      if (status == HP_OK)
        status = plan_at(plan, step, each, before);
    return status;
  }
  if (step.known.site != 0) {
    if (!sites_.find_symbol(step.known.site, where))
      return fail(HP_NOT_FOUND, "%s: its image was unloaded meanwhile",
                  step.name);
  } else if (const hp_status status =
                 sites_.find_held(step.name, where, before.place);
             status != HP_OK) {
    return status;
  }
  return plan_at(plan, step, where, before);
}

hp_status library::plan_at(patch_plan& plan, const operation& step,
                           const located_site& where,
                           step_before& before) noexcept
{
  switch (step.what) {
    case operation::kind::apply:
      return plan_apply(plan, step, where, before);
    case operation::kind::revert:
      return plan.revert(where);
    case operation::kind::remove:
      return plan.remove(where, step.replacement);
    case operation::kind::revert_all:
    case operation::kind::add_patch:
    case operation::kind::remove_patch:
      break;
  }
  return HP_INTERNAL;
}

hp_status library::plan_steps(patch_plan& plan,
                              std::span<const operation> operations) noexcept
{
  step_before before;
  for (const operation& step : operations)
    if (const hp_status status = plan_step(plan, step, before); status != HP_OK)
      return status;
  return HP_OK;
}

hp_status library::plan(patch_plan& plan, std::span<const operation> operations,
                        hp_level level) noexcept
{
  hp_status status = sites_.refresh();
  if (status == HP_OK)
    status = plan_steps(plan, operations);
  return status == HP_OK ? plan.prepare(level) : status;
}

hp_status library::survey(std::span<const operation> operations, hp_level level,
                          patch_hooks& hooks) noexcept
{
  // Without patches nobody is to be asked: what all of them amount to is
  // planned once, when it is done.
  if (patches_.named().empty() &&
      std::none_of(operations.begin(), operations.end(),
                   [](const operation& step) {
                     return step.what == operation::kind::add_patch;
                   }))
    return HP_OK;
  hp_status status = sites_.refresh();
  if (status != HP_OK)
    return status;
  {
    patch_plan named(patches_);
    for (const operation& step : operations)
      if (status == HP_OK && concerns_patches(step))
        status = plan_named(named, step);
    if (status == HP_OK && !named.list_patches(hooks.gone, hooks.come))
      status = fail(HP_NO_MEMORY, "no memory for the list of patches");
  }
  if (status == HP_OK && !hooks.any())
    return HP_OK;
  // Where several steps fail, the first one speaks.
  patch_plan all(patches_);
  if (const hp_status first = plan_steps(all, operations); first != HP_OK)
    return first;
  return status == HP_OK ? all.prepare(level) : status;
}

hp_status library::original(const char* name, const char* type, unsigned flags,
                            std::uint64_t& body) noexcept
{
  located_site where;
  if (const hp_status status = find(name, where); status != HP_OK)
    return status;
  if ((flags & HP_ANY_PROTOTYPE) == 0)
    if (const hp_status status =
            wanted_type().check(where.site, type, "the type asked for");
        status != HP_OK)
      return status;
  // The body begins behind the word, whatever the word holds.
  body = where.site.word + format::word_size;
  return HP_OK;
}

hp_site library::describe(const located_site& where) const noexcept
{
  const site& site = where.site;
  const site_state* state = patches_.find(where);
  hp_site result = {};
  result.name = site.name;
  result.file = site.file;
  result.prototype = site.prototype;
  result.image = where.image_path;
  result.line = site.line;
  result.id = site.id;
  result.flags = site.flags;
  result.symbol = reinterpret_cast<const void*>(site.symbol);
  result.word = reinterpret_cast<const void*>(site.word);
  result.end = reinterpret_cast<const void*>(site.end);
  if (state != nullptr) {
    result.replacements =
        static_cast<std::uint32_t>(state->replacements.size());
    result.target = reinterpret_cast<const void*>(state->active());
  }
  return result;
}

}  // namespace hotpatch
