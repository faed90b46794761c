// Every question about the sites of this process, asked with the loader held.
// SPDX-License-Identifier: MIT
#include "runtime/sites/process_sites.h"

#include <cstring>

#include "runtime/base/status.h"
#include "runtime/sites/name_search.h"

namespace hotpatch {

hp_status process_sites::refresh() noexcept
{
  return images_.refresh();
}

bool process_sites::loaded(std::uint64_t image_id) const noexcept
{
  return images_.loaded(image_id);
}

hp_status process_sites::find(const char* name, located_site& found) noexcept
{
  return hold_loader(
      [&](images& all) {
        hp_status status = all.refresh();
        if (name_place place; status == HP_OK)
          status = find_held(name, found, place);
        return status;
      },
      images_);
}

hp_status process_sites::find_held(const char* name, located_site& found,
                                   name_place& place) noexcept
{
  if (!name || name[0] == '\0')
    return fail(HP_INVALID, "the name of a function is %s",
                name ? "empty" : "null");
  // What most names are: the assembler name of one site.
  if (find_behind(name, found, place) ||
      (std::strpbrk(name, query_marks) == nullptr &&
       find_assembler_name(name, found, place)))
    return HP_OK;
  name_search search(name, images_);
  return search.run(found);
}

hp_status process_sites::find_all_held(const char* name,
                                       array<located_site>& found) noexcept
{
  name_search search(name, images_);
  return search.run_all(found);
}

// Both: false says nothing yet.
inline bool process_sites::find_behind(const char* name, located_site& found,
                                       name_place& place) noexcept
{
  if (place.image_ == nullptr)
    return false;
  const loaded_image& image = *place.image_;
  if (!image.index().follows(place.reader_, name, place.cursor_, found.site) ||
      (found.site.flags & format::site_alias) != 0)
    return false;
  found.image_path = image.path();
  found.image_id = image.id();
  return true;
}

bool process_sites::find_assembler_name(const char* name, located_site& found,
                                        name_place& place) noexcept
{
  const std::size_t length = std::strlen(name);
  const loaded_image* owner = nullptr;
  std::size_t with_sites = 0;
  for (std::size_t i = 0; i < images_.size(); ++i) {
    loaded_image& image = images_[i];
    if (image.prepare() != HP_OK || !image.has_sites())
      continue;
    ++with_sites;
    record_reader reader = image.reader();
    std::uint32_t cursor = 0;
    site another;
    if (!image.index().next_named(reader, name, length, cursor,
                                  owner != nullptr ? another : found.site))
      continue;
    const std::uint32_t first = cursor;
    if (owner != nullptr || (found.site.flags & format::site_alias) != 0 ||
        image.index().next_named(reader, name, length, cursor, another))
      return false;
    found.image_path = image.path();
    found.image_id = image.id();
    place.reader_ = reader;
    place.cursor_ = first;
    owner = &image;
  }
  if (owner == nullptr)
    return false;
  place.image_ = with_sites == 1 ? owner : nullptr;
  return true;
}

// Calls `look(image)` for every image whose sites can be read, while it returns
// true.  What cannot be refreshed or read is left out.
template <typename Look>
void process_sites::for_each_image(Look look) noexcept
{
  (void)hold_loader(
      [&](images& all) {
        (void)all.refresh();
        for (std::size_t i = 0; i < all.size(); ++i) {
          loaded_image& image = all[i];
          if (image.prepare() == HP_OK && image.has_sites() && !look(image))
            return false;
        }
        return true;
      },
      images_);
}

bool process_sites::find_symbol(std::uint64_t address,
                                located_site& found) noexcept
{
  bool result = false;
  for_each_image([&](loaded_image& image) {
    record_reader reader = image.reader();
    result = image.index().find_symbol(reader, address, found.site);
    if (result) {
      found.image_path = image.path();
      found.image_id = image.id();
    }
    return !result;
  });
  return result;
}

std::size_t process_sites::count() noexcept
{
  std::size_t total = 0;
  for_each_image([&](loaded_image& image) {
    total += image.index().site_count();
    return true;
  });
  return total;
}

void process_sites::for_each(visitor visit, void* data) noexcept
{
  for_each_image([&](loaded_image& image) {
    record_reader reader = image.reader();
    located_site each;
    each.image_path = image.path();
    each.image_id = image.id();
    for (std::size_t i = 0; image.index().site_at(reader, i, each.site); ++i) {
      if (!visit(each, data))
        return false;
    }
    return true;
  });
}

}  // namespace hotpatch
