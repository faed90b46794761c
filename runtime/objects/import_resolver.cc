// Looking imports up: symbols first, then sites, then the checks.
// SPDX-License-Identifier: MIT
#include "runtime/objects/import_resolver.h"

#include <cstdio>
#include <cstring>

#include "format/patch_word.h"
#include "runtime/base/status.h"
#include "runtime/elf/symbol_table.h"

namespace hotpatch {

namespace {

// What was found for one import so far.
struct search {
  const patch_import* import;
  // The best symbol of each sort; the image tells whether there is one.
  struct match {
    symbol found;
    const program_image* image = nullptr;
  };
  match exported;  // seen by other source files
  match own;       // static, in the source file that was asked for, if any
  match second;    // another one like `own`
  char copies[64] = "";  // "helper.isra.0", if only such are there

  bool is_function() const noexcept
  {
    return (import->flags & format::patch_function) != 0;
  }
  bool is_original() const noexcept
  {
    return (import->flags & format::patch_original) != 0;
  }
};

bool is_code(const symbol& which)
{
  return which.type == STT_FUNC || which.type == STT_GNU_IFUNC;
}

// "helper.isra.0", "helper.constprop.1" are not what the source calls helper.
bool is_copy_of(const symbol& which, std::string_view name)
{
  const std::string_view own = which.name;
  return is_code(which) && own.size() > name.size() && begins_with(own, name) &&
         own.data()[name.size()] == '.';
}

// Without the suffix of link-time optimisation.
bool has_name(const symbol& which, std::string_view name)
{
  constexpr std::string_view suffix = ".lto_priv.";
  std::string_view own = which.name;
  if (own.size() > name.size() + suffix.size() &&
      equal(first_of(rest_of(own, name.size()), suffix.size()), suffix))
    own = first_of(own, name.size());
  return equal(own, name);
}

bool names(const name_query& query, const symbol& which)
{
  if (has_name(which, query.name()))
    return true;
  site as_site;
  as_site.name = which.name;
  return query.means(as_site);
}

void consider(search& wanted, const name_query& query, const symbol& which,
              const program_image& image) noexcept
{
  if (which.type == STT_SECTION || !query.accepts_image(image.path))
    return;
  const bool is_static = which.binding == STB_LOCAL;
  if (!names(query, which)) {
    if (wanted.copies[0] == '\0' && is_copy_of(which, query.name()))
      std::snprintf(wanted.copies, sizeof wanted.copies, "%s", which.name);
    return;
  }
  if (!is_static && wanted.exported.image == nullptr)
    wanted.exported = {which, &image};
  if (!is_static || !query.accepts_file_name(which.file))
    return;
  if (wanted.own.image == nullptr)
    wanted.own = {which, &image};
  else if (wanted.own.image == &image &&
           wanted.own.found.value != which.value &&
           wanted.second.image == nullptr)
    wanted.second = {which, &image};
}

// Which of the two counts: a source file was named, so it is that one's own.
const search::match& choose(const search& wanted, const name_query& query)
{
  const bool own_first = query.has_file();
  if (own_first ? wanted.own.image != nullptr
                : wanted.exported.image == nullptr)
    return wanted.own;
  return wanted.exported;
}

class resolution {
 public:
  resolution(const char* label, std::span<program_image> images,
             array<import_value>& into, check_report& report) noexcept
      : label_(label), images_(images), into_(into), report_(report)
  {
  }

  hp_status all(std::span<const patch_import> imports) noexcept
  {
    if (!searches_.reserve(imports.size()))
      return no_memory();
    for (const patch_import& each : imports) {
      search started{};
      started.import = &each;
      if (!searches_.append(started))
        return no_memory();
    }
    for (program_image& image : images_)
      if (const hp_status status = look_into(image); status != HP_OK)
        return status;
    for (search& each : searches_)
      if (const hp_status status = conclude(each); status != HP_OK)
        return status;
    return HP_OK;
  }

 private:
  hp_status no_memory() noexcept
  {
    return fail(HP_NO_MEMORY, "%s: out of memory", label_);
  }

  hp_status look_into(program_image& image) noexcept
  {
    if (image.file == nullptr)
      return HP_OK;
    symbol_table table;
    if (const hp_status status = table.load(*image.file); status != HP_OK)
      return status;
    for (search& each : searches_) {
      if (each.is_original() || each.exported.image != nullptr)
        continue;
      const name_query query(each.import->target);
      table.for_each([&](const symbol& which) {
        consider(each, query, which, image);
        return true;
      });
    }
    return HP_OK;
  }

  // A program without symbols still knows its sites.
  const program_image* find_among_sites(const name_query& query, site& found,
                                        bool& several) noexcept
  {
    for (const program_image& image : images_) {
      bool any = false;
      several = false;
      if (query.accepts_image(image.path))
        image.for_each_site([&](const site& each) {
          if (!is_meant(query, each) || (any && each.word == found.word))
            return true;
          several = any;
          if (!any)
            found = each;
          any = true;
          return !several;
        });
      if (any)
        return &image;
    }
    return nullptr;
  }

  hp_status conclude(const search& wanted) noexcept
  {
    const name_query query(wanted.import->target);
    const search::match& match = choose(wanted, query);
    if (match.image == nullptr &&
        (wanted.is_function() || wanted.is_original()))
      return conclude_with_site(wanted, query);
    if (match.image == nullptr) {
      report_.add(missing(wanted));
      return HP_OK;
    }
    if (&match == &wanted.own && wanted.second.image != nullptr) {
      report_.add(ambiguous(wanted));
      return HP_OK;
    }
    const hp_status status = check(wanted, match);
    report_.add(status);
    if (status != HP_OK)
      return HP_OK;
    const bool of_thread = match.found.type == STT_TLS;
    return append(
        wanted, *match.image,
        of_thread ? match.found.value : match.image->base + match.found.value,
        of_thread);
  }

  hp_status conclude_with_site(const search& wanted,
                               const name_query& query) noexcept
  {
    site found;
    bool several = false;
    const program_image* image = find_among_sites(query, found, several);
    if (image == nullptr || several) {
      report_.add(image == nullptr ? missing(wanted) : ambiguous_site(wanted));
      return HP_OK;
    }
    const hp_status status = check_site(wanted, found);
    report_.add(status);
    if (status != HP_OK)
      return HP_OK;
    // The original begins behind the patch word, whatever that holds.
    return append(
        wanted, *image,
        wanted.is_original() ? found.word + format::word_size : found.symbol,
        false);
  }

  hp_status append(const search& wanted, const program_image& image,
                   std::uint64_t value, bool of_thread) noexcept
  {
    const import_value made{wanted.import->symbol, value, &image, of_thread,
                            !wanted.import->named, 0};
    return into_.append(made) ? HP_OK : no_memory();
  }

  hp_status missing(const search& wanted) noexcept
  {
    const patch_import& import = *wanted.import;
    if (wanted.copies[0] != '\0')
      return fail(HP_UNSUPPORTED,
                  "%s: %s (%s:%u): the compiler has only left a specialised "
                  "copy of it, %s; give it the attribute hotpatch in the "
                  "program, or define it in the patch",
                  label_, import.target, import.file, import.line,
                  wanted.copies);
    return fail(HP_NOT_FOUND,
                "%s: %s (%s:%u): the program has no such %s; is it stripped, "
                "or is it static and has the compiler left it out?",
                label_, import.target, import.file, import.line,
                wanted.is_original()   ? "patch site"
                : wanted.is_function() ? "function"
                                       : "variable");
  }

  hp_status ambiguous(const search& wanted) noexcept
  {
    const patch_import& import = *wanted.import;
    return fail(HP_AMBIGUOUS,
                "%s: %s (%s:%u): the program has several, in %s (%s) and %s "
                "(%s); name one as HP_IMPORT(\"%s:%s\")",
                label_, import.target, import.file, import.line,
                wanted.own.found.file, wanted.own.found.name,
                wanted.second.found.file, wanted.second.found.name,
                wanted.own.found.file, wanted.own.found.name);
  }

  hp_status ambiguous_site(const search& wanted) noexcept
  {
    return fail(HP_AMBIGUOUS,
                "%s: %s (%s:%u): the program has several such functions; name "
                "the source file, too",
                label_, wanted.import->target, wanted.import->file,
                wanted.import->line);
  }

  hp_status check(const search& wanted, const search::match& match) noexcept
  {
    const patch_import& import = *wanted.import;
    const symbol& found = match.found;
    const bool of_thread = (import.flags & format::patch_thread_local) != 0;
    // Assembly need not say what a symbol is.
    if (found.type != STT_NOTYPE && (is_code(found) != wanted.is_function() ||
                                     (found.type == STT_TLS) != of_thread))
      return fail(HP_PROTOTYPE,
                  "%s: %s (%s:%u): in the program it is a %s, in the patch a "
                  "%s",
                  label_, import.target, import.file, import.line,
                  is_code(found)          ? "function"
                  : found.type == STT_TLS ? "thread-local variable"
                                          : "variable",
                  wanted.is_function() ? "function"
                  : of_thread          ? "thread-local variable"
                                       : "variable");
    if (found.type == STT_GNU_IFUNC && import.named)
      return fail(HP_UNSUPPORTED,
                  "%s: %s (%s:%u): it is an ifunc, which only the dynamic "
                  "linker can resolve; declare it without HP_IMPORT",
                  label_, import.target, import.file, import.line);
    if (of_thread && match.image->tls_module == 0)
      return fail(HP_UNSUPPORTED,
                  "%s: %s (%s:%u): where %s has its thread-local variables "
                  "cannot be found from outside; the program can load the "
                  "patch itself, or offer a control socket",
                  label_, import.target, import.file, import.line,
                  match.image->path);
    if (!wanted.is_function())
      return check_size(import, found);
    site own;
    if (match.image->find_site(match.image->base + found.value, own))
      return check_site(wanted, own);
    if (found.binding == STB_LOCAL &&
        (import.flags & format::patch_any_copy) == 0)
      return fail(HP_UNSUPPORTED,
                  "%s: %s (%s:%u): it is static and no patch site, so the "
                  "compiler may have specialised it for its callers; give it "
                  "the attribute hotpatch in the program, define it in the "
                  "patch, or use HP_IMPORT_UNCHECKED if you know better",
                  label_, import.target, import.file, import.line);
    return HP_OK;
  }

  hp_status check_size(const patch_import& import, const symbol& found) noexcept
  {
    if (import.size == 0 || found.size == 0 || import.size == found.size ||
        (import.flags & format::patch_any_layout) != 0)
      return HP_OK;
    return fail(HP_PROTOTYPE,
                "%s: %s (%s:%u): the program's has %llu bytes, the patch's %u",
                label_, import.target, import.file, import.line,
                static_cast<unsigned long long>(found.size), import.size);
  }

  hp_status check_site(const search& wanted, const site& found) noexcept
  {
    const patch_import& import = *wanted.import;
    if (import.type_hash == 0 || found.prototype_hash == 0 ||
        import.type_hash == found.prototype_hash ||
        (import.flags & format::patch_any_prototype) != 0)
      return HP_OK;
    return fail(HP_PROTOTYPE,
                "%s: %s (%s:%u): the program has %s, the patch %s", label_,
                import.target, import.file, import.line, found.prototype,
                import.type);
  }

  const char* label_;
  std::span<program_image> images_;
  array<import_value>& into_;
  check_report& report_;
  array<search> searches_;
};

}  // namespace

hp_status resolve_imports(const char* label,
                          std::span<const patch_import> imports,
                          std::span<program_image> images,
                          array<import_value>& into,
                          check_report& report) noexcept
{
  return resolution(label, images, into, report).all(imports);
}

}  // namespace hotpatch
