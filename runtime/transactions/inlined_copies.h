// Whether a transaction may replace functions of which copies may have been
// inlined into others.
//
// The rule is copy_check.h's; it takes the images' files, which are not read
// under the library's lock.  So planning only notes that it meets such a
// function, and fails; then the transaction is judged without the lock and
// planned again.  Most transactions meet none, and pay nothing.
//
// SPDX-License-Identifier: MIT
#ifndef HOTPATCH_RUNTIME_INLINED_COPIES_H
#define HOTPATCH_RUNTIME_INLINED_COPIES_H

#include <cstdint>
#include <span>

#include "runtime/base/array.h"
#include "runtime/include/hotpatch.h"
#include "runtime/sites/process_sites.h"

namespace hotpatch {

struct operation;

class inlined_copies {
 public:
  // `allowed`: copies may stay where they are.
  explicit inlined_copies(bool allowed) noexcept : allowed_(allowed) {}

  // Whether the step may replace the function; if that is not known yet, it is
  // noted.
  bool may_replace(const operation& step, const located_site& where) noexcept
  {
    if ((where.site.flags & format::site_copied) == 0 || allowed_)
      return true;
    return is_judged(step, where);
  }

  // From now on nothing is noted.
  void begin() noexcept { asked_ = false; }
  // The plan had to end, since something was met that is not judged.
  [[nodiscard]] bool asked() const noexcept { return asked_; }

  // Without the library's lock.  HP_OK: all that the operations replace may be;
  // plan again.  HP_INLINED, HP_NO_MEMORY, and what looking up their names may
  // fail with.
  [[nodiscard]] hp_status judge(std::span<const operation> operations) noexcept;

  // Does it again when what it has asked for is judged.
  template <typename Action>
  [[nodiscard]] hp_status judged(std::span<const operation> operations,
                                 Action action) noexcept
  {
    for (;;) {
      begin();
      const hp_status status = action();
      if (status != HP_INLINED || !asked_)
        return status;
      if (const hp_status found = judge(operations); found != HP_OK)
        return found;
    }
  }

 private:
  struct judged_site {
    std::uint64_t symbol = 0;
    std::uint64_t image_id = 0;
  };

  bool is_judged(const operation& step, const located_site& where) noexcept;

  array<judged_site> judged_;  // by symbol
  int judgements_ = 0;
  const bool allowed_;
  bool asked_ = false;
};

}  // namespace hotpatch

#endif
