// The functions of hotpatch.h about named patches.
// SPDX-License-Identifier: MIT
#include "runtime/base/status.h"
#include "runtime/include/hotpatch.h"
#include "runtime/library/library.h"
#include "runtime/library/patch_listing.h"

namespace hotpatch {

namespace {

template <typename Listing, typename Visitor>
void show(const Listing& listing, Visitor visit, void* data)
{
  for (std::size_t i = 0; i < listing.size(); ++i)
    if (visit(&listing[i], data) != 0)
      return;
}

hp_status null_or_empty(const char* call)
{
  return fail(HP_INVALID, "%s: an argument is null, or the name is empty",
              call);
}

bool empty(const char* name)
{
  return name == nullptr || *name == '\0';
}

}  // namespace

}  // namespace hotpatch

using namespace hotpatch;

extern "C" hp_status hp_patch_find(const char* name, hp_patch* patch)
{
  if (empty(name) || patch == nullptr)
    return null_or_empty("hp_patch_find");
  return library::locked([&](library& self) {
    const named_patch* found = self.all_patches().named().find(name);
    if (found == nullptr)
      return fail(HP_NOT_APPLIED, "no patch named \"%s\" is applied", name);
    if (const hp_status status = self.sites().refresh(); status != HP_OK)
      return status;
    *patch = describe(self.all_patches(), *found);
    return HP_OK;
  });
}

extern "C" hp_status hp_patch_each(hp_patch_visitor visit, void* data)
{
  if (visit == nullptr)
    return fail(HP_INVALID, "hp_patch_each: the visitor is null");
  patch_listing listing;
  const hp_status status = library::locked([&](library& self) {
    const hp_status refreshed = self.sites().refresh();
    return refreshed == HP_OK ? listing.take(self.all_patches()) : refreshed;
  });
  if (status == HP_OK)
    show(listing, visit, data);
  return status;
}

extern "C" hp_status hp_replacement_each(const char* name,
                                         hp_replacement_visitor visit,
                                         void* data)
{
  if (empty(name) || visit == nullptr)
    return null_or_empty("hp_replacement_each");
  replacement_listing listing;
  const hp_status status = library::locked([&](library& self) {
    located_site where;
    const hp_status found = self.find(name, where);
    return found == HP_OK ? listing.take(self.all_patches(), where) : found;
  });
  if (status == HP_OK)
    show(listing, visit, data);
  return status;
}
