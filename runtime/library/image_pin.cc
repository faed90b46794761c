// dlopen(RTLD_NOLOAD), where there is a dynamic loader.
// SPDX-License-Identifier: MIT
#include "runtime/library/image_pin.h"

#include <cstdlib>
#include <cstring>
#include <dlfcn.h>
#include <link.h>

#include "runtime/base/countermeasure.h"
#include "runtime/base/status.h"

// Weak: before glibc 2.34 they are in a library of their own, which a program
// that loads nothing does not link.
#pragma weak dlsym
#pragma weak dlclose

namespace hotpatch {

namespace {

// Found by name, because the linker warns about every static program in which
// dlopen is named.
template <typename Function>
Function* loader_call(const char* name)
{
  return dlsym != nullptr && dlclose != nullptr
             ? reinterpret_cast<Function*>(dlsym(RTLD_DEFAULT, name))
             : nullptr;
}

}  // namespace

namespace {

// Found in the object that this code is in; its name stays with it.
struct own_object {
  std::uint64_t address;
  const char* name = nullptr;
  int objects = 0;
};

int find_own_object(dl_phdr_info* info, std::size_t, void* data)
{
  auto& own = *static_cast<own_object*>(data);
  ++own.objects;
  for (int i = 0; i < info->dlpi_phnum; ++i) {
    const ElfW(Phdr)& segment = info->dlpi_phdr[i];
    const std::uint64_t begin = info->dlpi_addr + segment.p_vaddr;
    if (segment.p_type == PT_LOAD && own.address - begin < segment.p_memsz) {
      own.name = info->dlpi_name;
      return 1;
    }
  }
  return 0;
}

// The library's signal handler, fork handlers and junctions are used as long as
// the process lives.  libhotpatch.so is linked with -z nodelete; this is for
// the static library in a shared object that a program loads and unloads.
[[gnu::constructor]] void stay_loaded()
{
  own_object own{reinterpret_cast<std::uint64_t>(&stay_loaded)};
  dl_iterate_phdr(find_own_object, &own);
  // The first one is the program, which stays anyway.
  if (own.objects > 1 && own.name != nullptr && *own.name != '\0' &&
      HP_COUNTERMEASURE(stay_loaded))
    (void)open_image(own.name, RTLD_LAZY | RTLD_NOLOAD | RTLD_NODELETE);
}

}  // namespace

bool can_open_images() noexcept
{
  return loader_call<decltype(dlopen)>("dlopen") != nullptr;
}

void* open_image(const char* path, int flags) noexcept
{
  const auto open = loader_call<decltype(dlopen)>("dlopen");
  return open != nullptr ? open(path, flags) : nullptr;
}

void close_image(void* handle) noexcept
{
  if (handle != nullptr)
    dlclose(handle);
}

// The loader has one handle for each object.
bool kept_images::keep(std::uint64_t address, void* handle) noexcept
{
  for (const image& known : images_)
    if (known.handle == handle)
      return false;
  return images_.append({address, handle});
}

void* kept_images::take(std::uint64_t begin, std::uint64_t end) noexcept
{
  for (std::size_t i = 0; i < images_.size(); ++i)
    if (images_[i].address - begin < end - begin) {
      void* handle = images_[i].handle;
      images_.remove(i);
      return handle;
    }
  return nullptr;
}

struct image_pins::owner_search {
  std::uint64_t address;
  image found;
};

int image_pins::find(dl_phdr_info* info, std::size_t, void* data) noexcept
{
  auto& search = *static_cast<owner_search*>(data);
  for (int i = 0; i < info->dlpi_phnum; ++i) {
    const ElfW(Phdr)& segment = info->dlpi_phdr[i];
    const std::uint64_t begin = info->dlpi_addr + segment.p_vaddr;
    if (segment.p_type != PT_LOAD || search.address - begin >= segment.p_memsz)
      continue;
    search.found = {begin,           segment.p_memsz,
                    info->dlpi_addr, strdup(info->dlpi_name),
                    nullptr,         false};
    return 1;
  }
  return 0;
}

// The object may have been unloaded since it was noted, and another one loaded
// by the same name: a patch object's is that of a descriptor, whose number
// comes again.
void* image_pins::open_named(const image& wanted) noexcept
{
  void* const handle = open_image(wanted.path, RTLD_LAZY | RTLD_NOLOAD);
  const auto ask = loader_call<decltype(dlinfo)>("dlinfo");
  link_map* object = nullptr;
  if (handle == nullptr || !HP_COUNTERMEASURE(pin_what_was_noted) ||
      (ask != nullptr && ask(handle, RTLD_DI_LINKMAP, &object) == 0 &&
       object->l_addr == wanted.bias))
    return handle;
  close_image(handle);
  return nullptr;
}

// dl_iterate_phdr() shows the objects of its caller's namespace only.  These
// calls take the loader's lock.
void* image_pins::open_elsewhere(std::uint64_t address) noexcept
{
  const auto find_owner = loader_call<decltype(dladdr1)>("dladdr1");
  const auto ask = loader_call<decltype(dlinfo)>("dlinfo");
  const auto open = loader_call<decltype(dlmopen)>("dlmopen");
  Dl_info about;
  void* object = nullptr;
  Lmid_t name_space = LM_ID_BASE;
  if (find_owner == nullptr || ask == nullptr || open == nullptr ||
      find_owner(reinterpret_cast<const void*>(address), &about, &object,
                 RTLD_DL_LINKMAP) == 0 ||
      object == nullptr || ask(object, RTLD_DI_LMID, &name_space) != 0)
    return nullptr;
  return open(name_space, static_cast<const link_map*>(object)->l_name,
              RTLD_LAZY | RTLD_NOLOAD);
}

hp_status image_pins::note(std::uint64_t address) noexcept
{
  // Most replacements of a transaction come from few objects.
  for (const image& known : images_)
    if (address - known.begin < known.size)
      return HP_OK;
  owner_search search{address, {}};
  if (dl_iterate_phdr(find, &search) == 0)
    search.found = {address, 1, 0, nullptr, nullptr, true};
  image& found = search.found;
  bool enough = found.path != nullptr || found.elsewhere;
  // The executable has an empty name and is never unloaded.
  if (found.path != nullptr && *found.path == '\0') {
    std::free(found.path);
    found.path = nullptr;
  }
  enough = enough && images_.append(found);
  if (!enough)
    std::free(found.path);
  return enough ? HP_OK
                : fail(HP_NO_MEMORY,
                       "no memory to keep the replacement's object loaded");
}

void image_pins::take() noexcept
{
  for (image& each : images_)
    if (each.elsewhere)
      each.handle = open_elsewhere(each.begin);
    else if (each.path != nullptr)
      each.handle = open_named(each);
}

bool image_pins::hold(std::uint64_t address) const noexcept
{
  for (const image& each : images_)
    if (address - each.begin < each.size)
      return (each.path == nullptr && !each.elsewhere) ||
             each.handle != nullptr;
  return false;
}

void image_pins::keep(kept_images& kept) noexcept
{
  for (image& each : images_)
    if (each.handle != nullptr && kept.keep(each.begin, each.handle))
      each.handle = nullptr;
}

image_pins::~image_pins()
{
  for (image& each : images_) {
    close_image(each.handle);
    std::free(each.path);
  }
}

}  // namespace hotpatch
