// The functions of hotpatch.h that look, those about the control socket, and
// the names of statuses. SPDX-License-Identifier: MIT
#include <cstddef>
#include <cstdint>
#include <iterator>

#include "config.h"
#include "runtime/base/array.h"
#include "runtime/base/status.h"
#include "runtime/control/control_thread.h"
#include "runtime/include/hotpatch.h"
#include "runtime/library/library.h"
#include "runtime/text/barrier.h"
#include "runtime/transactions/transaction.h"

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
  return (flags &
          ~static_cast<unsigned>(HP_ANY_PROTOTYPE | HP_ALLOW_UNPREPARED)) != 0;
}

hp_status bad_flags(const char* call, const char* name, unsigned flags)
{
  return fail(HP_INVALID, "%s(\"%s\"): unknown flags %#x", call, name, flags);
}

struct status_text {
  const char* name;
  const char* text;
};

// By number: the order of hp_status in hotpatch.h.
constexpr status_text texts[] = {
    {"HP_OK", "success"},
    {"HP_INVALID", "an argument is null, empty or out of range"},
    {"HP_NOT_FOUND", "no loaded image has a site of that name"},
    {"HP_AMBIGUOUS", "several sites have that name"},
    {"HP_PROTOTYPE", "the replacement has another prototype"},
    {"HP_NOT_EXECUTABLE", "the replacement's address is not code"},
    {"HP_FOREIGN", "another tool has modified the patch word"},
    {"HP_MALFORMED", "an image's .hotpatch section is damaged"},
    {"HP_UNREADABLE", "an image's file is gone, replaced or unreadable"},
    {"HP_NO_MEMORY", "out of memory, perhaps only near the image"},
    {"HP_DENIED", "the system forbids writing to program code"},
    {"HP_NOT_APPLIED", "there is nothing to revert"},
    {"HP_BUSY", "a thread did not leave the old code in time"},
    {"HP_UNSUPPORTED", "not available in this build or on this kernel"},
    {"HP_INTERNAL", "internal error, or the system failed during rollback"},
    {"HP_APPLIED", "the patch is applied already, in this version"},
    {"HP_OLDER", "a newer version of the patch is applied"},
    {"HP_MISSING", "a patch that this one needs is not applied"},
    {"HP_NEEDED", "an applied patch needs it"},
    {"HP_VETOED", "a hook of a patch vetoed the change"},
    {"HP_LAYOUT", "a type has other members in the program and the patch"},
    {"HP_OTHER_BUILD", "the patch is for another build of the program"},
    {"HP_INLINED", "copies of the function are inlined into others"},
};
static_assert(std::size(texts) == HP_INLINED + 1);

const status_text& text_of(hp_status status)
{
  static constexpr status_text unknown = {"HP_?", "unknown status number"};
  const auto number = static_cast<std::size_t>(status);
  return number < std::size(texts) ? texts[number] : unknown;
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
  hp_status status = empty(name) ? no_name("hp_original")
                     : unknown_flags(flags)
                         ? bad_flags("hp_original", name, flags)
                         : HP_OK;
  if (status == HP_OK && (flags & HP_ALLOW_UNPREPARED) != 0)
    status = unprepared_functions::prepare({&name, 1});
  if (status == HP_OK)
    status = library::locked(
        [&](library& self) { return self.original(name, type, flags, body); });
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

extern "C" hp_status hp_control_open(const char* path)
{
  const hp_status status =
      path != nullptr && *path == '\0'
          ? fail(HP_INVALID, "hp_control_open: the path is empty")
          : open_control(path);
  return log_outcome("hp_control_open", control_path(), status);
}

extern "C" hp_status hp_control_close(void)
{
  return log_outcome("hp_control_close", nullptr, close_control());
}

extern "C" const char* hp_control_path(void)
{
  return control_path();
}

extern "C" const char* hp_status_name(hp_status status)
{
  return text_of(status).name;
}

extern "C" const char* hp_strerror(hp_status status)
{
  return text_of(status).text;
}
