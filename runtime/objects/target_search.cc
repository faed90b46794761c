// Looking through the sites, and for what may have been meant.
// SPDX-License-Identifier: MIT
#include "runtime/objects/target_search.h"

#include <algorithm>
#include <cstdio>
#include <cstring>

#include "runtime/base/status.h"
#include "runtime/sites/name_demangle.h"

namespace hotpatch {

namespace {

// "; similar: ns::reset(int) (conn.c:12), reset (main.c:7)", or nothing.
class similar_names {
 public:
  similar_names(const name_query& query,
                std::span<const program_image> images) noexcept
  {
    const std::string_view wanted = query.identifier();
    if (wanted.size() < shortest || wanted.size() >= sizeof identifier_)
      return;
    std::memcpy(identifier_, wanted.data(), wanted.size());
    for (const program_image& image : images)
      if (!image.is_patch)
        image.for_each_site([&](const site& each) {
          if (strcasestr(each.name, identifier_) != nullptr &&
              (each.flags & format::site_alias) == 0)
            add(each);
          return count_ < enough;
        });
  }

  [[nodiscard]] const char* text() const noexcept { return text_; }

 private:
  static constexpr std::size_t shortest = 3;
  static constexpr std::size_t enough = 3;

  void add(const site& which) noexcept
  {
    char plain[160];
    const int length = std::snprintf(
        text_ + used_, sizeof text_ - used_, "%s%s (%.80s:%u)",
        count_ == 0 ? "; similar: " : ", ",
        demangle(which.name, name_form::full, plain, sizeof plain), which.file,
        which.line);
    used_ = std::min(used_ + static_cast<std::size_t>(std::max(length, 0)),
                     sizeof text_ - 1);
    ++count_;
  }

  char identifier_[128] = "";
  char text_[800] = "";
  std::size_t used_ = 0;
  std::size_t count_ = 0;
};

}  // namespace

// Exact names count more than demangled ones, as everywhere.
hp_status find_target(const char* label, const patch_replacement& wanted,
                      std::span<const program_image> images,
                      patch_target& into) noexcept
{
  const name_query query(wanted.target);
  const bool kinds[] = {true, false};
  for (const bool exact : kinds) {
    for (const program_image& image : images) {
      if (image.is_patch || !query.accepts_image(image.path))
        continue;
      bool several = false;
      image.for_each_site([&](const site& each) {
        const bool is_exact = equal(query.name(), each.name);
        if (is_exact != exact || !is_meant(query, each) ||
            (into.image != nullptr && each.word == into.where.word))
          return true;
        several = into.image != nullptr;
        if (!several) {
          into.where = each;
          into.image = &image;
        }
        return !several;
      });
      if (several)
        return fail(HP_AMBIGUOUS,
                    "%s: %s (%s:%u): there are several patch sites of that "
                    "name, in %s and in %s; write \"file.c:name\" or the "
                    "whole signature",
                    label, wanted.target, wanted.file, wanted.line,
                    into.where.file, image.path);
    }
    if (into.image != nullptr)
      return HP_OK;
  }
  const similar_names similar(query, images);
  return fail(
      HP_NOT_FOUND,
      "%s: %s (%s:%u): the program has no patch site of that name%s; "
      "is it in a module that is not loaded? hp-list shows those it has",
      label, wanted.target, wanted.file, wanted.line, similar.text());
}

}  // namespace hotpatch
