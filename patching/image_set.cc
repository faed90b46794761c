// Opening images and what they need, and asking them.
//
// SPDX-License-Identifier: MIT
#include "patching/image_set.h"

#include <algorithm>
#include <cstring>
#include <filesystem>

#include <elf.h>
#include <sys/mman.h>
#include <unistd.h>

#include "format/patch_record.h"
#include "patching/child_commands.h"
#include "patching/source_tree.h"
#include "processes/errors.h"
#include "runtime/base/file_descriptor.h"
#include "runtime/elf/symbol_table.h"
#include "runtime/objects/check_report.h"
#include "runtime/objects/patch_check.h"

namespace hotpatch::patching {

namespace {

bool is_executable(elf_file& file)
{
  elf_segment segment;
  for (std::size_t i = 0; i < file.segment_count(); ++i)
    if (file.segment(i, segment) && segment.type == PT_INTERP)
      return true;
  return file.type() == ET_EXEC;
}

std::string directory_of(const std::string& path)
{
  std::error_code error;
  return std::filesystem::canonical(path, error).parent_path();
}

void add_directories(std::vector<std::string>& into, std::string list,
                     const std::string& origin)
{
  list += ':';
  std::size_t at = 0;
  for (std::size_t end; (end = list.find(':', at)) != std::string::npos;
       at = end + 1) {
    std::string each = list.substr(at, end - at);
    for (const char* const word : {"$ORIGIN", "${ORIGIN}"})
      if (const std::size_t found = each.find(word); found != each.npos)
        each.replace(found, std::strlen(word), origin);
    if (!each.empty())
      into.push_back(each);
  }
}

// Where the compiler's linker would find it.
std::string ask_driver(const std::string& driver, const std::string& name)
{
  const file_descriptor said(memfd_create("said", 0));
  const std::string log = "/proc/self/fd/" + std::to_string(said.get());
  if (!said ||
      run_command({{driver, "-print-file-name=" + name}, "", {}, log}) != 0)
    return "";
  std::string path = read_whole_file(log).value_or("");
  path.erase(std::min(path.find('\n'), path.size()));
  return path.starts_with('/') ? path : "";
}

std::string find_library(const std::string& name,
                         const std::vector<std::string>& directories,
                         const std::string& driver)
{
  for (const std::string& each : directories)
    if (access((each + "/" + name).c_str(), R_OK) == 0)
      return each + "/" + name;
  return ask_driver(driver, name);
}

}  // namespace

needed_libraries read_needed(elf_file& file)
{
  needed_libraries found;
  elf_section table, strings;
  for (std::size_t i = 0; i < file.section_count(); ++i) {
    if (!file.section(i, table) || table.type != SHT_DYNAMIC ||
        !file.section(table.link, strings))
      continue;
    const unsigned char* const entries = file.chunk(table.offset, table.size);
    const unsigned char* const texts = file.chunk(strings.offset, strings.size);
    if (entries == nullptr || texts == nullptr || strings.size == 0 ||
        texts[strings.size - 1] != '\0')
      continue;
    for (std::size_t k = 0; k < table.size / sizeof(Elf64_Dyn); ++k) {
      Elf64_Dyn entry;
      std::memcpy(&entry, entries + k * sizeof entry, sizeof entry);
      if (entry.d_tag == DT_NULL)
        break;
      if (entry.d_un.d_val >= strings.size)
        continue;
      const std::string text =
          reinterpret_cast<const char*>(texts) + entry.d_un.d_val;
      if (entry.d_tag == DT_NEEDED)
        found.names.push_back(text);
      else if (entry.d_tag == DT_RUNPATH || entry.d_tag == DT_RPATH)
        add_directories(found.directories, text, directory_of(file.label()));
    }
  }
  return found;
}

image_set::image_set(std::span<const baseline_image> images, std::size_t which,
                     const std::string& driver)
{
  add(images[which].path, images[which].file, true);
  for (std::size_t i = 0; i < images.size(); ++i)
    if (i != which)
      add(images[i].path, images[i].file, false);
  add_needed(images, driver);
  // The paths do not move any more.
  for (std::size_t i = 0; i < all_.size(); ++i)
    all_[i].path = paths_[i].c_str();
}

void image_set::add(const std::string& path, std::shared_ptr<elf_file> file,
                    bool is_itself)
{
  program_image image;
  image.file = file.get();
  image.is_program = is_itself && is_executable(*file);
  // Any number: which the dynamic linker gives them is not known, and that they
  // have one is enough.
  image.tls_module = all_.size() + 1;
  elf_section records;
  image.is_patch = file->find_section(format::patch_section_name, 0, records);
  auto content = std::make_unique<elf_image>();
  throw_if_failed(content->load(*file));
  if (content->section_count() != 0) {
    image.view = content->view();
    image.sites = content->section(0);
  }
  for (const auto kind :
       {symbol_table::kind::best, symbol_table::kind::dynamic}) {
    symbol_table table;
    throw_if_failed(table.load(*file, kind));
    table.for_each([this](const symbol& each) {
      const std::string_view name = each.name;
      symbols_.insert(name.substr(0, name.find('@')));
      return true;
    });
    if (is_itself)
      table.for_each_undefined([this](const char* name) {
        const std::string_view text = name;
        undefined_.emplace(text.substr(0, text.find('@')));
        symbols_.insert(text.substr(0, text.find('@')));
      });
  }
  image.for_each_site([this](const site& each) {
    symbols_.insert(each.name);
    return true;
  });
  files_.push_back(std::move(file));
  paths_.push_back(path);
  contents_.push_back(std::move(content));
  all_.push_back(image);
}

// And what these need.  One that cannot be found is not known: what it would
// have, the image itself leaves undefined, or nothing is said of it.
void image_set::add_needed(std::span<const baseline_image> images,
                           const std::string& driver)
{
  constexpr std::size_t most = 200;
  std::set<std::string> seen;
  for (const baseline_image& each : images)
    seen.insert(each.path.substr(each.path.rfind('/') + 1));
  for (std::size_t i = 0; i < files_.size() && i < most; ++i) {
    const needed_libraries needed = read_needed(*files_[i]);
    for (const std::string& name : needed.names) {
      if (!seen.insert(name).second)
        continue;
      const std::string path = find_library(name, needed.directories, driver);
      auto file = std::make_shared<elf_file>();
      if (path.empty() ||
          file->open(path.c_str(), elf_file::access::mapped) != HP_OK ||
          file->is_archive() || file->type() != ET_DYN) {
        is_whole_ = false;
        continue;
      }
      if (i == 0)
        libraries_.push_back(path);
      add(path, std::move(file), false);
    }
  }
}

std::set<std::string> image_set::undefined(patch_file& patch) const
{
  std::set<std::string> imported, missing;
  if (!is_whole_)
    return missing;
  for (const patch_import& each : patch.contents().imports)
    if (!each.named)
      imported.insert(each.symbol);
  elf_section table, strings;
  if (!patch.elf().find_section(".dynsym", 0, table) ||
      !patch.elf().section(table.link, strings))
    return missing;
  const unsigned char* const entries =
      patch.elf().chunk(table.offset, table.size);
  const unsigned char* const texts =
      patch.elf().chunk(strings.offset, strings.size);
  if (entries == nullptr || texts == nullptr || strings.size == 0 ||
      texts[strings.size - 1] != '\0')
    throw tool_error(std::string(patch.label()) + ": .dynsym is damaged");
  for (std::uint64_t at = 0; at + sizeof(Elf64_Sym) <= table.size;
       at += sizeof(Elf64_Sym)) {
    Elf64_Sym entry;
    std::memcpy(&entry, entries + at, sizeof entry);
    if (entry.st_shndx != SHN_UNDEF || entry.st_name == 0 ||
        entry.st_name >= strings.size)
      continue;
    const std::string name =
        reinterpret_cast<const char*>(texts) + entry.st_name;
    const bool is_wanted =
        ELF64_ST_BIND(entry.st_info) != STB_WEAK || imported.count(name) != 0;
    if (is_wanted && !has(name))
      missing.insert(name);
  }
  return missing;
}

std::vector<std::string> image_set::objections(patch_file& patch)
{
  struct findings {
    const std::set<std::string, std::less<>>& elsewhere;
    std::vector<std::string> texts;
  } found{undefined_, {}};
  check_report report(
      [](hp_status status, const char* message, void* data) {
        auto& into = *static_cast<findings*>(data);
        const std::string text = message;
        // What the image gets from where no file says, as a module does from
        // the program that loads it.
        const bool is_elsewhere =
            status == HP_NOT_FOUND &&
            std::any_of(into.elsewhere.begin(), into.elsewhere.end(),
                        [&](const std::string& name) {
                          return text.find(": " + name + " ") != text.npos ||
                                 text.find('"' + name + '"') != text.npos;
                        });
        if (status != HP_OK && !is_elsewhere)
          into.texts.push_back(text);
      },
      &found);
  checked_patch checked;
  throw_if_failed(check_patch(patch, all_, checked, report));
  return found.texts;
}

}  // namespace hotpatch::patching
