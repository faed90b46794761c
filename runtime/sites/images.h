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
#include "runtime/sites/image_file.h"
#include "runtime/sites/name_index.h"
#include "runtime/sites/record_reader.h"

namespace hotpatch {

// One image loaded in this process: where it lies, whether it has sites, and if
// they cannot be read, why.
//
// Owns its path, its index and the invariant that its records are read from
// memory only after the file that says where they are was proved to be the one
// that is loaded.  Used under the library's lock while the loader is held.
class loaded_image {
 public:
  // Null: no memory.
  [[nodiscard]] static loaded_image* create(const dl_phdr_info& info,
                                            std::uint64_t id) noexcept;
  static void destroy(loaded_image* image) noexcept;

  // Whether this is the image that the loader describes so.
  [[nodiscard]] bool is(const dl_phdr_info& info) const noexcept;

  // Reads the records if that has not been done.  HP_OK: there is an index,
  // possibly an empty one.  HP_MALFORMED is kept, with its reason; after
  // HP_UNREADABLE, which a limit may have caused, and HP_NO_MEMORY the next
  // call tries again.
  [[nodiscard]] hp_status prepare() noexcept
  {
    return prepared_ ? status_ : prepare_now();
  }

  [[nodiscard]] const char* reason() const noexcept { return reason_.data(); }
  [[nodiscard]] const char* path() const noexcept { return path_.data(); }
  [[nodiscard]] std::uint64_t id() const noexcept { return id_; }
  [[nodiscard]] bool has_sites() const noexcept { return section_.size != 0; }

  // To open its file with.
  [[nodiscard]] mapped_image mapped() const noexcept
  {
    return {base_, headers_, header_count_, loader_name_.data(), executable_};
  }
  [[nodiscard]] const array<memory_range>& ranges() const noexcept
  {
    return ranges_;
  }
  [[nodiscard]] record_section section() const noexcept { return section_; }
  // The loader's number of its thread-local storage, 0: it has none.
  [[nodiscard]] std::uint64_t tls_module() const noexcept
  {
    return tls_module_;
  }

  // For use with the index, after prepare() said HP_OK.
  [[nodiscard]] record_reader reader() const noexcept
  {
    return {{ranges_.data(), ranges_.size()}, section_};
  }
  [[nodiscard]] const name_index& index() const noexcept { return index_; }

 private:
  [[nodiscard]] bool set_up(const dl_phdr_info& info) noexcept;
  [[nodiscard]] hp_status prepare_now() noexcept;
  [[nodiscard]] hp_status read_records() noexcept;

  std::uint64_t id_ = 0;
  std::uint64_t base_ = 0;  // what is added to link-time addresses
  const ElfW(Phdr) * headers_ = nullptr;
  std::size_t header_count_ = 0;
  std::uint64_t tls_module_ = 0;
  bool executable_ = false;
  bool prepared_ = false;
  hp_status status_ = HP_OK;
  array<char> loader_name_;  // as the loader calls it, "" for the program
  array<char> path_;         // for people
  array<char> reason_;       // why the records cannot be read
  array<memory_range> ranges_;
  record_section section_;
  name_index index_;
};

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
