// The library's one object, and the order of its locks.
//
// Owns the lock order: the dynamic loader's lock on loading (held by the thread
// that runs constructors), then the library's own, then the loader's lock on
// its list of images (dl_iterate_phdr holds it).  Whatever runs under locked()
// therefore sees every image stay where it is.  The library's lock is outside
// of the list's, so that fork, which takes the first, never copies the second
// while a thread of ours has it: the child could not take it again.
//
// SPDX-License-Identifier: MIT
#ifndef HOTPATCH_RUNTIME_LIBRARY_H
#define HOTPATCH_RUNTIME_LIBRARY_H

#include <cstdint>

#include "runtime/include/hotpatch.h"
#include "runtime/library/image_pin.h"
#include "runtime/library/unprepared_functions.h"
#include "runtime/patches/patches.h"
#include "runtime/sites/process_sites.h"
#include "runtime/threads/safe_point.h"

namespace hotpatch {

// Reading and writing files are cancellation points; a thread that ended there
// would leave the library's lock taken and text writable.  Keeps errno, too.
class undisturbed {
 public:
  undisturbed() noexcept;
  undisturbed(const undisturbed&) = delete;
  undisturbed& operator=(const undisturbed&) = delete;
  ~undisturbed();

 private:
  int errno_;
  int cancel_state_ = 0;
};

// The library's own lock.
class library_lock {
 public:
  library_lock() noexcept;
  library_lock(const library_lock&) = delete;
  library_lock& operator=(const library_lock&) = delete;
  ~library_lock();

  // HP_BUSY: this thread has it already.
  hp_status status() const noexcept { return status_; }

 private:
  const undisturbed guard_;
  // Who holds the lock may be waiting for this thread to reach a safe point.
  const offline_scope offline_;
  hp_status status_ = HP_OK;
};

class library {
 public:
  constexpr library() noexcept : patches_(sites_) {}

  // Returns `body(library&)`, which is run under the locks: an hp_status, or
  // what can be made of one.
  template <typename Body>
  [[nodiscard]] static auto locked(Body body) noexcept
  {
    using result = decltype(body(the_one()));
    const library_lock lock;
    return lock.status() == HP_OK ? hold_loader(body, the_one())
                                  : result(lock.status());
  }

  [[nodiscard]] hp_status original(const char* name, const char* type,
                                   unsigned flags,
                                   std::uint64_t& body) noexcept;

  // A site, or a function without one that was prepared.
  [[nodiscard]] hp_status find(const char* name, located_site& found) noexcept;
  [[nodiscard]] hp_site describe(const located_site& where) const noexcept;

  process_sites& sites() noexcept { return sites_; }
  patches& all_patches() noexcept { return patches_; }
  kept_images& kept() noexcept { return kept_; }
  unprepared_functions& unprepared() noexcept { return unprepared_; }
  text_writer& writer() noexcept { return patches_.writer(); }

 private:
  static library& the_one() noexcept;

  process_sites sites_;
  patches patches_;
  kept_images kept_;
  unprepared_functions unprepared_;
};

}  // namespace hotpatch

#endif
