// dlopen(RTLD_NOLOAD), where there is a dynamic loader.
// SPDX-License-Identifier: MIT
#include "runtime/image_pin.h"

#include <cstdio>
#include <dlfcn.h>
#include <link.h>

// Weak: before glibc 2.34 they are in a library of their own, which a program
// that loads nothing does not link.
#pragma weak dlsym
#pragma weak dlclose

namespace hotpatch {

namespace {

struct owner_search {
  std::uint64_t address;
  image_owner& owner;
};

int image_covers(dl_phdr_info* image, std::size_t, void* data)
{
  auto& search = *static_cast<owner_search*>(data);
  for (int i = 0; i < image->dlpi_phnum; ++i) {
    const ElfW(Phdr)& segment = image->dlpi_phdr[i];
    if (segment.p_type != PT_LOAD ||
        search.address - image->dlpi_addr - segment.p_vaddr >= segment.p_memsz)
      continue;
    std::snprintf(search.owner.path, sizeof search.owner.path, "%s",
                  image->dlpi_name);
    return 1;
  }
  return 0;
}

// Found by name, because the linker warns about every static program in which
// dlopen is named.
void* reopen(const char* path)
{
  if (dlsym == nullptr || dlclose == nullptr)
    return nullptr;
  const auto open = reinterpret_cast<void* (*)(const char*, int)>(
      dlsym(RTLD_DEFAULT, "dlopen"));
  return open != nullptr ? open(path, RTLD_LAZY | RTLD_NOLOAD) : nullptr;
}

}  // namespace

void image_owner::find(std::uint64_t address) noexcept
{
  // The executable has an empty name and is never unloaded.
  owner_search search{address, *this};
  dl_iterate_phdr(image_covers, &search);
}

void image_pin::take(const image_owner& owner) noexcept
{
  if (owner.path[0] != '\0')
    handle_ = reopen(owner.path);
}

image_pin::~image_pin()
{
  if (handle_ != nullptr)
    dlclose(handle_);
}

}  // namespace hotpatch
