// Following copies to the functions that contain them.
// SPDX-License-Identifier: MIT
#include "runtime/objects/copy_check.h"

#include <algorithm>
#include <cstdarg>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <new>

#include "runtime/base/countermeasure.h"
#include "runtime/base/status.h"
#include "runtime/objects/copy_table.h"
#include "runtime/sites/name_demangle.h"

namespace hotpatch {

namespace {

// A function that contains copies and is not replaced.
struct left_over {
  copy_place of;
  const program_image* image = nullptr;
  std::uint32_t flags = 0;  // its site's
  bool has_site = false;
};

// What is known of the images that have been looked at.
class seen_images {
 public:
  struct seen_image {
    copy_table copies;
    array<site> sites;  // by line
  };

  explicit seen_images(std::span<const program_image> images) noexcept
      : images_(images)
  {
  }
  seen_images(const seen_images&) = delete;
  seen_images& operator=(const seen_images&) = delete;
  ~seen_images()
  {
    for (seen_image* each : seen_)
      if (each != nullptr) {
        each->~seen_image();
        std::free(each);
      }
  }

  // Null: no memory.
  const seen_image* look(const program_image& image) noexcept
  {
    const auto at = static_cast<std::size_t>(&image - images_.data());
    if (!seen_.resize(images_.size()))
      return nullptr;
    if (seen_[at] == nullptr) {
      void* memory = std::malloc(sizeof(seen_image));
      if (memory == nullptr)
        return nullptr;
      seen_[at] = new (memory) seen_image;
      if (!fill(image, *seen_[at]))
        return nullptr;
    }
    return seen_[at];
  }

  // Calls `visit(const site&)` for each site of that function: several may have
  // one name and place, as static functions of a header do.
  template <typename Visit>
  static void for_each_site(const seen_image& image, const copy_place& place,
                            Visit visit) noexcept
  {
    const site* each = std::lower_bound(
        image.sites.begin(), image.sites.end(), place.line,
        [](const site& a, std::uint32_t line) { return a.line < line; });
    for (; each != image.sites.end() && each->line == place.line; ++each)
      if (is_same(place_of(*each), place))
        visit(*each);
  }

 private:
  static bool fill(const program_image& image, seen_image& into) noexcept
  {
    if (image.file != nullptr && into.copies.load(*image.file) == HP_NO_MEMORY)
      return false;
    bool enough = true;
    image.for_each_site([&](const site& each) {
      enough = into.sites.append(each);
      return enough;
    });
    std::sort(into.sites.begin(), into.sites.end(),
              [](const site& a, const site& b) { return a.line < b.line; });
    return enough;
  }

  std::span<const program_image> images_;
  array<seen_image*> seen_;
};

// "serve (a.c) and 2 others; ...: serve (a.c:3), ...".
class left_over_text {
 public:
  explicit left_over_text(const array<left_over>& all) noexcept
  {
    name(all[0]);
    say(" (%.*s)", length(all[0].of.file), all[0].of.file.data());
    if (all.size() == 2)
      say(" and 1 other");
    else if (all.size() > 2)
      say(" and %zu others", all.size() - 1);
    say("; replace these too, or allow it (HP_ALLOW_COPIES, "
        "--allow-copies): ");
    for (std::size_t i = 0; i < all.size(); ++i)
      if (!add(all[i], i == 0)) {
        say(", and %zu more", all.size() - i);
        return;
      }
  }

  [[nodiscard]] const char* text() const noexcept { return text_; }

 private:
  static int length(std::string_view text) noexcept
  {
    return static_cast<int>(std::min<std::size_t>(text.size(), 100));
  }

  [[gnu::format(printf, 2, 3)]] void say(const char* format, ...) noexcept
  {
    va_list arguments;
    va_start(arguments, format);
    const int size =
        std::vsnprintf(text_ + used_, sizeof text_ - used_, format, arguments);
    va_end(arguments);
    used_ = std::min(used_ + static_cast<std::size_t>(std::max(size, 0)),
                     sizeof text_ - 1);
  }

  // As the source has it.
  void name(const left_over& which) noexcept
  {
    char symbol[512];
    char plain[160];
    std::snprintf(
        symbol, sizeof symbol, "%.*s",
        static_cast<int>(std::min<std::size_t>(which.of.symbol.size(), 500)),
        which.of.symbol.data());
    say("%s", demangle(symbol, name_form::full, plain, sizeof plain));
  }

  // False: there is not enough room for it and for how many there are more.
  bool add(const left_over& which, bool first) noexcept
  {
    constexpr std::size_t reserve = 400;
    if (sizeof text_ - used_ < reserve && !first)
      return false;
    say("%s", first ? "" : ", ");
    name(which);
    say(" (%.*s:%u%s)", length(which.of.file), which.of.file.data(),
        which.of.line, which.has_site ? "" : ", which has no patch site");
    return true;
  }

  char text_[900] = "";
  std::size_t used_ = 0;
};

class copy_check {
 public:
  explicit copy_check(std::span<const program_image> images) noexcept
      : images_(images), seen_(images)
  {
  }

  // False: no memory.
  bool replace(std::span<const replaced_function> together) noexcept
  {
    for (const replaced_function& each : together)
      if (!words_.append(each.where.word))
        return false;
    std::sort(words_.begin(), words_.end());
    return true;
  }

  // Of one function: HP_OK, HP_INLINED, HP_NO_MEMORY.
  hp_status check(const char* label, const replaced_function& which) noexcept
  {
    left_.clear();
    const bool is_known =
        look_for(place_of(which.where), which.where.flags, *which.image);
    // Those found are to be replaced as well, and may have copies themselves.
    for (std::size_t i = 0; is_known && i < left_.size(); ++i) {
      const left_over each = left_[i];
      if ((each.flags & format::site_copied) != 0)
        (void)look_for(each.of, each.flags, *each.image);
    }
    const char* const colon = *label != '\0' ? ": " : "";
    if (!enough_)
      return fail(HP_NO_MEMORY, "%s%sno memory to look for inlined copies",
                  label, colon);
    if (!is_known)
      return HP_COUNTERMEASURE(unknown_copies)
                 ? fail(HP_INLINED,
                        "%s%s%s: copies of it may be inlined into other "
                        "functions, and it cannot be told into which: %s has "
                        "no sound section %s, nor has its debug file; put the "
                        "debug file in place (HOTPATCH_DEBUG_PATH), or allow "
                        "it (HP_ALLOW_COPIES, --allow-copies)",
                        label, colon, which.name, which.image->path,
                        format::copies_section_name)
                 : HP_OK;
    if (left_.empty())
      return HP_OK;
    return fail(HP_INLINED, "%s%s%s: copies are inlined into %s", label, colon,
                which.name, left_over_text(left_).text());
  }

 private:
  // False: nothing is known of the image's copies.  The linker takes the code
  // of an inline function from any one unit of an image, the dynamic linker
  // that of any image, and copies are in all of them.
  bool look_for(const copy_place& place, std::uint32_t flags,
                const program_image& image) noexcept
  {
    const bool is_known = look_in(place, image);
    if ((flags & format::site_comdat) != 0 && HP_COUNTERMEASURE(all_images))
      for (const program_image& other : images_)
        if (&other != &image && !other.is_patch && other.sites.size != 0)
          (void)look_in(place, other);
    return is_known;
  }

  bool look_in(const copy_place& place, const program_image& image) noexcept
  {
    const seen_images::seen_image* seen = seen_.look(image);
    enough_ = enough_ && seen != nullptr;
    if (seen == nullptr || !seen->copies.is_known())
      return false;
    seen->copies.for_each_holder(
        place, [&](const copy_holder& each) { note(each, image, *seen); });
    return true;
  }

  void note(const copy_holder& holder, const program_image& image,
            const seen_images::seen_image& seen) noexcept
  {
    if (!holder.has_site) {
      add({holder.of, &image, 0, false});
      return;
    }
    seen_images::for_each_site(seen, holder.of, [&](const site& each) {
      if (!is_replaced(each))
        add({holder.of, &image, each.flags, true});
    });
  }

  bool is_replaced(const site& which) const noexcept
  {
    return std::binary_search(words_.begin(), words_.end(), which.word);
  }

  void add(const left_over& made) noexcept
  {
    for (const left_over& each : left_)
      if (each.image == made.image && is_same(each.of, made.of))
        return;
    enough_ = left_.append(made) && enough_;
  }

  std::span<const program_image> images_;
  array<std::uint64_t> words_;  // of what is replaced, sorted
  seen_images seen_;
  array<left_over> left_;
  bool enough_ = true;
};

}  // namespace

hp_status check_copies(const char* label,
                       std::span<const replaced_function> together,
                       std::span<const program_image> images,
                       check_report& report) noexcept
{
  if (!HP_COUNTERMEASURE(refuse_copies))
    return HP_OK;
  if (std::none_of(together.begin(), together.end(),
                   [](const replaced_function& each) {
                     return !each.any_copies && may_have_copies(each.where);
                   }))
    return HP_OK;
  copy_check check(images);
  if (!check.replace(together))
    return fail(HP_NO_MEMORY, "no memory to look for inlined copies");
  for (const replaced_function& each : together) {
    if (each.any_copies || !may_have_copies(each.where))
      continue;
    const hp_status status = check.check(label, each);
    if (status != HP_OK && status != HP_INLINED)
      return status;
    report.add(status);
  }
  return HP_OK;
}

}  // namespace hotpatch
