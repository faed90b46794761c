// Compares prototype hashes, and shows the prototypes when they differ.
// SPDX-License-Identifier: MIT
#include "runtime/prototype.h"

#include <algorithm>
#include <cstring>
#define HAVE_DECL_BASENAME 1  // or libiberty.h declares another one
#include <libiberty/demangle.h>

#include "runtime/status.h"

namespace hotpatch {

namespace {

// The type as text, in a buffer: libiberty hands it over piece by piece.
class demangled_type {
 public:
  explicit demangled_type(const char* mangled)
  {
    if (!cplus_demangle_v3_callback(mangled, DMGL_PARAMS | DMGL_TYPES, append,
                                    this))
      append(mangled, std::strlen(mangled), this);
  }
  const char* text() const { return text_; }

 private:
  static void append(const char* piece, std::size_t size, void* data)
  {
    auto& self = *static_cast<demangled_type*>(data);
    size = std::min(size, sizeof self.text_ - 1 - self.size_);
    std::memcpy(self.text_ + self.size_, piece, size);
    self.size_ += size;
  }

  char text_[800] = "";
  std::size_t size_ = 0;
};

hp_status differ(const site& site, const char* what, const char* type)
{
  return fail(HP_PROTOTYPE,
              "%s: the program has %s, %s is %s; pass HP_ANY_PROTOTYPE if that "
              "is meant",
              site.name, site.prototype, what, type);
}

}  // namespace

hp_status check_type(const site& site, const char* type,
                     const char* what) noexcept
{
  if (site.prototype_hash == 0 || type == nullptr ||
      format::type_hash(type) == site.prototype_hash)
    return HP_OK;
  return differ(site, what, demangled_type(type).text());
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
