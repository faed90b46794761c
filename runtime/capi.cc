// The functions of hotpatch.h: check arguments, call the library, log.
// SPDX-License-Identifier: MIT
#include <atomic>
#include <cstdint>

#include "config.h"
#include "runtime/array.h"
#include "runtime/barrier.h"
#include "runtime/image_pin.h"
#include "runtime/include/hotpatch.h"
#include "runtime/library.h"
#include "runtime/log.h"
#include "runtime/status.h"

namespace hotpatch {

namespace {

bool empty(const char* name)
{
  return name == nullptr || *name == '\0';
}

hp_status no_name(const char* call)
{
  return fail(HP_INVALID, "%s: the name is null or empty", call);
}

hp_status no_replacement(const char* call, const char* name)
{
  return fail(HP_INVALID,
              "%s(\"%s\"): the replacement is null, or a pointer to a virtual "
              "member function, which has no address of its own",
              call, name);
}

bool unknown_flags(unsigned flags)
{
  return (flags & ~static_cast<unsigned>(HP_ANY_PROTOTYPE)) != 0;
}

hp_status bad_flags(const char* call, const char* name, unsigned flags)
{
  return fail(HP_INVALID, "%s(\"%s\"): unknown flags %#x", call, name, flags);
}

// The first change tells, once, by which means text is changed here.
void log_means(const char* writer, const char* reason)
{
  static constinit std::atomic<bool> told{false};
  if (told.exchange(true))
    return;
  log(HP_LOG_DEBUG, "writer: %s%s%s", writer, *reason != '\0' ? ": " : "",
      reason);
  if (available_barrier() == barrier_kind::none)
    log(HP_LOG_ERROR,
        "membarrier(2) is refused here: threads may enter an old function "
        "shortly after a change has returned");
}

hp_status logged(hp_status status, const char* call, const char* name)
{
  if (status == HP_OK)
    log(HP_LOG_INFO, "%s(\"%s\"): done", call, name);
  else
    log(HP_LOG_ERROR, "%s(\"%s\"): %s: %s", call, name, hp_status_name(status),
        last_message());
  return status;
}

// Runs a change of the named site.
template <typename Change>
hp_status change_site(const char* call, const char* name, Change change)
{
  const char* writer = "";
  const char* reason = "";
  const hp_status status = library::locked([&](library& self) {
    const hp_status result = change(self);
    writer = self.writer().name();
    reason = self.writer().reason();
    return result;
  });
  if (status == HP_OK)
    log_means(writer, reason);
  return logged(status, call, name);
}

std::uint64_t address_of(hp_function function)
{
  return reinterpret_cast<std::uint64_t>(function);
}

}  // namespace

}  // namespace hotpatch

using namespace hotpatch;

extern "C" const char* hp_error_message()
{
  return last_message();
}

extern "C" hp_status hp_apply_as(const char* name, hp_function replacement,
                                 const char* type, unsigned flags)
{
  if (empty(name))
    return no_name("hp_apply");
  if (replacement == nullptr)
    return no_replacement("hp_apply", name);
  if (unknown_flags(flags))
    return bad_flags("hp_apply", name, flags);
  image_owner owner;
  if (const hp_status status = library::locked([&](library&) {
        owner.find(address_of(replacement));
        return HP_OK;
      });
      status != HP_OK)
    return status;
  image_pin pin;
  pin.take(owner);
  bool added = false;
  const hp_status status = change_site("hp_apply", name, [&](library& self) {
    return self.apply(name, address_of(replacement), type, flags, added);
  });
  if (added)
    pin.keep();
  return status;
}

extern "C" hp_status hp_revert(const char* name)
{
  if (empty(name))
    return no_name("hp_revert");
  return change_site("hp_revert", name,
                     [&](library& self) { return self.revert(name); });
}

extern "C" hp_status hp_remove_as(const char* name, hp_function replacement)
{
  if (empty(name))
    return no_name("hp_remove");
  if (replacement == nullptr)
    return no_replacement("hp_remove", name);
  return change_site("hp_remove", name, [&](library& self) {
    return self.remove(name, address_of(replacement));
  });
}

extern "C" hp_function hp_original_as(const char* name, const char* type,
                                      unsigned flags)
{
  std::uint64_t body = 0;
  const hp_status status =
      empty(name)            ? no_name("hp_original")
      : unknown_flags(flags) ? bad_flags("hp_original", name, flags)
                             : library::locked([&](library& self) {
                                 return self.original(name, type, flags, body);
                               });
  return status == HP_OK ? reinterpret_cast<hp_function>(body) : nullptr;
}

extern "C" hp_function hp_original(const char* name)
{
  return hp_original_as(name, nullptr, 0);
}

extern "C" size_t hp_site_count()
{
  std::size_t count = 0;
  const hp_status status = library::locked([&](library& self) {
    const hp_status refreshed = self.sites().refresh();
    count = self.sites().count();
    return refreshed;
  });
  return status == HP_OK ? count : 0;
}

extern "C" hp_status hp_site_find(const char* name, hp_site* site)
{
  if (empty(name))
    return no_name("hp_site_find");
  if (site == nullptr)
    return fail(HP_INVALID, "hp_site_find(\"%s\"): the site is null", name);
  return library::locked([&](library& self) {
    located_site found;
    const hp_status status = self.find(name, found);
    if (status == HP_OK)
      *site = self.describe(found);
    return status;
  });
}

extern "C" hp_status hp_site_each(hp_site_visitor visit, void* data)
{
  if (visit == nullptr)
    return fail(HP_INVALID, "hp_site_each: the visitor is null");
  // A snapshot, visited without the lock, so that the visitor may do anything.
  array<hp_site> snapshot;
  const hp_status status = library::locked([&](library& self) {
    if (const hp_status refreshed = self.sites().refresh(); refreshed != HP_OK)
      return refreshed;
    struct pass {
      library& self;
      array<hp_site>& snapshot;
      bool complete;
    } pass{self, snapshot, true};
    self.sites().for_each(
        [](const located_site& where, void* opaque) {
          auto& into = *static_cast<struct pass*>(opaque);
          into.complete = into.snapshot.append(into.self.describe(where));
          return into.complete;
        },
        &pass);
    return pass.complete ? HP_OK
                         : fail(HP_NO_MEMORY,
                                "hp_site_each: no memory for a list of %zu "
                                "sites",
                                self.sites().count());
  });
  if (status != HP_OK)
    return status;
  for (const hp_site& site : snapshot)
    if (visit(&site, data) != 0)
      break;
  return HP_OK;
}

extern "C" const char* hp_version()
{
  return PACKAGE_VERSION;
}

extern "C" const char* hp_writer()
{
  const char* name = "none";
  const hp_status status = library::locked([&](library& self) {
    name = self.writer().name();
    if (*self.writer().reason() == '\0')
      return HP_OK;
    return fail(HP_DENIED, "writer: %s: %s", name, self.writer().reason());
  });
  (void)status;
  return name;
}
