// Reading the records of a patch object, every field checked.
// SPDX-License-Identifier: MIT
#include "runtime/objects/patch_reader.h"

#include <cstring>

#include "runtime/base/status.h"
#include "runtime/elf/memory_view.h"
#include "runtime/sites/name_demangle.h"

namespace hotpatch {

namespace {

// One pass over the section.  The first failure ends it, with its words set.
class reading {
 public:
  reading(const char* label, memory_view view, record_section section,
          patch_contents& into) noexcept
      : label_(label), view_(view), texts_(view), section_(section), into_(into)
  {
  }

  hp_status all() noexcept
  {
    home_ = view_.find(section_.address);
    if (!home_ || !home_->contains(section_.address, section_.size))
      return damaged("section", "does not lie in the image's memory");
    if (section_.address % 4 != 0)
      return damaged("section", "is not aligned to 4 bytes");
    for (; offset_ < section_.size; offset_ += head_.size, ++number_)
      if (const hp_status status = next(); status != HP_OK)
        return status;
    return into_.replacements.empty()
               ? fail(HP_MALFORMED, "%s: the patch replaces nothing", label_)
               : HP_OK;
  }

 private:
  hp_status damaged(const char* field, const char* reason) noexcept
  {
    return fail(HP_MALFORMED,
                "%s: .hotpatch.patch, record %llu (offset %#llx): %s %s",
                label_, static_cast<unsigned long long>(number_),
                static_cast<unsigned long long>(offset_), field, reason);
  }

  hp_status no_memory() noexcept
  {
    return fail(HP_NO_MEMORY, "%s: out of memory", label_);
  }

  std::uint64_t address() const noexcept { return section_.address + offset_; }

  hp_status next() noexcept
  {
    const std::uint64_t left = section_.size - offset_;
    if (left < sizeof head_)
      return damaged("section", "ends in the middle of a record");
    std::memcpy(&head_, home_->at(address()), sizeof head_);
    if (head_.version != format::patch_record_version)
      return damaged("version",
                     "is unknown; use a hotpatch as new as the plugin that "
                     "compiled this");
    if (head_.size < sizeof head_ || head_.size % 4 != 0)
      return damaged("size", "is too small or not a multiple of 4");
    if (head_.size > left)
      return damaged("size", "reaches beyond the section");
    switch (format::patch_kind{head_.kind}) {
      case format::patch_kind::patch:
        return header();
      case format::patch_kind::replacement:
        return replacement();
      case format::patch_kind::import:
        return import();
      case format::patch_kind::need:
        return need();
      case format::patch_kind::build:
        return build();
      case format::patch_kind::hook:
        return hook();
    }
    return damaged("kind",
                   "is unknown; use a hotpatch as new as the plugin that "
                   "compiled this");
  }

  // A copy of the record; false if it is shorter than its kind.
  template <typename Record>
  bool take(Record& record) noexcept
  {
    if (head_.size < sizeof record)
      return false;
    std::memcpy(&record, home_->at(address()), sizeof record);
    return true;
  }

  hp_status too_short() noexcept
  {
    return damaged("size", "is too small for its kind");
  }

  // A string, which may be absent; or one that may not be.
  bool text(std::size_t field, format::offset32 distance,
            const char*& into) noexcept
  {
    into = texts_.at_distance(address() + field, distance.value);
    return into != nullptr;
  }
  bool name(std::size_t field, format::offset32 distance,
            const char*& into) noexcept
  {
    return text(field, distance, into) && *into != '\0';
  }

  bool code(std::size_t field, format::offset32 distance,
            std::uint64_t& into) noexcept
  {
    into = address() + field +
           static_cast<std::uint64_t>(std::int64_t{distance.value});
    const memory_range* range = view_.find(into);
    return distance.value != 0 && range && range->executable;
  }

  hp_status header() noexcept
  {
    format::patch_header record;
    if (!take(record))
      return too_short();
    const char* name = "";
    const char* description = "";
    if (!text(offsetof(format::patch_header, name), record.name, name))
      return damaged("name", "is no string inside the image");
    if (!text(offsetof(format::patch_header, description), record.description,
              description))
      return damaged("description", "is no string inside the image");
    if (!format::is_level(record.level))
      return damaged("level", "is unknown");
    // Several sources of one patch may say the same.
    if (stated_ && (std::strcmp(into_.name, name) != 0 ||
                    into_.version != record.version ||
                    into_.level != static_cast<format::level>(record.level)))
      return damaged("name",
                     "contradicts another header; state name, version and "
                     "level once");
    stated_ = true;
    into_.name = name;
    into_.version = record.version;
    into_.description = description;
    into_.level = static_cast<format::level>(record.level);
    return HP_OK;
  }

  hp_status replacement() noexcept
  {
    format::replacement_record record;
    if (!take(record))
      return too_short();
    patch_replacement made;
    using layout = format::replacement_record;
    if (!code(offsetof(layout, code), record.code, made.code))
      return damaged("code", "is not in executable memory");
    // Where the last function ends, its segment may end, too.
    made.end = address() + offsetof(layout, end) +
               static_cast<std::uint64_t>(std::int64_t{record.end.value});
    if (const memory_range* range = view_.find(made.code);
        !range->contains(made.end - 1))
      return damaged("end", "is not in executable memory");
    if (made.end <= made.code)
      return damaged("end", "lies before the code");
    if (!name(offsetof(layout, target), record.target, made.target))
      return damaged("target", "is no name inside the image");
    if (!name(offsetof(layout, name), record.name, made.name))
      return damaged("name", "is no name inside the image");
    if (!text(offsetof(layout, file), record.file, made.file))
      return damaged("file", "is no string inside the image");
    if (!text(offsetof(layout, prototype), record.prototype, made.prototype))
      return damaged("prototype", "is no string inside the image");
    made.prototype_hash = format::joined(record.prototype_hash);
    made.layout_hash = format::joined(record.layout_hash);
    made.line = record.line;
    made.flags = record.flags;
    // The bodies of a constructor or destructor have one name, and each is the
    // replacement of its like.
    for (const patch_replacement& other : into_.replacements)
      if (std::strcmp(other.target, made.target) == 0 &&
          (structor_of(made.name) == structor::none ||
           structor_of(made.name) == structor_of(other.name)))
        return damaged("target", "is replaced twice by this patch");
    return into_.replacements.append(made) ? HP_OK : no_memory();
  }

  hp_status import() noexcept
  {
    format::import_record record;
    if (!take(record))
      return too_short();
    patch_import made;
    using layout = format::import_record;
    if (!name(offsetof(layout, symbol), record.symbol, made.symbol))
      return damaged("symbol", "is no name inside the image");
    if (!text(offsetof(layout, target), record.target, made.target))
      return damaged("target", "is no string inside the image");
    if (!text(offsetof(layout, file), record.file, made.file))
      return damaged("file", "is no string inside the image");
    if (!text(offsetof(layout, type), record.type, made.type))
      return damaged("type", "is no string inside the image");
    made.named = *made.target != '\0';
    if (!made.named)
      made.target = made.symbol;
    made.type_hash = format::joined(record.type_hash);
    made.layout_hash = format::joined(record.layout_hash);
    made.line = record.line;
    made.flags = record.flags;
    made.size = record.size;
    return add_import(made);
  }

  // Several sources may use one symbol, but not mean different things by it.
  hp_status add_import(const patch_import& made) noexcept
  {
    for (patch_import& other : into_.imports) {
      if (std::strcmp(other.symbol, made.symbol) != 0)
        continue;
      if (!other.named && made.named)
        other = made;
      else if (made.named && std::strcmp(other.target, made.target) != 0)
        return damaged("target", "contradicts another import of its symbol");
      return HP_OK;
    }
    return into_.imports.append(made) ? HP_OK : no_memory();
  }

  hp_status need() noexcept
  {
    format::need_record record;
    patch_need made;
    if (!take(record))
      return too_short();
    if (!name(offsetof(format::need_record, name), record.name, made.name))
      return damaged("name", "is no name inside the image");
    made.version = record.version;
    return into_.needs.append(made) ? HP_OK : no_memory();
  }

  hp_status build() noexcept
  {
    format::build_record record;
    const char* id = "";
    if (!take(record))
      return too_short();
    if (!name(offsetof(format::build_record, id), record.id, id))
      return damaged("id", "is no name inside the image");
    return into_.builds.append(id) ? HP_OK : no_memory();
  }

  hp_status hook() noexcept
  {
    format::hook_record record;
    patch_hook made;
    if (!take(record))
      return too_short();
    if (!code(offsetof(format::hook_record, code), record.code, made.code))
      return damaged("code", "is not in executable memory");
    if (!name(offsetof(format::hook_record, name), record.name, made.name))
      return damaged("name", "is no name inside the image");
    made.when = format::hook_time{record.when};
    if (made.when < format::hook_time::before_apply ||
        made.when > format::hook_time::after_revert)
      return damaged("when", "is unknown");
    for (const patch_hook& other : into_.hooks)
      if (other.when == made.when)
        return damaged("when", "has a hook already; a patch has one for each");
    return into_.hooks.append(made) ? HP_OK : no_memory();
  }

  const char* label_;
  memory_view view_;
  view_texts texts_;
  record_section section_;
  patch_contents& into_;
  const memory_range* home_ = nullptr;
  format::patch_head head_ = {};
  std::uint64_t offset_ = 0;
  std::uint64_t number_ = 0;
  bool stated_ = false;
};

}  // namespace

hp_status read_patch(const char* label, memory_view view,
                     record_section section, patch_contents& into) noexcept
{
  return reading(label, view, section, into).all();
}

}  // namespace hotpatch
