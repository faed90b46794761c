// Compares prototype hashes, and shows the prototypes when they differ.
// SPDX-License-Identifier: MIT
#include "runtime/sites/prototype.h"

#include "runtime/base/status.h"
#include "runtime/sites/name_demangle.h"

namespace hotpatch {

namespace {

hp_status differ(const site& site, const char* what, const char* type)
{
  return fail(HP_PROTOTYPE,
              "%s: the program has %s, %s is %s; pass HP_ANY_PROTOTYPE if that "
              "is meant",
              site.name, site.prototype, what, type);
}

}  // namespace

hp_status wanted_type::check_type(const site& site, const char* type,
                                  const char* what) noexcept
{
  if (site.prototype_hash == 0 || type == nullptr)
    return HP_OK;
  if (type != recent_)
    hash_ = format::type_hash(type);
  recent_ = type;
  if (hash_ == site.prototype_hash)
    return HP_OK;
  char text[800];
  return differ(site, what, demangle(type, name_form::type, text, sizeof text));
}

hp_status check_replacement(const site& site,
                            const hotpatch::site& replacement) noexcept
{
  if (site.prototype_hash == 0 || replacement.prototype_hash == 0 ||
      replacement.prototype_hash == site.prototype_hash)
    return HP_OK;
  return differ(site, "the replacement", replacement.prototype);
}

}  // namespace hotpatch
