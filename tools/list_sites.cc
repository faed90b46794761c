// Reading files and processes for hp-list.
//
// SPDX-License-Identifier: MIT
#include "tools/list_sites.h"

#include <algorithm>
#include <cstring>
#include <map>
#include <set>
#include <string_view>
#include <tuple>
#include <unordered_map>
#include <utility>

#include <elf.h>

#include "processes/errors.h"
#include "processes/maps.h"
#include "processes/memory.h"
#include "processes/process_list.h"
#include "processes/text.h"
#include "runtime/objects/copy_table.h"
#include "runtime/sites/object_image.h"
#include "runtime/sites/record_reader.h"
#include "tools/output.h"

namespace hotpatch::tools {

namespace {

// The file and what was computed from it: everything that rows point into.
struct image_source {
  std::shared_ptr<elf_file> file;
  object_image image;
};

[[noreturn]] void damaged_record(const elf_file& file, std::size_t section,
                                 bool numbered, const record_fault& fault)
{
  std::string text = file.label();
  text += ": .hotpatch";
  if (numbered)
    text += " section " + std::to_string(section);
  text += " is damaged: record " + std::to_string(fault.record) + " (offset 0x";
  append_hex(text, fault.offset);
  text += std::string("): ") + fault.field + ": " + fault.reason;
  throw tool_error(text);
}

const char* type_word(std::uint16_t type)
{
  switch (type) {
    case ET_REL:
      return "object file";
    case ET_EXEC:
      return "executable";
    case ET_DYN:
      return "shared object";
    default:
      return "ELF file";
  }
}

// A PIE is ET_DYN like a shared object; only it asks for a dynamic linker or
// says so in its dynamic section, and the former is enough here.
bool is_pie(elf_file& file)
{
  elf_segment segment;
  for (std::size_t i = 0; i < file.segment_count(); ++i)
    if (file.segment(i, segment) && segment.type == PT_INTERP)
      return file.type() == ET_DYN;
  return false;
}

struct sites_of_image {
  std::vector<row> rows;
  std::vector<site> further_names;  // records that are aliases
};

void read_section(const elf_file& file, const elf_image& image,
                  std::size_t section, sites_of_image& into)
{
  bool numbered = image.section_count() > 1;
  record_fault fault;
  record_survey survey;
  record_reader reader(image.view(), image.section(section));
  hp_status status = survey_records(reader, survey, fault);
  if (status == HP_MALFORMED)
    damaged_record(file, section, numbered, fault);
  throw_if_failed(status);

  into.rows.reserve(into.rows.size() + survey.sites);
  std::uint64_t offset = 0;
  site found;
  for (;;) {
    switch (reader.read(offset, found, fault)) {
      case read_result::site:
        if ((found.flags & format::site_alias) != 0)
          into.further_names.push_back(found);
        else
          into.rows.push_back({found, {}, 0, {}});
        break;
      case read_result::end:
        return;
      case read_result::fault:
        damaged_record(file, section, numbered, fault);
    }
  }
}

// Linkers sort the records, but gold does not, and nothing sorts those of an
// object file.
void sort_by_address(std::vector<row>& rows)
{
  auto before = [](const row& a, const row& b) {
    return a.where.symbol < b.where.symbol;
  };
  if (!std::is_sorted(rows.begin(), rows.end(), before))
    std::stable_sort(rows.begin(), rows.end(), before);
}

// Statics of a header, or of a source that was compiled twice, have everything
// in common but their addresses.
void count_equal_names(std::vector<row>& rows)
{
  std::map<std::pair<std::string_view, std::string_view>, std::uint32_t> last;
  auto is_static = [](const row& one) {
    return (one.where.flags & format::site_static) != 0;
  };
  for (row& one : rows)
    if (is_static(one))
      one.number = ++last[{one.where.name, one.where.file}];
  for (row& one : rows)
    if (is_static(one) && last[{one.where.name, one.where.file}] == 1)
      one.number = 0;
}

// Numbers of rows by patch word, for those words that have further names.
using row_numbers = std::unordered_map<std::uint64_t, std::size_t>;

void note_rows(const std::vector<row>& rows, row_numbers& numbers)
{
  if (numbers.empty())
    return;
  for (std::size_t i = 0; i < rows.size(); ++i)
    if (auto wanted = numbers.find(rows[i].where.word); wanted != numbers.end())
      wanted->second = i;
}

// Gives each further name to the site with its patch word.  One whose site is
// not there is a site itself: its word is as good as any.
void attach_names(sites_of_image& found, listing& into)
{
  constexpr std::size_t none = SIZE_MAX;
  row_numbers numbers;
  for (const site& other : found.further_names)
    numbers.emplace(other.word, none);
  note_rows(found.rows, numbers);
  std::erase_if(found.further_names, [&](const site& other) {
    std::size_t& number = numbers[other.word];
    if (number != none)
      return false;
    number = found.rows.size();
    found.rows.push_back({other, {}, 0, {}});
    return true;
  });

  into.rows = std::move(found.rows);
  sort_by_address(into.rows);
  count_equal_names(into.rows);
  note_rows(into.rows, numbers);
  for (const site& other : found.further_names)
    into.aliases.push_back({numbers[other.word], other.name, {}});
  std::stable_sort(
      into.aliases.begin(), into.aliases.end(),
      [](const alias& a, const alias& b) { return a.row < b.row; });
}

// "libx.a(parse.o)" -> "parse.o"
std::string member_name(const elf_file& archive, const elf_file& member)
{
  std::string label = member.label();
  label.erase(0, std::string_view(archive.label()).size() + 1);
  label.pop_back();
  return label;
}

// Whether the code of an object file is only made when it is linked.
bool is_unfinished(elf_file& file)
{
  elf_section section;
  for (std::size_t i = 1; i < file.section_count(); ++i)
    if (file.section(i, section) &&
        std::string_view(section.name).starts_with(".gnu.lto_"))
      return true;
  return false;
}

file_content read_archive(std::shared_ptr<elf_file> archive)
{
  file_content found;
  for (;;) {
    // The member goes before the archive, so it holds a share of it.
    auto member = std::shared_ptr<elf_file>(
        new elf_file, [archive](elf_file* file) { delete file; });
    throw_if_failed(archive_members(*archive).next(*member));
    if (!member->is_open())
      return found;
    listing one = read_image(member);
    if (one.rows.empty()) {
      found.unfinished |= is_unfinished(*member);
      continue;
    }
    one.path = archive->label();
    one.member = member_name(*archive, *member);
    found.images.push_back(std::move(one));
  }
}

// A function of which the image has no record has no code there either, if it
// was to have one.
void attach_copies(elf_file& file, listing& into)
{
  if (std::none_of(into.rows.begin(), into.rows.end(), may_have_copies))
    return;
  copy_table table;
  throw_if_failed(table.load(file));
  into.copies_are_known = table.is_known();
  std::unordered_multimap<std::uint32_t, const site*> by_line;
  for (const row& one : into.rows)
    by_line.emplace(one.where.line, &one.where);
  const auto is_there = [&](const copy_holder& holder) {
    const auto [first, last] = by_line.equal_range(holder.of.line);
    return std::any_of(first, last, [&](const auto& entry) {
      return is_same(place_of(*entry.second), holder.of);
    });
  };
  for (row& one : into.rows)
    if (may_have_copies(one))
      table.for_each_holder(place_of(one.where), [&](const copy_holder& each) {
        if (!each.has_site || is_there(each))
          one.copies.push_back(each);
      });
}

}  // namespace

listing read_image(std::shared_ptr<elf_file> file)
{
  auto source = std::make_shared<image_source>();
  source->file = file;
  throw_if_failed(source->image.load(*file));

  sites_of_image found;
  for (std::size_t i = 0; i < source->image.section_count(); ++i)
    read_section(*file, source->image, i, found);

  listing result;
  result.path = file->label();
  result.type = is_pie(*file) ? "executable" : type_word(file->type());
  result.build_id = build_id_text(file->id()).text;
  result.source = source;
  attach_names(found, result);
  attach_copies(*file, result);
  return result;
}

file_content read_file(const std::string& path)
{
  auto file = std::make_shared<elf_file>();
  throw_if_failed(file->open(path.c_str(), elf_file::access::mapped));
  if (file->is_archive())
    return read_archive(file);
  file_content found;
  listing one = read_image(file);
  if (one.rows.empty())
    found.unfinished = is_unfinished(*file);
  else
    found.images.push_back(std::move(one));
  return found;
}

namespace {

// A word and a pad that are read while they change may not belong together;
// then they are read again, but a process that never rests is not waited for.
constexpr int most_tries = 100;

bool has_file(const process_mapping& mapping)
{
  return mapping.executable && mapping.inode != 0 &&
         (mapping.path.starts_with('/') || mapping.is_copy);
}

template <typename T>
std::span<std::uint8_t> bytes_of(T& object)
{
  return {reinterpret_cast<std::uint8_t*>(&object), sizeof object};
}

}  // namespace

live_process::live_process(pid_t pid) : pid_(pid), memory_(pid)
{
  check_process(pid);
  maps_ = read_maps(pid);
}

live_process::image* live_process::image_of(const process_mapping& mapping)
{
  auto known = images_.find(&mapping);
  if (known != images_.end())
    return known->second.get();
  auto& place = images_[&mapping];
  if (auto opened = open_mapped(pid_, mapping, memory_))
    place = std::make_shared<image>(
        image{std::move(opened->file), opened->bias, nullptr});
  return place.get();
}

void live_process::for_each_image(const visitor& show,
                                  const problem_visitor& problem)
{
  // A text segment is several mappings when pages of it have other
  // protections; the same file may also be loaded twice.
  std::set<std::tuple<dev_t, ino_t, std::uint64_t>> done;
  for (const process_mapping& mapping : maps_) {
    if (!has_file(mapping))
      continue;
    try {
      image* loaded = image_of(mapping);
      if (!loaded ||
          !done.emplace(mapping.device, mapping.inode, loaded->bias).second)
        continue;
      listing shown = list_image(mapping, *loaded);
      if (!shown.rows.empty())
        show(shown);
    } catch (const output_error&) {
      throw;
    } catch (const std::exception& failure) {
      problem(mapping.path, failure.what());
    }
  }
}

listing live_process::list_image(const process_mapping& mapping,
                                 const image& loaded)
{
  listing shown = read_image(loaded.file);
  shown.path = mapping.path;
  shown.bias = loaded.bias;
  shown.live.reserve(shown.rows.size());
  for (row& one : shown.rows) {
    one.where.symbol += loaded.bias;
    one.where.word += loaded.bias;
    one.where.end += loaded.bias;
    shown.live.push_back(state_of(one.where));
  }
  return shown;
}

live_state live_process::state_of(const site& where)
{
  live_state live;
  std::uint64_t word = 0;
  if (!memory_.cached(where.word, bytes_of(word)))
    throw tool_error(process_text(pid_) + ": the code of " + where.name +
                     " cannot be read");
  // A pristine word says everything by itself.  Any other is read afresh,
  // because what it leads to has to be of the same moment.
  live.form = decode_word(where, word).form;
  const auto fetch = [this](std::uint64_t address, auto& into) {
    return memory_.fetch(address, bytes_of(into));
  };
  for (int tries = 0; live.form != word_form::pristine; ++tries) {
    std::uint64_t again = 0;
    site_content found;
    if (!read_site(where, fetch, found))
      break;
    word = found.word;
    live.form = found.form;
    live.target = live.form == word_form::pristine ? 0 : found.target;
    if (!fetch(where.word, again) || again == word || tries == most_tries)
      break;
  }
  std::memcpy(live.bytes.data(), &word, sizeof word);
  if (live.form == word_form::near || live.form == word_form::far)
    name_target(live);
  return live;
}

void live_process::name_target(live_state& live)
{
  const process_mapping* mapping = mapping_at(maps_, live.target);
  if (!mapping)
    return;
  live.target_image = mapping->path;
  if (!has_file(*mapping))
    return;
  try {
    image* target = image_of(*mapping);
    if (!target)
      return;
    if (!target->symbols) {
      target->symbols = std::make_unique<elf_symbols>();
      // Without symbols its address and image still say where the site leads.
      if (target->symbols->load(*target->file) != HP_OK)
        target->symbols = std::make_unique<elf_symbols>();
    }
    std::uint64_t address = live.target - target->bias;
    if (const function_symbol* symbol = target->symbols->find(address)) {
      live.target_symbol = symbol->name;
      live.target_offset = address - symbol->address;
    }
  } catch (const tool_error&) {
    // The same holds for an image that cannot be opened.
  }
}

}  // namespace hotpatch::tools
