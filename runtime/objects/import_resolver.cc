// Looking imports up: symbols first, then sites, then the checks.
// SPDX-License-Identifier: MIT
#include "runtime/objects/import_resolver.h"

#include <algorithm>
#include <cstdio>
#include <cstring>
#include <utility>

#include "runtime/base/countermeasure.h"
#include "runtime/base/status.h"
#include "runtime/elf/symbol_table.h"
#include "runtime/objects/definition_table.h"
#include "runtime/objects/target_search.h"

namespace hotpatch {

namespace {

bool is_code(const symbol& which)
{
  return which.type == STT_FUNC || which.type == STT_GNU_IFUNC;
}

const char* last_part(const char* path)
{
  const char* const slash = std::strrchr(path, '/');
  return slash != nullptr ? slash + 1 : path;
}

// "helper.isra.0", "helper.constprop.1" are not what the source calls helper.
bool is_copy_of(const symbol& which, std::string_view name)
{
  const std::string_view own = which.name;
  return is_code(which) && own.size() > name.size() && begins_with(own, name) &&
         own.data()[name.size()] == '.';
}

// A symbol's name as the source has it: without the suffix that link-time
// optimisation gives to statics, and without the version that is the default.
class source_name {
 public:
  explicit source_name(const symbol& which) noexcept : whole_(which.name)
  {
    constexpr std::string_view suffix = ".lto_priv.";
    base_ = whole_;
    if (const char* mark = std::strchr(which.name, '@'))
      cut(which.is_default || !HP_COUNTERMEASURE(default_version) ? mark
                                                                  : nullptr);
    const void* found =
        memmem(base_.data(), base_.size(), suffix.data(), suffix.size());
    was_static_ = found != nullptr;
    cut(static_cast<const char*>(found));
  }

  [[nodiscard]] std::string_view base() const noexcept { return base_; }
  [[nodiscard]] bool was_static() const noexcept { return was_static_; }

  // How well the query's name fits, less is better.
  enum class fit : std::uint8_t { same, another_form, none };
  [[nodiscard]] fit held_against(const name_query& query) const noexcept
  {
    if (equal(whole_, query.name()) || equal(base_, query.name()))
      return fit::same;
    site as_site;
    char text[1024];
    as_site.name = whole_.data();
    if (base_.size() != whole_.size()) {
      if (base_.size() >= sizeof text)
        return fit::none;
      std::memcpy(text, base_.data(), base_.size());
      text[base_.size()] = '\0';
      as_site.name = text;
    }
    return query.means(as_site) ? fit::another_form : fit::none;
  }

 private:
  void cut(const char* end) noexcept
  {
    if (end != nullptr)
      base_ = first_of(base_, static_cast<std::size_t>(end - base_.data()));
  }

  std::string_view whole_;
  std::string_view base_;
  bool was_static_ = false;
};

// Where the dynamic linker keeps what the resolver of an ifunc at this address
// of the file has chosen: a slot of the global offset table with a relocation
// R_X86_64_IRELATIVE, which it fills while it loads the file, also where it
// binds lazily.  Slots in other data may have been written since.  The file's
// own address; 0: the file has none, as where it uses the ifunc by its symbol.
// HP_MALFORMED.
hp_status find_chosen(elf_file& file, std::uint64_t resolver,
                      std::uint64_t& slot) noexcept
{
  slot = 0;
  array<memory_range> offset_tables;
  elf_section section;
  for (std::size_t i = 0; i < file.section_count(); ++i)
    if (file.section(i, section) &&
        (std::strcmp(section.name, ".got") == 0 ||
         std::strcmp(section.name, ".got.plt") == 0) &&
        !offset_tables.append({section.address, section.size}))
      return fail(HP_NO_MEMORY, "%s: out of memory", file.label());
  for (std::size_t i = 0; i < file.section_count(); ++i) {
    if (!file.section(i, section) || section.type != SHT_RELA ||
        !(section.flags & SHF_ALLOC) || section.size == 0)
      continue;
    const unsigned char* entries = file.chunk(section.offset, section.size);
    if (entries == nullptr)
      return fail(HP_MALFORMED, "%s: section %zu (%s) is a damaged table",
                  file.label(), section.index, section.name);
    for (std::size_t k = 0; k < section.size / sizeof(Elf64_Rela); ++k) {
      Elf64_Rela entry;
      std::memcpy(&entry, entries + k * sizeof entry, sizeof entry);
      if (ELF64_R_TYPE(entry.r_info) == R_X86_64_IRELATIVE &&
          static_cast<std::uint64_t>(entry.r_addend) == resolver &&
          std::any_of(offset_tables.begin(), offset_tables.end(),
                      [&](const memory_range& each) {
                        return each.contains(entry.r_offset,
                                             sizeof(std::uint64_t));
                      }))
        slot = entry.r_offset;
    }
  }
  return HP_OK;
}

// What an import may mean.
struct candidate {
  symbol found;
  const program_image* image = nullptr;
  const char* file = "";      // source file, "": not known
  bool file_is_path = false;  // not just its last part
  bool is_static = false;
  source_name::fit fit = source_name::fit::none;
  std::uint64_t layout_hash = 0;

  [[nodiscard]] bool lies_in(const name_query& query) const noexcept
  {
    return !query.has_file() || !HP_COUNTERMEASURE(named_file_only) ||
           (file_is_path ? query.accepts_file(file)
                         : *file != '\0' && query.accepts_file_name(file));
  }
};

// All that one import may mean, and in the end the one that it does.
class candidate_list {
 public:
  explicit candidate_list(const patch_import& import) noexcept
      : query_(import.target)
  {
  }

  [[nodiscard]] const name_query& query() const noexcept { return query_; }
  [[nodiscard]] const array<candidate>& all() const noexcept { return all_; }
  // "helper.isra.0", if only such are there.
  [[nodiscard]] const char* copies() const noexcept { return copies_; }
  // Those that have the name, but lie in another file than the one named.
  [[nodiscard]] const array<candidate>& elsewhere() const noexcept
  {
    return elsewhere_;
  }

  // False: no memory.
  [[nodiscard]] bool consider(const symbol& which, const program_image& image,
                              const definition_table& definitions) noexcept
  {
    if (which.type == STT_SECTION || !query_.accepts_image(image.path))
      return true;
    const source_name name(which);
    const source_name::fit fit =
        which.is_default || !HP_COUNTERMEASURE(default_version) ||
                (std::strchr(which.name, '@') != nullptr &&
                 equal(which.name, query_.name()))
            ? name.held_against(query_)
            : source_name::fit::none;
    if (fit == source_name::fit::none) {
      if (copies_[0] == '\0' && is_copy_of(which, query_.name()))
        std::snprintf(copies_, sizeof copies_, "%s", which.name);
      return true;
    }
    candidate made;
    made.found = which;
    made.image = &image;
    made.fit = fit;
    locate(made, name, definitions);
    // A second name of the same thing; what others see of it counts.
    for (candidate& each : all_)
      if (each.image == &image && each.found.value == which.value &&
          each.found.type == which.type) {
        if (each.is_static && !made.is_static)
          each = made;
        return true;
      }
    return (made.lies_in(query_) ? all_ : elsewhere_).append(made);
  }

  // Leaves those between which the rules do not choose.
  void choose() noexcept
  {
    keep_if_any([](const candidate& each) {
      return each.fit == source_name::fit::same;
    });
    keep_if_any([](const candidate& each) { return each.image->is_program; });
    if (!query_.has_file() &&
        std::any_of(all_.begin(), all_.end(),
                    [](const candidate& each) { return !each.is_static; })) {
      // What the dynamic linker finds first.
      keep_if_any([](const candidate& each) { return !each.is_static; });
      const program_image* first = all_[0].image;
      keep_if_any([&](const candidate& each) { return each.image == first; });
    }
    if (query_.number() == 0 || !HP_COUNTERMEASURE(choose_by_number))
      return;
    array<candidate> numbered;
    for (std::size_t i = 0; i < all_.size(); ++i)
      if (number_of(i) == query_.number() && !numbered.append(all_[i]))
        return;
    all_ = std::move(numbered);
  }

  // `text` names the candidate, and no other one.
  void name_one(std::size_t index, char* text, std::size_t size) const noexcept
  {
    const candidate& one = all_[index];
    const std::string_view base = source_name(one.found).base();
    bool other_image = false;
    bool same_name = false;
    bool same_symbol = false;
    for (const candidate& each : all_) {
      other_image = other_image || each.image != one.image;
      if (&each == &one || each.image != one.image || !same_place(each, one))
        continue;
      same_name = true;
      same_symbol =
          same_symbol || std::strcmp(each.found.name, one.found.name) == 0;
    }
    const char* const image = last_part(one.image->path);
    char number[16] = "";
    if (same_symbol)
      std::snprintf(number, sizeof number, "#%u", number_of(index));
    const std::string_view name =
        same_name && !same_symbol ? std::string_view(one.found.name) : base;
    std::snprintf(text, size, "%s%s%s%s%.*s%s", other_image ? image : "",
                  other_image ? "!" : "", one.file, *one.file ? ":" : "",
                  static_cast<int>(std::min<std::size_t>(name.size(), 200)),
                  name.data(), number);
  }

 private:
  static bool same_place(const candidate& a, const candidate& b) noexcept
  {
    return std::strcmp(a.file, b.file) == 0 &&
           equal(source_name(a.found).base(), source_name(b.found).base());
  }

  // Among those of its image, file and symbol, by address.
  [[nodiscard]] std::uint32_t number_of(std::size_t index) const noexcept
  {
    const candidate& one = all_[index];
    std::uint32_t before = 0;
    for (const candidate& each : all_)
      before += each.image == one.image && same_place(each, one) &&
                each.found.value < one.found.value;
    return before + 1;
  }

  template <typename Fits>
  void keep_if_any(Fits fits) noexcept
  {
    if (!std::any_of(all_.begin(), all_.end(), fits))
      return;
    for (std::size_t i = all_.size(); i-- > 0;)
      if (!fits(all_[i]))
        all_.remove(i);
  }

  // The compiler's own table knows best, then the record of a site.  The symbol
  // table has the name of the source that was compiled, and only for what is
  // local in it.
  static void locate(candidate& made, const source_name& name,
                     const definition_table& definitions) noexcept
  {
    const symbol& which = made.found;
    if (const definition* known = definitions.find(which)) {
      made.file = known->file;
      made.file_is_path = true;
      made.is_static = (known->flags & format::definition_static) != 0;
      made.layout_hash = known->layout_hash;
      return;
    }
    site own;
    if (is_code(which) &&
        made.image->find_site(made.image->base + which.value, own)) {
      made.file = own.file;
      made.file_is_path = true;
      made.is_static = (own.flags & format::site_static) != 0;
      return;
    }
    made.file = which.file;
    // What is only hidden counts as static, too: linkers make no difference.
    made.is_static = name.was_static() || which.binding == STB_LOCAL;
  }

  name_query query_;
  array<candidate> all_;
  array<candidate> elsewhere_;
  char copies_[64] = "";
};

class resolution {
 public:
  resolution(const char* label, std::span<program_image> images,
             array<import_value>& into, check_report& report) noexcept
      : label_(label), images_(images), into_(into), report_(report)
  {
  }

  hp_status all(std::span<const patch_import> imports) noexcept
  {
    for (const patch_import& each : imports)
      if (const hp_status status = conclude(each); status != HP_OK)
        return status;
    return HP_OK;
  }

 private:
  hp_status no_memory() noexcept
  {
    return fail(HP_NO_MEMORY, "%s: out of memory", label_);
  }

  static bool is_function(const patch_import& import) noexcept
  {
    return (import.flags & format::patch_function) != 0;
  }
  static bool is_original(const patch_import& import) noexcept
  {
    return (import.flags & format::patch_original) != 0;
  }

  hp_status find_candidates(candidate_list& into) noexcept
  {
    for (program_image& image : images_) {
      if (image.file == nullptr)
        continue;
      if (const hp_status status = load_definitions(image); status != HP_OK)
        return status;
      symbol_table table;
      if (const hp_status status = table.load(*image.file); status != HP_OK)
        return status;
      bool enough = true;
      table.for_each([&](const symbol& which) {
        enough = into.consider(which, image, definitions_);
        return enough;
      });
      if (!enough)
        return no_memory();
    }
    return HP_OK;
  }

  // One image's at a time: most programs have one that matters.
  hp_status load_definitions(const program_image& image) noexcept
  {
    if (definitions_of_ == &image)
      return HP_OK;
    definitions_of_ = &image;
    return definitions_.load(*image.file);
  }

  hp_status conclude(const patch_import& import) noexcept
  {
    candidate_list found(import);
    if (!is_original(import))
      if (const hp_status status = find_candidates(found); status != HP_OK)
        return status;
    found.choose();
    if (found.all().empty() && (is_function(import) || is_original(import)))
      return conclude_with_site(import, found);
    if (found.all().empty()) {
      report_.add(missing(import, found));
      return HP_OK;
    }
    if (found.all().size() > 1) {
      report_.add(ambiguous(import, found));
      return HP_OK;
    }
    const candidate& one = found.all()[0];
    const hp_status status = check(import, one);
    report_.add(status);
    if (status != HP_OK)
      return HP_OK;
    const bool of_thread = one.found.type == STT_TLS;
    import_value made = value_of(import, *one.image);
    made.value =
        of_thread ? one.found.value : one.image->base + one.found.value;
    made.thread_local_ = of_thread;
    made.layout_hash = one.layout_hash;
    if (may_be_anothers(import, found))
      made.unnamed_file = one.file;
    if (one.found.type == STT_GNU_IFUNC && HP_COUNTERMEASURE(chosen_ifunc))
      return conclude_ifunc(import, one, made);
    // The dynamic linker takes the oldest version where none is asked for.
    if (std::strchr(one.found.name, '@') != nullptr ||
        has_versions(*one.image, import.symbol))
      made.only_if_unresolved = false;
    return into_.append(made) ? HP_OK : no_memory();
  }

  // The symbol is the resolver's, which nobody but the dynamic linker calls.
  hp_status conclude_ifunc(const patch_import& import, const candidate& one,
                           import_value& made) noexcept
  {
    std::uint64_t slot = 0;
    if (const hp_status status =
            find_chosen(*one.image->file, one.found.value, slot);
        status != HP_OK)
      return status;
    if (slot == 0 && import.named) {
      report_.add(fail(
          HP_UNSUPPORTED,
          "%s: %s (%s:%u): it is an ifunc, and %s keeps no address of the "
          "function that was chosen; declare it without HP_IMPORT, so that the "
          "dynamic linker resolves it",
          label_, import.target, import.file, import.line, one.image->path));
      return HP_OK;
    }
    made.is_ifunc = true;
    made.value = 0;
    made.chosen_at = slot != 0 ? one.image->base + slot : 0;
    return into_.append(made) ? HP_OK : no_memory();
  }

  // A program without symbols still knows its sites.
  hp_status conclude_with_site(const patch_import& import,
                               const candidate_list& found) noexcept
  {
    array<found_site> sites;
    if (!find_sites(import.target, "", images_, sites))
      return no_memory();
    if (sites.size() != 1) {
      report_.add(sites.empty() ? missing(import, found)
                                : ambiguous_site(import, sites));
      return HP_OK;
    }
    const site& where = sites[0].where;
    const hp_status status = check_site(import, where);
    report_.add(status);
    if (status != HP_OK)
      return HP_OK;
    import_value made = value_of(import, *sites[0].image);
    // The original begins after the patch word, whatever that holds.
    made.value = is_original(import) ? body_address(where) : where.symbol;
    return into_.append(made) ? HP_OK : no_memory();
  }

  static import_value value_of(const patch_import& import,
                               const program_image& image) noexcept
  {
    import_value made;
    made.symbol = import.symbol;
    made.image = &image;
    made.only_if_unresolved = !import.named;
    return made;
  }

  // Whether the image has other versions of the symbol, too.
  static bool has_versions(const program_image& image,
                           std::string_view name) noexcept
  {
    symbol_table table;
    bool any = false;
    if (table.load(*image.file) == HP_OK)
      table.for_each([&](const symbol& which) {
        const std::string_view own = which.name;
        any = !which.is_default && begins_with(own, name) &&
              (own.size() == name.size() || own.data()[name.size()] == '@');
        return !any;
      });
    return any;
  }

  hp_status missing(const patch_import& import,
                    const candidate_list& found) noexcept
  {
    if (!found.elsewhere().empty())
      return is_elsewhere(import, found);
    if (found.copies()[0] != '\0')
      return fail(HP_UNSUPPORTED,
                  "%s: %s (%s:%u): the compiler has only left a specialised "
                  "copy of it, %s; give it the attribute hotpatch in the "
                  "program, or define it in the patch",
                  label_, import.target, import.file, import.line,
                  found.copies());
    return fail(HP_NOT_FOUND,
                "%s: %s (%s:%u): the program has no such %s; is it stripped, "
                "or is it static and has the compiler left it out?",
                label_, import.target, import.file, import.line,
                is_original(import)   ? "patch site"
                : is_function(import) ? "function"
                                      : "variable");
  }

  hp_status is_elsewhere(const patch_import& import,
                         const candidate_list& found) noexcept
  {
    const candidate& other = found.elsewhere()[0];
    const std::string_view name = found.query().name();
    const char* const file = other.file;
    return fail(HP_NOT_FOUND,
                "%s: %s (%s:%u): that source file has no such %s, or the "
                "compiler has left it out; there is one %s%s, HP_IMPORT(\"%s%s"
                "%.*s\")",
                label_, import.target, import.file, import.line,
                is_function(import) ? "function" : "variable",
                *file != '\0' ? "in " : "that all source files see", file, file,
                *file != '\0' ? ":" : "",
                static_cast<int>(std::min<std::size_t>(name.size(), 200)),
                name.data());
  }

  hp_status ambiguous(const patch_import& import,
                      const candidate_list& found) noexcept
  {
    constexpr std::size_t most = 4;
    char list[900] = "";
    std::size_t used = 0;
    for (std::size_t i = 0; i < found.all().size() && i < most; ++i) {
      char name[300];
      found.name_one(i, name, sizeof name);
      const int length = std::snprintf(list + used, sizeof list - used,
                                       "%s\"%s\"", i == 0 ? "" : ", ", name);
      used = std::min(used + static_cast<std::size_t>(std::max(length, 0)),
                      sizeof list - 1);
    }
    return fail(HP_AMBIGUOUS,
                "%s: %s (%s:%u): the program has %zu such %ss; name one of "
                "them in HP_IMPORT: %s%s",
                label_, import.target, import.file, import.line,
                found.all().size(),
                is_function(import) ? "function" : "variable", list,
                found.all().size() > most ? ", ..." : "");
  }

  hp_status ambiguous_site(const patch_import& import,
                           const array<found_site>& sites) noexcept
  {
    return fail(HP_AMBIGUOUS,
                "%s: %s (%s:%u): the program has %zu such functions; name one "
                "of them: %s",
                label_, import.target, import.file, import.line, sites.size(),
                site_choices(sites).text);
  }

  // Of two statics of one name the compiler may have left one out.  Then a name
  // without a file means the other one, whichever was meant.  Not in a patch
  // whose source is that file, nor for sites, which are never left out; and
  // only the compiler's own table tells statics from what others see.
  static bool may_be_anothers(const patch_import& import,
                              const candidate_list& found) noexcept
  {
    const candidate& only = found.all()[0];
    site own;
    return only.is_static && !found.query().has_file() &&
           HP_COUNTERMEASURE(file_of_static) && only.file_is_path &&
           std::strcmp(last_part(only.file), last_part(import.file)) != 0 &&
           !(is_code(only.found) &&
             only.image->find_site(only.image->base + only.found.value, own));
  }

  hp_status check(const patch_import& import, const candidate& match) noexcept
  {
    const symbol& found = match.found;
    const bool of_thread = (import.flags & format::patch_thread_local) != 0;
    // Assembly need not say what a symbol is.
    if (found.type != STT_NOTYPE && (is_code(found) != is_function(import) ||
                                     (found.type == STT_TLS) != of_thread))
      return fail(HP_PROTOTYPE,
                  "%s: %s (%s:%u): in the program it is a %s, in the patch a "
                  "%s",
                  label_, import.target, import.file, import.line,
                  is_code(found)          ? "function"
                  : found.type == STT_TLS ? "thread-local variable"
                                          : "variable",
                  is_function(import) ? "function"
                  : of_thread         ? "thread-local variable"
                                      : "variable");
    if (of_thread && match.image->tls_module == 0)
      return fail(HP_UNSUPPORTED,
                  "%s: %s (%s:%u): where %s has its thread-local variables "
                  "cannot be found from outside; the program can load the "
                  "patch itself, or offer a control socket",
                  label_, import.target, import.file, import.line,
                  match.image->path);
    if (!is_function(import))
      return check_size(import, found);
    site own;
    if (match.image->find_site(match.image->base + found.value, own))
      return check_site(import, own);
    if (match.is_static && (import.flags & format::patch_any_copy) == 0)
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

  hp_status check_site(const patch_import& import, const site& found) noexcept
  {
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
  definition_table definitions_;
  const program_image* definitions_of_ = nullptr;
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
