// Reading files and archives into listings.
//
// SPDX-License-Identifier: MIT
#include "tools/file_sites.h"

#include <unordered_map>
#include <utility>

#include <elf.h>

#include "runtime/elf_image.h"
#include "runtime/record_survey.h"
#include "runtime/status.h"
#include "tools/text.h"
#include "tools/trouble.h"

namespace hotpatch::tools {

namespace {

// The file and what was computed from it: everything that rows point into.
struct image_source {
  std::shared_ptr<elf_file> file;
  elf_image image;
};

void check(hp_status status)
{
  if (status != HP_OK)
    throw trouble(last_message());
}

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
  throw trouble(text);
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
  check(status);

  into.rows.reserve(into.rows.size() + survey.sites);
  std::uint64_t offset = 0;
  site found;
  for (;;) {
    switch (reader.read(offset, found, fault)) {
      case read_result::site:
        if ((found.flags & format::site_alias) != 0)
          into.further_names.push_back(found);
        else
          into.rows.push_back({found, {}});
        break;
      case read_result::end:
        return;
      case read_result::fault:
        damaged_record(file, section, numbered, fault);
    }
  }
}

// Gives each further name to the site with its patch word.  One whose site is
// not there is a site itself: its word is as good as any.
void attach_names(sites_of_image& found, listing& into)
{
  std::unordered_map<std::uint64_t, std::size_t> row_of;
  row_of.reserve(found.further_names.size());
  for (const site& other : found.further_names)
    row_of.emplace(other.word, SIZE_MAX);
  if (!row_of.empty())
    for (std::size_t i = 0; i < found.rows.size(); ++i)
      if (auto wanted = row_of.find(found.rows[i].where.word);
          wanted != row_of.end())
        wanted->second = i;

  into.rows = std::move(found.rows);
  for (const site& other : found.further_names) {
    std::size_t& owner = row_of[other.word];
    if (owner == SIZE_MAX) {
      owner = into.rows.size();
      into.rows.push_back({other, {}});
    } else {
      into.aliases.push_back({owner, other.name, {}});
    }
  }
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

std::vector<listing> read_archive(std::shared_ptr<elf_file> archive)
{
  std::vector<listing> found;
  for (;;) {
    // The member goes before the archive, so it holds a share of it.
    auto member = std::shared_ptr<elf_file>(
        new elf_file, [archive](elf_file* file) { delete file; });
    check(archive->next_member(*member));
    if (!member->is_open())
      return found;
    listing one = read_image(member);
    if (one.rows.empty())
      continue;
    one.path = archive->label();
    one.member = member_name(*archive, *member);
    found.push_back(std::move(one));
  }
}

}  // namespace

std::string hex_text(const build_id& id)
{
  std::string text;
  for (std::size_t i = 0; i < id.size; ++i)
    append_hex(text, id.bytes[i], 2);
  return text;
}

listing read_image(std::shared_ptr<elf_file> file)
{
  auto source = std::make_shared<image_source>();
  source->file = file;
  check(source->image.load(*file));

  sites_of_image found;
  for (std::size_t i = 0; i < source->image.section_count(); ++i)
    read_section(*file, source->image, i, found);

  listing result;
  result.path = file->label();
  result.type = is_pie(*file) ? "executable" : type_word(file->type());
  result.build_id = hex_text(file->id());
  result.source = source;
  attach_names(found, result);
  return result;
}

std::vector<listing> read_file(const std::string& path)
{
  auto file = std::make_shared<elf_file>();
  check(file->open(path.c_str(), elf_file::access::mapped));
  if (file->is_archive())
    return read_archive(file);
  std::vector<listing> found;
  listing one = read_image(file);
  if (!one.rows.empty())
    found.push_back(std::move(one));
  return found;
}

}  // namespace hotpatch::tools
