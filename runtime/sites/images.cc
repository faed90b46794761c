// Following dlopen and dlclose through dl_iterate_phdr(3).
// SPDX-License-Identifier: MIT
#include "runtime/sites/images.h"

#include <algorithm>

#include <sys/auxv.h>

#include "runtime/base/page_size.h"
#include "runtime/base/status.h"

namespace hotpatch {

namespace {

// The kernel's own image: it has no file and no sites.
bool is_vdso(const dl_phdr_info& info) noexcept
{
  const std::uint64_t vdso = getauxval(AT_SYSINFO_EHDR);
  const auto headers = reinterpret_cast<std::uint64_t>(info.dlpi_phdr);
  return vdso != 0 && headers - vdso < page_size;
}

}  // namespace

struct images::walk {
  images* self;
  std::size_t position = 0;  // of the next image in the loader's list
  std::size_t floor = 0;     // the old position that a survivor has at least
  bool changed = false;
  bool no_memory = false;
};

images::~images()
{
  for (entry& each : list_)
    loaded_image::destroy(each.image);
}

hp_status images::refresh() noexcept
{
  walk state = {this};
  dl_iterate_phdr(visit, &state);
  if (!state.changed)
    return HP_OK;
  drop_unseen();
  std::sort(list_.begin(), list_.end(), [](const entry& a, const entry& b) {
    return a.position < b.position;
  });
  complete_ = !state.no_memory;
  return complete_ ? HP_OK
                   : fail(HP_NO_MEMORY,
                          "out of memory while listing the loaded images");
}

int images::visit(dl_phdr_info* info, std::size_t, void* data) noexcept
{
  walk& state = *static_cast<walk*>(data);
  images& self = *state.self;
  if (!state.changed) {
    if (self.complete_ && info->dlpi_adds == self.adds_ &&
        info->dlpi_subs == self.subs_)
      return 1;
    state.changed = true;
    self.adds_ = info->dlpi_adds;
    self.subs_ = info->dlpi_subs;
    for (entry& each : self.list_)
      each.seen = false;
  }
  if (!is_vdso(*info))
    self.see(*info, state);
  ++state.position;
  return 0;
}

void images::see(const dl_phdr_info& info, walk& state) noexcept
{
  for (entry& each : list_) {
    if (each.seen || each.position < state.floor || !each.image->is(info))
      continue;
    each.seen = true;
    state.floor = each.position + 1;
    each.position = state.position;
    return;
  }
  loaded_image* made = loaded_image::create(info, next_id_);
  if (made && list_.append({made, state.position, true})) {
    ++next_id_;
    return;
  }
  if (made)
    loaded_image::destroy(made);
  state.no_memory = true;
}

void images::drop_unseen() noexcept
{
  std::size_t kept = 0;
  for (std::size_t i = 0; i < list_.size(); ++i) {
    if (list_[i].seen)
      list_[kept++] = list_[i];
    else
      loaded_image::destroy(list_[i].image);
  }
  list_.truncate(kept);
}

bool images::loaded(std::uint64_t id) const noexcept
{
  for (const entry& each : list_) {
    if (each.image->id() == id)
      return true;
  }
  return false;
}

}  // namespace hotpatch
