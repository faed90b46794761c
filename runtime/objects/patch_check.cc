// The checks of a patch object, one after the other.
// SPDX-License-Identifier: MIT
#include "runtime/objects/patch_check.h"

#include <cstdio>
#include <cstring>

#include <elf.h>

#include "runtime/base/countermeasure.h"
#include "runtime/base/status.h"
#include "runtime/elf/symbol_table.h"
#include "runtime/objects/copy_check.h"
#include "runtime/objects/layout_check.h"
#include "runtime/objects/own_definitions.h"
#include "runtime/objects/target_search.h"

namespace hotpatch {

namespace {

class checking {
 public:
  checking(patch_file& patch, std::span<program_image> images,
           checked_patch& into, check_report& report) noexcept
      : patch_(patch), images_(images), into_(into), report_(report)
  {
  }

  hp_status all() noexcept
  {
    for (const char* id : patch_.contents().builds)
      report_.add(check_build(id));
    for (const patch_replacement& each : patch_.contents().replacements)
      if (const hp_status status = check(each); status != HP_OK)
        return status;
    hp_status status = check_inlined();
    const array<patch_import>& imports = patch_.contents().imports;
    if (status == HP_OK)
      status = resolve_imports(patch_.label(), {imports.data(), imports.size()},
                               images_, into_.imports, report_);
    for (std::size_t i = 0; status == HP_OK && i < imports.size(); ++i)
      status = check_layout(imports[i]);
    if (status == HP_OK && !imports.empty())
      status = check_resolvers(imports[0]);
    if (status == HP_OK)
      status = find_shared_data(patch_.elf(), images_, into_.imports);
    return status == HP_OK
               ? find_own_definitions(
                     patch_, images_,
                     {into_.targets.data(), into_.targets.size()},
                     {into_.imports.data(), into_.imports.size()}, into_.own)
               : status;
  }

 private:
  hp_status check_build(const char* wanted) noexcept
  {
    build_id_text program{build_id{}};
    for (program_image& image : images_) {
      if (image.file == nullptr)
        continue;
      const build_id_text own(image.file->id());
      if (std::strcmp(own.text, wanted) == 0)
        return HP_OK;
      if (image.is_program)
        program = own;
    }
    return fail(HP_OTHER_BUILD,
                "%s: the patch is for the build-id %s; the program has %s, and "
                "no loaded shared object has that one",
                patch_.label(), wanted,
                *program.text != '\0' ? program.text : "none");
  }

  hp_status check(const patch_replacement& replacement) noexcept
  {
    array<patch_target> found;
    const hp_status status =
        find_targets(patch_.label(), replacement, images_, found);
    if (status == HP_NO_MEMORY)
      return status;
    const array<patch_replacement>& all = patch_.contents().replacements;
    if (status == HP_NOT_FOUND &&
        may_be_absent(replacement, {all.data(), all.size()}, images_))
      return HP_OK;
    if (status == HP_NOT_FOUND &&
        (replacement.flags & format::patch_unprepared) != 0)
      return into_.unprepared.append(&replacement)
                 ? HP_OK
                 : fail(HP_NO_MEMORY, "%s: out of memory", patch_.label());
    report_.add(status);
    for (const patch_target& each : found)
      if (const hp_status checked = check(replacement, each); checked != HP_OK)
        return checked;
    return HP_OK;
  }

  hp_status check(const patch_replacement& replacement,
                  const patch_target& target) noexcept
  {
    for (const patch_target& other : into_.targets)
      if (other.where.word == target.where.word) {
        report_.add(check_twice(replacement, *other.replacement));
        return HP_OK;
      }
    const bool prototype_fits = check_prototype(replacement, target.where);
    if (prototype_fits && !(replacement.flags & format::patch_any_layout))
      if (const hp_status status =
              check_layout(replacement.target, *target.image,
                           target.where.layout_hash, replacement.layout_hash);
          status != HP_OK)
        return status;
    return into_.targets.append(target)
               ? HP_OK
               : fail(HP_NO_MEMORY, "%s: out of memory", patch_.label());
  }

  hp_status check_inlined() noexcept
  {
    array<replaced_function> together;
    for (const patch_target& each : into_.targets)
      if (!together.append(
              {each.where, each.image, each.replacement->target, false}))
        return fail(HP_NO_MEMORY, "%s: out of memory", patch_.label());
    return check_copies(patch_.label(), {together.data(), together.size()},
                        images_, report_);
  }

  // Two bodies of one constructor or destructor may be one in the program.
  hp_status check_twice(const patch_replacement& one,
                        const patch_replacement& other) noexcept
  {
    if (one.code == other.code || std::strcmp(one.target, other.target) == 0)
      return HP_OK;
    return fail(HP_INVALID,
                "%s: %s (%s:%u) and %s (%s:%u) are two names of one function "
                "of the program; replace it once",
                patch_.label(), one.target, one.file, one.line, other.target,
                other.file, other.line);
  }

  bool check_prototype(const patch_replacement& replacement, const site& where)
  {
    if ((replacement.flags & format::patch_any_prototype) ||
        replacement.prototype_hash == 0 || where.prototype_hash == 0 ||
        replacement.prototype_hash == where.prototype_hash)
      return true;
    report_.add(
        fail(HP_PROTOTYPE, "%s: %s: the program has %s, the patch %s (%s:%u)",
             patch_.label(), replacement.target, where.prototype,
             replacement.prototype, replacement.file, replacement.line));
    return false;
  }

  // The descriptions of one image at a time: most patches concern one.
  hp_status load_types(const program_image& image) noexcept
  {
    if (image.file == nullptr || types_of_ == &image)
      return HP_OK;
    types_of_ = &image;
    return types_.load(*image.file);
  }

  hp_status check_layout(const char* name, const program_image& image,
                         std::uint64_t theirs, std::uint64_t ours) noexcept
  {
    if (theirs == ours || theirs == 0 || ours == 0)
      return HP_OK;
    if (const hp_status status = load_types(image); status != HP_OK)
      return status;
    const hp_status status = check_function_layout(
        {patch_.label(), name}, types_, theirs, patch_.types(), ours);
    report_.add(status);
    return status == HP_NO_MEMORY ? status : HP_OK;
  }

  hp_status check_layout(const patch_import& import) noexcept
  {
    if (import.layout_hash == 0 || (import.flags & format::patch_any_layout))
      return HP_OK;
    const import_value* value = find_value(import.symbol);
    if (value == nullptr)
      return HP_OK;
    site own;
    if ((import.flags & format::patch_function) != 0) {
      return value->image->find_site(value->value, own)
                 ? check_layout(import.target, *value->image, own.layout_hash,
                                import.layout_hash)
                 : HP_OK;
    }
    if (const hp_status status = load_types(*value->image); status != HP_OK)
      return status;
    const hp_status status = check_variable_layout(
        {patch_.label(), import.target}, types_, value->layout_hash,
        patch_.types(), import.layout_hash);
    report_.add(status);
    return status == HP_NO_MEMORY ? status : HP_OK;
  }

  // The dynamic linker calls the resolvers of indirect functions while it loads
  // the object, before anything that is used of the program is there; which of
  // them use it cannot be seen.
  hp_status check_resolvers(const patch_import& used) noexcept
  {
    if (!HP_COUNTERMEASURE(refuse_resolvers))
      return HP_OK;
    symbol_table table;
    if (const hp_status status = table.load(patch_.elf()); status != HP_OK)
      return status;
    const char* name = nullptr;
    table.for_each([&](const symbol& each) {
      if (each.type == STT_GNU_IFUNC)
        name = each.name;
      return name == nullptr;
    });
    bool any = name != nullptr;
    if (!any)
      if (const hp_status status = has_resolver_relocation(any);
          status != HP_OK)
        return status;
    if (any)
      report_.add(fail(
          HP_UNSUPPORTED,
          "%s: %s%sis an indirect function (ifunc, target_clones), whose "
          "resolver runs before %s and what else the patch uses of the program "
          "is there; choose the function in a constructor instead",
          patch_.label(), name != nullptr ? name : "in it there ",
          name != nullptr ? " " : "", used.target));
    return HP_OK;
  }

  // As one has whose symbols were removed.
  hp_status has_resolver_relocation(bool& any) noexcept
  {
    elf_section table;
    for (std::size_t i = 0; i < patch_.elf().section_count(); ++i) {
      if (!patch_.elf().section(i, table) || table.type != SHT_RELA ||
          !(table.flags & SHF_ALLOC) || table.size == 0)
        continue;
      const unsigned char* entries =
          patch_.elf().chunk(table.offset, table.size);
      if (entries == nullptr)
        return fail(HP_MALFORMED, "%s: section %zu (%s) is a damaged table",
                    patch_.label(), table.index, table.name);
      for (std::size_t k = 0; k < table.size / sizeof(Elf64_Rela); ++k) {
        Elf64_Rela entry;
        std::memcpy(&entry, entries + k * sizeof entry, sizeof entry);
        any = any || ELF64_R_TYPE(entry.r_info) == R_X86_64_IRELATIVE;
      }
    }
    return HP_OK;
  }

  const import_value* find_value(const char* symbol) const noexcept
  {
    for (const import_value& each : into_.imports)
      if (std::strcmp(each.symbol, symbol) == 0)
        return &each;
    return nullptr;
  }

  patch_file& patch_;
  std::span<program_image> images_;
  checked_patch& into_;
  check_report& report_;
  type_catalogue types_;
  const program_image* types_of_ = nullptr;
};

}  // namespace

hp_status check_patch(patch_file& patch, std::span<program_image> images,
                      checked_patch& into, check_report& report) noexcept
{
  return checking(patch, images, into, report).all();
}

}  // namespace hotpatch
