// Opening a page for writing, and closing it again.
// SPDX-License-Identifier: MIT
#include "runtime/library/data_stores.h"

#include <cerrno>
#include <cstring>
#include <sys/mman.h>

#include "runtime/base/memory_map.h"
#include "runtime/base/status.h"

namespace hotpatch {

namespace {

constexpr std::uint64_t page_size = 4096;

// Parts of RELRO segments are read-only once the object is loaded.
class writable_page {
 public:
  // False: cannot be made writable; errno says why.
  bool open(std::uint64_t address) noexcept
  {
    close();
    page_ = address / page_size * page_size;
    memory_mapping found;
    if (!find_mapping(address, found)) {
      errno = EFAULT;
      return false;
    }
    if ((found.protection & PROT_WRITE) != 0)
      return true;
    if (!protect(PROT_READ | PROT_WRITE))
      return false;
    before_ = found.protection;
    return true;
  }
  bool contains(std::uint64_t address) const noexcept
  {
    return address / page_size * page_size == page_;
  }

  writable_page() noexcept = default;
  writable_page(const writable_page&) = delete;
  writable_page& operator=(const writable_page&) = delete;
  ~writable_page() { close(); }

 private:
  bool protect(int protection) const noexcept
  {
    return mprotect(reinterpret_cast<void*>(page_), page_size, protection) == 0;
  }
  void close() noexcept
  {
    if (before_ != unchanged)
      protect(before_);
    before_ = unchanged;
  }

  static constexpr int unchanged = -1;
  std::uint64_t page_ = 1;  // none
  int before_ = unchanged;
};

}  // namespace

hp_status store_data(const char* label,
                     std::span<const import_store> stores) noexcept
{
  writable_page page;
  for (const import_store& each : stores) {
    if (each.address % sizeof each.value != 0)
      return fail(HP_UNSUPPORTED,
                  "%s: its data at %#llx is packed, so it cannot hold the "
                  "address of something in the program",
                  label, static_cast<unsigned long long>(each.address));
    if (!page.contains(each.address) && !page.open(each.address))
      return fail(HP_DENIED, "%s: cannot write to its data at %#llx: %s", label,
                  static_cast<unsigned long long>(each.address),
                  std::strerror(errno));
    std::memcpy(reinterpret_cast<void*>(each.address), &each.value,
                sizeof each.value);
  }
  return HP_OK;
}

}  // namespace hotpatch
