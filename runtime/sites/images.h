// The ELF images loaded in this process that may have sites.
//
// Owns the list and the rule for its identities: an id is given to one loading
// of one image and never again.  A reloaded image is told apart by the loader's
// order: what was loaded again stands after what stayed.  The one case that
// leaves no trace, the last image unloaded and loaded again at the same address
// between two refreshes, keeps its id; its patch words are pristine then, which
// the layer above sees.
//
// Used under the library's lock.  The memory of an image may be touched only
// while the loader is held (hold_loader), because another thread may dlclose
// it at any time.
//
// SPDX-License-Identifier: MIT
#ifndef HOTPATCH_RUNTIME_IMAGES_H
#define HOTPATCH_RUNTIME_IMAGES_H

#include <link.h>

#include "runtime/base/array.h"
#include "runtime/sites/loaded_image.h"

namespace hotpatch {

// Calls `action(argument)` while no image can be unloaded, and returns its
// result.  The action may allocate, but must not call dlopen, dlclose or
// anything that waits for a thread which does.
//
// glibc holds its list's lock during the whole walk (dl-iteratephdr.c) and
// takes it for unmapping (dl-close.c); the lock is recursive, so an action may
// walk the list itself.
template <typename Action, typename Argument>
auto hold_loader(Action action, Argument& argument) noexcept
{
  struct held_call {
    Action& action;
    Argument& argument;
    decltype(action(argument)) result;

    static int run(dl_phdr_info*, std::size_t, void* data) noexcept
    {
      auto& self = *static_cast<held_call*>(data);
      self.result = self.action(self.argument);
      return 1;  // the first image is enough
    }
  } call{action, argument, {}};
  dl_iterate_phdr(held_call::run, &call);
  return call.result;
}

class images {
 public:
  constexpr images() noexcept = default;
  images(const images&) = delete;
  images& operator=(const images&) = delete;
  ~images();

  // Takes notice of what was loaded and unloaded since the last call.
  // HP_NO_MEMORY: not all of it; the next call tries again.
  [[nodiscard]] hp_status refresh() noexcept;

  [[nodiscard]] bool loaded(std::uint64_t id) const noexcept;

  // In the loader's order.
  [[nodiscard]] std::size_t size() const noexcept { return list_.size(); }
  [[nodiscard]] loaded_image& operator[](std::size_t i) noexcept
  {
    return *list_[i].image;
  }

 private:
  struct walk;
  struct entry {
    loaded_image* image;
    std::size_t position;  // in the loader's list at the last walk
    bool seen;             // by the walk that is under way
  };

  static int visit(dl_phdr_info* info, std::size_t size, void* data) noexcept;
  void see(const dl_phdr_info& info, walk& state) noexcept;
  void drop_unseen() noexcept;

  array<entry> list_;
  unsigned long long adds_ = 0;
  unsigned long long subs_ = 0;
  bool complete_ = false;  // the list is what the two counters stand for
  std::uint64_t next_id_ = 1;
};

}  // namespace hotpatch

#endif
