// The functions of hotpatch.h that look: check arguments, call the library.
// SPDX-License-Identifier: MIT
#include <cstdint>

#include "config.h"
#include "runtime/base/array.h"
#include "runtime/base/status.h"
#include "runtime/include/hotpatch.h"
#include "runtime/library/library.h"
#include "runtime/text/barrier.h"

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

bool unknown_flags(unsigned flags)
{
  return (flags & ~static_cast<unsigned>(HP_ANY_PROTOTYPE)) != 0;
}

hp_status bad_flags(const char* call, const char* name, unsigned flags)
{
  return fail(HP_INVALID, "%s(\"%s\"): unknown flags %#x", call, name, flags);
}

}  // namespace

}  // namespace hotpatch

using namespace hotpatch;

extern "C" const char* hp_error_message()
{
  return last_message();
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
    return fail(HP_DENIED, "writer: %s, because %s", name,
                self.writer().reason());
  });
  (void)status;
  return name;
}

extern "C" const char* hp_barrier()
{
  const char* name = "none";
  const hp_status status = library::locked([&](library&) {
    const bool done = serialise_cores();
    name = barrier_name();
    if (done && *barrier_reason() == '\0')
      return HP_OK;
    return fail(HP_DENIED, "barrier: %s, because %s", name, barrier_reason());
  });
  (void)status;
  return name;
}
