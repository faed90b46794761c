// Taking a loaded image in, and its records when they are asked for.
// SPDX-License-Identifier: MIT
#include "runtime/sites/loaded_image.h"

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <new>

#include "runtime/base/status.h"

namespace hotpatch {

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

}  // namespace hotpatch
