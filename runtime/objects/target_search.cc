// Looking through the sites, and for what may have been meant.
// SPDX-License-Identifier: MIT
#include "runtime/objects/target_search.h"

#include <algorithm>
#include <cstdio>
#include <cstring>

#include "runtime/base/countermeasure.h"
#include "runtime/base/status.h"
#include "runtime/elf/symbol_table.h"
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

// Its number among those of its image that have its name and file; 0: it is the
// only one.
std::uint32_t number_of(const found_site& which) noexcept
{
  std::uint32_t before = 0;
  std::uint32_t all = 0;
  which.image->for_each_site([&](const site& each) {
    if ((each.flags & format::site_alias) == 0 &&
        share_name(each, which.where)) {
      ++all;
      before += each.symbol < which.where.symbol;
    }
    return true;
  });
  return all > 1 ? before + 1 : 0;
}

// An alias says where it leads by a record of its own, which may come first.
bool add(const program_image& image, const site& match,
         array<found_site>& into) noexcept
{
  for (const found_site& each : into)
    if (each.where.word == match.word)
      return true;
  found_site made{match, &image};
  if ((match.flags & format::site_alias) != 0)
    (void)image.find_site(match.symbol, made.where);
  return into.append(made);
}

bool is_deleting(const char* name) noexcept
{
  return structor_of(name) == structor::deleting_destructor;
}

struct search_pass {
  bool exact;     // by assembler name
  bool deleting;  // destructors that free the memory
};

bool match_sites(const name_query& query, structor own, search_pass pass,
                 std::span<const program_image> images,
                 array<found_site>& into) noexcept
{
  bool enough = true;
  for (const program_image& image : images) {
    if (image.is_patch || !query.accepts_image(image.path))
      continue;
    image.for_each_site([&](const site& each) {
      const bool is_exact = equal(query.name(), each.name);
      if (is_exact != pass.exact || !is_meant(query, each))
        return true;
      if (!pass.exact && own != structor::none &&
                  HP_COUNTERMEASURE(structor_for_structor)
              ? structor_of(each.name) != own
              : is_deleting(each.name) != pass.deleting && !pass.exact)
        return true;
      enough = add(image, each, into);
      return enough;
    });
  }
  return enough;
}

bool has_function(const char* name,
                  std::span<const program_image> images) noexcept
{
  bool found = false;
  symbol_table table;
  for (const program_image& image : images)
    if (!image.is_patch && image.file != nullptr &&
        table.load(*image.file) == HP_OK)
      table.for_each([&](const symbol& which) {
        found = found || std::strcmp(which.name, name) == 0;
        return !found;
      });
  return found;
}

// Why an image could not be searched that may have what is asked for, or "".
const char* trouble_of(const name_query& query,
                       std::span<const program_image> images) noexcept
{
  for (const program_image& image : images)
    if (*image.trouble != '\0' && query.accepts_image(image.path))
      return image.trouble;
  return "";
}

const char* last_part(const char* path) noexcept
{
  const char* slash = std::strrchr(path, '/');
  return slash != nullptr ? slash + 1 : path;
}

}  // namespace

// Exact names count more than demangled ones, as everywhere.
bool find_sites(const char* name, const char* own,
                std::span<const program_image> images,
                array<found_site>& into) noexcept
{
  const name_query query(name);
  constexpr search_pass passes[] = {
      {true, false}, {false, false}, {false, true}};
  for (const search_pass pass : passes)
    if (into.empty() &&
        !match_sites(query, structor_of(own), pass, images, into))
      return false;
  if (query.number() != 0 && HP_COUNTERMEASURE(choose_by_number))
    for (std::size_t i = into.size(); i-- > 0;)
      if (const std::uint32_t number = number_of(into[i]);
          query.number() != (number != 0 ? number : 1))
        into.remove(i);
  return true;
}

bool may_be_absent(const patch_replacement& wanted,
                   std::span<const patch_replacement> all,
                   std::span<const program_image> images) noexcept
{
  const structor own = structor_of(wanted.name);
  if (own == structor::none)
    return false;
  bool sibling = false;
  for (const patch_replacement& other : all) {
    if (&other == &wanted || std::strcmp(other.target, wanted.target) != 0)
      continue;
    array<found_site> sites;
    sibling = (find_sites(other.target, other.name, images, sites) &&
               !sites.empty()) ||
              sibling;
  }
  return sibling && (own == structor::deleting_destructor ||
                     !has_function(wanted.name, images));
}

site_choices::site_choices(const array<found_site>& sites) noexcept
{
  constexpr std::size_t most = 4;
  std::size_t used = 0;
  const auto say = [&](int length) {
    used = std::min(used + static_cast<std::size_t>(std::max(length, 0)),
                    sizeof text - 1);
  };
  const bool several_images = std::any_of(
      sites.begin(), sites.end(),
      [&](const found_site& each) { return each.image != sites[0].image; });
  for (std::size_t i = 0; i < sites.size() && i < most; ++i) {
    const found_site& each = sites[i];
    const std::uint32_t number = number_of(each);
    char counted[16] = "";
    if (number != 0)
      std::snprintf(counted, sizeof counted, "#%u", number);
    say(std::snprintf(
        text + used, sizeof text - used, "%s\"%.60s%s%.80s%s%.100s%s\"",
        i == 0 ? "" : ", ", several_images ? last_part(each.image->path) : "",
        several_images ? "!" : "", each.where.file,
        each.where.file[0] != '\0' ? ":" : "", each.where.name, counted));
  }
  if (sites.size() > most)
    say(std::snprintf(text + used, sizeof text - used, " and %zu more",
                      sites.size() - most));
}

hp_status find_targets(const char* label, const patch_replacement& wanted,
                       std::span<const program_image> images,
                       array<patch_target>& into) noexcept
{
  array<found_site> found;
  if (!find_sites(wanted.target, wanted.name, images, found))
    return fail(HP_NO_MEMORY, "%s: out of memory", label);
  const name_query query(wanted.target);
  if (found.empty()) {
    const similar_names similar(query, images);
    const char* const trouble = trouble_of(query, images);
    return fail(
        HP_NOT_FOUND,
        "%s: %s (%s:%u): the program has no patch site of that name%s; "
        "is it in a module that is not loaded? hp-list shows those it has%s%s",
        label, wanted.target, wanted.file, wanted.line, similar.text(),
        *trouble != '\0' ? "; an image could not be searched: " : "", trouble);
  }
  if (found.size() > 1 && !query.wants_all())
    return fail(HP_AMBIGUOUS,
                "%s: %s (%s:%u): there are several patch sites of that name; "
                "write one of %s%s%s%s",
                label, wanted.target, wanted.file, wanted.line,
                site_choices(found).text, query.number() == 0 ? ", or \"" : "",
                query.number() == 0 ? wanted.target : "",
                query.number() == 0 ? "#all\" for all of them" : "");
  for (const found_site& each : found)
    if (!into.append({&wanted, each.where, each.image}))
      return fail(HP_NO_MEMORY, "%s: out of memory", label);
  return HP_OK;
}

}  // namespace hotpatch
