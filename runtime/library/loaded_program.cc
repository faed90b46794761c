// Taking the images of this process in.
// SPDX-License-Identifier: MIT
#include "runtime/library/loaded_program.h"

#include <cstdlib>
#include <new>

#include "format/patch_record.h"
#include "runtime/base/status.h"
#include "runtime/library/library.h"
#include "runtime/sites/image_file.h"

namespace hotpatch {

// What is copied under the lock, because the library's own may go away.
struct loaded_program::copy {
  array<char> path;
  array<char> loader_name;
  array<char> trouble;
  array<memory_range> ranges;
  mapped_image mapped;
  elf_file file;
  program_image image;
};

namespace {

hp_status no_memory()
{
  return fail(HP_NO_MEMORY, "no memory for the list of loaded images");
}

}  // namespace

loaded_program::~loaded_program()
{
  for (copy* each : copies_) {
    each->~copy();
    std::free(each);
  }
}

hp_status loaded_program::note_images() noexcept
{
  return library::locked([this](library& self) {
    if (const hp_status status = self.sites().refresh(); status != HP_OK)
      return status;
    class images& all = self.sites().all_images();
    for (std::size_t i = 0; i < all.size(); ++i) {
      loaded_image& image = all[i];
      void* memory = std::malloc(sizeof(copy));
      if (memory == nullptr)
        return no_memory();
      copy* made = new (memory) copy;
      if (!copies_.append(made)) {
        std::free(memory);
        return no_memory();
      }
      made->mapped = image.mapped();
      if (!assign_text(made->path, image.path()) ||
          !assign_text(made->loader_name, made->mapped.name))
        return no_memory();
      made->mapped.name = made->loader_name.data();
      for (const memory_range& each : image.ranges())
        if (!made->ranges.append(each))
          return no_memory();
      program_image& seen = made->image;
      seen.path = made->path.data();
      seen.base = made->mapped.base;
      seen.is_program = made->mapped.executable;
      seen.tls_module = image.tls_module();
      seen.view = {made->ranges.data(), made->ranges.size()};
      const hp_status prepared = image.prepare();
      if (prepared == HP_OK)
        seen.sites = image.section();
      if (prepared == HP_MALFORMED) {
        if (!assign_text(made->trouble, image.reason()))
          return no_memory();
        seen.trouble = made->trouble.data();
      }
      if (const hp_status status =
              pins_.note(reinterpret_cast<std::uint64_t>(made->mapped.headers));
          status != HP_OK)
        return status;
    }
    return HP_OK;
  });
}

hp_status loaded_program::take() noexcept
{
  if (const hp_status status = note_images(); status != HP_OK)
    return status;
  pins_.take();
  for (copy* each : copies_) {
    // One that was unloaded in the meantime is none of the program's.
    if (!pins_.hold(reinterpret_cast<std::uint64_t>(each->mapped.headers)))
      continue;
    program_image& image = each->image;
    if (open_image_file(each->mapped, each->file) == HP_OK) {
      elf_section section;
      image.file = &each->file;
      image.is_patch =
          each->file.find_section(format::patch_section_name, 0, section);
    }
    if (!images_.append(image))
      return no_memory();
  }
  return HP_OK;
}

}  // namespace hotpatch
