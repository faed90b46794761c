// Searching by the cheapest kind of name first, and saying what was found.
// SPDX-License-Identifier: MIT
#include "runtime/sites/name_search.h"

#include <algorithm>
#include <cstdarg>
#include <cstdio>
#include <cstring>
#include <initializer_list>
#include <utility>

#include "runtime/base/countermeasure.h"
#include "runtime/base/status.h"
#include "runtime/sites/name_demangle.h"
#include "runtime/sites/name_text.h"

namespace hotpatch {

namespace {

// A message in the making; what does not fit is cut off.
class message_text {
 public:
  [[gnu::format(printf, 2, 3)]] void add(const char* format, ...) noexcept
  {
    va_list arguments;
    va_start(arguments, format);
    const int length =
        std::vsnprintf(text_ + used_, sizeof text_ - used_, format, arguments);
    va_end(arguments);
    if (length > 0)
      used_ += static_cast<std::size_t>(length);
    if (used_ >= sizeof text_)
      used_ = sizeof text_ - 1;
  }

  // "reset", or "_ZN1A1fEi (A::f(int))", and where it is; 0: it has no number.
  void add_site(const located_site& which, std::uint32_t number) noexcept
  {
    char plain[160];
    demangle(which.site.name, name_form::full, plain, sizeof plain);
    add("%.160s", which.site.name);
    if (number != 0)
      add("#%u", number);
    if (std::strcmp(plain, which.site.name) != 0)
      add(" (%s)", plain);
    if (which.site.file[0] != '\0')
      add(" %.100s:%u", which.site.file, which.site.line);
    add(" in %.100s", which.image_path);
  }

  [[nodiscard]] const char* text() const noexcept { return text_; }

 private:
  char text_[1600] = "";
  std::size_t used_ = 0;
};

const char* plural(std::size_t count) noexcept
{
  return count == 1 ? "" : "s";
}

}  // namespace

hp_status name_search::run(located_site& found) noexcept
{
  if (const hp_status status = match(); status != HP_OK)
    return status;
  if (matches_.size() > 1)
    return ambiguous();
  found = matches_[0];
  return HP_OK;
}

hp_status name_search::run_all(array<located_site>& found) noexcept
{
  if (!query_.wants_all()) {
    located_site one;
    if (const hp_status status = run(one); status != HP_OK)
      return status;
    return found.append(one) ? HP_OK : fail(HP_NO_MEMORY, "out of memory");
  }
  if (const hp_status status = match(); status != HP_OK)
    return status;
  found = std::move(matches_);
  return HP_OK;
}

hp_status name_search::match() noexcept
{
  if (!prepare_images())
    return fail(HP_NO_MEMORY, "out of memory while reading the records");
  match_assembler_names();
  // A destructor that also frees the memory calls the other one: it is meant
  // only where that is not there.
  for (const bool deleting : {false, true})
    if (matches_.empty())
      match_other_names(deleting);
  if (query_.number() != 0 && HP_COUNTERMEASURE(choose_by_number))
    choose_number();
  if (out_of_memory_)
    return fail(HP_NO_MEMORY, "out of memory while looking for %.200s", text_);
  return matches_.empty() ? not_found() : HP_OK;
}

bool name_search::prepare_images() noexcept
{
  for (std::size_t i = 0; i < images_.size(); ++i) {
    loaded_image& image = images_[i];
    if (!query_.accepts_image(image.path()))
      continue;
    image_accepted_ = true;
    const hp_status status = image.prepare();
    if (status == HP_NO_MEMORY)
      return false;
    if (status == HP_OK) {
      image_count_ += image.has_sites();
      site_count_ += image.index().site_count();
    } else if (image_status_ == HP_OK ||
               (image_status_ == HP_UNREADABLE && status == HP_MALFORMED)) {
      // The program comes first; a damaged section is worse than a missing
      // file.
      image_status_ = status;
      image_reason_ = image.reason();
    }
  }
  return true;
}

template <typename Look>
void name_search::each_image(Look look) noexcept
{
  for (std::size_t i = 0; i < images_.size(); ++i) {
    const loaded_image& image = images_[i];
    if (!image.has_sites() || !query_.accepts_image(image.path()))
      continue;
    record_reader reader = image.reader();
    if (!look(image, reader))
      return;
  }
}

void name_search::match_assembler_names() noexcept
{
  each_image([this](const loaded_image& image, record_reader& reader) {
    const std::string_view name = query_.name();
    site match;
    std::uint32_t cursor = 0;
    while (image.index().next_named(reader, name.data(), name.size(), cursor,
                                    match)) {
      if (query_.accepts_file(match.file))
        add(image, match);
    }
    return true;
  });
}

void name_search::match_other_names(bool deleting) noexcept
{
  each_image([&](const loaded_image& image, record_reader& reader) {
    site match;
    for (std::size_t i = 0; image.index().record_at(reader, i, match); ++i) {
      if (query_.means(match) && query_.accepts_file(match.file) &&
          (structor_of(match.name) == structor::deleting_destructor) ==
              deleting)
        add(image, match);
    }
    return true;
  });
}

// Sites whose assembler name contains the identifier that was asked for, in any
// case: what a misspelled signature or a forgotten namespace comes down to.
void name_search::find_similar() noexcept
{
  constexpr std::size_t enough = 3;
  char identifier[128];
  const std::string_view wanted = query_.identifier();
  if (wanted.size() < 3 || wanted.size() >= sizeof identifier)
    return;
  std::memcpy(identifier, wanted.data(), wanted.size());
  identifier[wanted.size()] = '\0';
  each_image([&](const loaded_image& image, record_reader& reader) {
    site match;
    for (std::size_t i = 0;
         matches_.size() < enough && image.index().record_at(reader, i, match);
         ++i) {
      if (strcasestr(match.name, identifier))
        add(image, match);
    }
    return matches_.size() < enough;
  });
}

// Two records with one patch word are two names of one site.
void name_search::add(const loaded_image& image, const site& match) noexcept
{
  located_site located = {match, image.path(), image.id()};
  if (match.flags & format::site_alias) {
    record_reader reader = image.reader();
    site original;
    if (image.index().find_symbol(reader, match.symbol, original))
      located.site = original;
  }
  for (const located_site& each : matches_)
    if (each.site.word == located.site.word)
      return;
  out_of_memory_ = !matches_.append(located) || out_of_memory_;
}

// Its number among those of its image that have its name and file, and whether
// there are no others.
std::uint32_t name_search::number_of(const located_site& which,
                                     bool& is_alone) noexcept
{
  std::uint32_t before = 0;
  std::uint32_t all = 0;
  each_image([&](const loaded_image& image, record_reader& reader) {
    if (image.id() != which.image_id)
      return true;
    site each;
    for (std::size_t i = 0; image.index().site_at(reader, i, each); ++i)
      if (share_name(each, which.site)) {
        ++all;
        before += each.symbol < which.site.symbol;
      }
    return false;
  });
  is_alone = all <= 1;
  return before + 1;
}

void name_search::choose_number() noexcept
{
  for (std::size_t i = matches_.size(); i-- > 0;)
    if (bool is_alone; number_of(matches_[i], is_alone) != query_.number())
      matches_.remove(i);
}

hp_status name_search::ambiguous() noexcept
{
  const std::size_t count = matches_.size();
  const std::size_t listed = count < max_listed ? count : max_listed;
  std::sort(matches_.begin(), matches_.end(),
            [](const located_site& a, const located_site& b) {
              return a.image_id != b.image_id ? a.image_id < b.image_id
                                              : a.site.word < b.site.word;
            });
  message_text list;
  bool any_number = false;
  for (std::size_t i = 0; i < listed; ++i) {
    bool is_alone = false;
    const std::uint32_t number = number_of(matches_[i], is_alone);
    any_number = any_number || !is_alone;
    list.add("\n  ");
    list.add_site(matches_[i], is_alone ? 0 : number);
  }
  if (count > listed)
    list.add("\n  and %zu more", count - listed);
  // Only what tells some of them apart.
  const located_site& first = matches_[0];
  const auto any = [&](auto differs) {
    return std::any_of(matches_.begin(), matches_.end(), differs);
  };
  const bool has_names = any([&](const located_site& each) {
    return std::strcmp(each.site.name, first.site.name) != 0;
  });
  const bool has_files = any([&](const located_site& each) {
    return std::strcmp(each.site.file, first.site.file) != 0;
  });
  const bool has_images = any([&](const located_site& each) {
    return each.image_id != first.image_id;
  });
  const char* ways[4];
  std::size_t way_count = 0;
  if (has_names)
    ways[way_count++] = "the assembler name";
  if (has_files)
    ways[way_count++] = "FILE:NAME";
  if (has_images)
    ways[way_count++] = "IMAGE!NAME";
  if (any_number)
    ways[way_count++] =
        "NAME#NUMBER (NAME#all means all where several can be changed)";
  message_text way;
  for (std::size_t i = 0; i < way_count; ++i)
    way.add("%s%s", i == 0 ? "" : i + 1 == way_count ? " or " : ", ", ways[i]);
  return fail(HP_AMBIGUOUS,
              "%zu sites are called %.200s; use %s to choose one of:%s", count,
              text_, way.text(), list.text());
}

hp_status name_search::not_found() noexcept
{
  message_text more;
  if (image_status_ == HP_OK && image_accepted_)
    find_similar();
  for (std::size_t i = 0; i < matches_.size(); ++i) {
    more.add(i == 0 ? "; similar: " : ", ");
    more.add_site(matches_[i], 0);
  }
  if (!image_accepted_)
    return fail(HP_NOT_FOUND, "%.200s: no image of that name is loaded", text_);
  if (image_status_ != HP_OK)
    return fail(image_status_,
                "no site is called %.200s among %zu site%s of %zu image%s, and "
                "an image could not be searched: %.800s",
                text_, site_count_, plural(site_count_), image_count_,
                plural(image_count_), image_reason_);
  return fail(HP_NOT_FOUND,
              "no site is called %.200s among %zu site%s of %zu image%s%s; is "
              "it compiled with -fplugin=hotpatch.so, and chosen?  hp-list "
              "shows all sites of a file or process",
              text_, site_count_, plural(site_count_), image_count_,
              plural(image_count_), more.text());
}

}  // namespace hotpatch
