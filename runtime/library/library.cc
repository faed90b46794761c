// The one object, its lock, and what there is to be seen.
// SPDX-License-Identifier: MIT
#include "runtime/library/library.h"

#include <cerrno>
#include <pthread.h>

#include "runtime/base/status.h"
#include "runtime/sites/prototype.h"
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

}  // namespace

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
  const hp_status status = sites_.find(name, found);
  return status == HP_NOT_FOUND && unprepared_.find(sites_, name, found)
             ? HP_OK
             : status;
}

hp_status library::original(const char* name, const char* type, unsigned flags,
                            std::uint64_t& body) noexcept
{
  located_site where;
  if (const hp_status status = find(name, where); status != HP_OK)
    return status;
  if ((flags & HP_ANY_PROTOTYPE) == 0)
    if (const hp_status status =
            wanted_type().check_type(where.site, type, "the type asked for");
        status != HP_OK)
      return status;
  // The body begins after the word, whatever the word holds.
  body = body_address(where.site);
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
