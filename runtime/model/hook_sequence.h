// The order in which the hooks of a change's patches are called.
//
// Owns the invariant that every hook that consented is followed by the one that
// ends what it began: a before_apply by after_apply or, if the change fails, by
// after_revert; a before_revert by after_revert or, if the change fails, by
// after_apply.  Patches that go come first, then those that come; what is taken
// back is so in the opposite order.
//
// Pure: a caller says how a hook is called, in this process or in another one.
// Used by one thread, for one change.
//
// SPDX-License-Identifier: MIT
#ifndef HOTPATCH_RUNTIME_HOOK_SEQUENCE_H
#define HOTPATCH_RUNTIME_HOOK_SEQUENCE_H

#include <cstddef>

#include "format/patch_record.h"
#include "runtime/base/countermeasure.h"

namespace hotpatch {

class hook_sequence {
 public:
  using time = format::hook_time;

  constexpr hook_sequence() noexcept = default;
  // So many patches go, and so many come: numbers 0 to gone - 1, and gone to
  // gone + come - 1.
  constexpr hook_sequence(std::size_t gone, std::size_t come) noexcept
      : gone_(gone), all_(gone + come)
  {
  }

  constexpr bool comes(std::size_t patch) const noexcept
  {
    return patch >= gone_;
  }
  constexpr time before_of(std::size_t patch) const noexcept
  {
    return comes(patch) ? time::before_apply : time::before_revert;
  }
  constexpr time after_of(std::size_t patch) const noexcept
  {
    return comes(patch) ? time::after_apply : time::after_revert;
  }
  // What comes does not, and what goes stays.
  constexpr time take_back_of(std::size_t patch) const noexcept
  {
    return comes(patch) ? time::after_revert : time::after_apply;
  }

  // Calls `ask(patch, time)` for each until one returns false, and returns
  // false then; take_back() has to follow.
  template <typename Ask>
  [[nodiscard]] bool before(Ask ask)
  {
    for (consented_ = 0; consented_ < all_; ++consented_)
      if (!ask(consented_, before_of(consented_)))
        return false;
    return true;
  }

  // The change was made.
  template <typename Tell>
  void after(Tell tell)
  {
    consented_ = 0;
    for (std::size_t patch = 0; patch < all_; ++patch)
      tell(patch, after_of(patch));
  }

  // The change was not made.
  template <typename Tell>
  void take_back(Tell tell)
  {
    while (consented_ > 0 && HP_COUNTERMEASURE(take_back_hooks)) {
      --consented_;
      tell(consented_, take_back_of(consented_));
    }
  }

  // Whether before(), after() or take_back() would call a hook: `has(patch,
  // time)` says which there are.
  template <typename Has>
  bool any_before(Has has) const
  {
    return any(all_, has, &hook_sequence::before_of);
  }
  template <typename Has>
  bool any_after(Has has) const
  {
    return any(all_, has, &hook_sequence::after_of);
  }
  template <typename Has>
  bool any_to_take_back(Has has) const
  {
    return any(consented_, has, &hook_sequence::take_back_of);
  }

 private:
  template <typename Has>
  bool any(std::size_t first, Has has,
           time (hook_sequence::*when)(std::size_t) const noexcept) const
  {
    for (std::size_t patch = 0; patch < first; ++patch)
      if (has(patch, (this->*when)(patch)))
        return true;
    return false;
  }

  std::size_t gone_ = 0;
  std::size_t all_ = 0;
  std::size_t consented_ = 0;  // the first ones
};

}  // namespace hotpatch

#endif
