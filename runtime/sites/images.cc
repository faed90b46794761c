// Following dlopen and dlclose through dl_iterate_phdr(3).
//
// SPDX-License-Identifier: MIT
#include "runtime/sites/images.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <new>

#include <sys/auxv.h>

#include "runtime/base/page_size.h"
#include "runtime/base/status.h"

namespace hotpatch {

// Taking a loaded image in, and its records when they are asked for.

loaded_image* loaded_image::create(const dl_phdr_info& info,
                                   std::uint64_t id) noexcept
{
  void* memory = std::malloc(sizeof(loaded_image));
  if (!memory)
    return nullptr;
  auto* made = new (memory) loaded_image;
  made->id_ = id;
  if (made->set_up(info))
    return made;
  destroy(made);
  return nullptr;
}

void loaded_image::destroy(loaded_image* image) noexcept
{
  image->~loaded_image();
  std::free(image);
}

bool loaded_image::set_up(const dl_phdr_info& info) noexcept
{
  base_ = info.dlpi_addr;
  headers_ = info.dlpi_phdr;
  header_count_ = info.dlpi_phnum;
  tls_module_ = info.dlpi_tls_modid;
  const char* name = info.dlpi_name ? info.dlpi_name : "";
  executable_ = name[0] == '\0';
  if (!assign_text(loader_name_, name) ||
      !(executable_ ? program_path(path_) : assign_text(path_, name)))
    return false;
  for (std::size_t i = 0; i < header_count_; ++i) {
    const ElfW(Phdr)& header = headers_[i];
    if (header.p_type != PT_LOAD || !(header.p_flags & PF_R) ||
        header.p_memsz == 0)
      continue;
    const std::uint64_t address = base_ + header.p_vaddr;
    if (!ranges_.append({address, header.p_memsz,
                         reinterpret_cast<const unsigned char*>(address),
                         (header.p_flags & PF_X) != 0}))
      return false;
  }
  return true;
}

bool loaded_image::is(const dl_phdr_info& info) const noexcept
{
  return info.dlpi_addr == base_ && info.dlpi_phdr == headers_ &&
         info.dlpi_phnum == header_count_ &&
         std::strcmp(info.dlpi_name ? info.dlpi_name : "",
                     loader_name_.data()) == 0;
}

hp_status loaded_image::prepare_now() noexcept
{
  status_ = read_records();
  if (status_ != HP_OK)
    section_ = {};
  if (status_ != HP_OK && !assign_text(reason_, last_message()))
    status_ = HP_NO_MEMORY;
  prepared_ = status_ == HP_OK || status_ == HP_MALFORMED;
  return status_;
}

hp_status loaded_image::read_records() noexcept
{
  const hp_status located = locate_records(mapped(), section_);
  if (located != HP_OK || section_.size == 0)
    return located;
  if (!sort_ranges(ranges_.data(), ranges_.size()))
    return fail(HP_MALFORMED, "%s: its segments overlap", path_.data());
  record_fault fault;
  record_reader records = reader();
  const hp_status status = index_.build(records, fault);
  if (status == HP_MALFORMED)
    return fail(status, "%s: .hotpatch, record %llu (offset %#llx): %s %s",
                path_.data(), static_cast<unsigned long long>(fault.record),
                static_cast<unsigned long long>(fault.offset), fault.field,
                fault.reason);
  if (status != HP_OK)
    return fail(status, "%s: out of memory", path_.data());
  return HP_OK;
}

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
