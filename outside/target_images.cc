// Images by their mappings; symbols by their dynamic tables.
//
// SPDX-License-Identifier: MIT
#include "outside/target_images.h"

#include <algorithm>
#include <cstring>

#include <elf.h>
#include <sys/stat.h>

#include "processes/errors.h"
#include "processes/maps.h"
#include "processes/memory.h"
#include "processes/proc_file.h"
#include "processes/process_list.h"
#include "runtime/base/countermeasure.h"

namespace hotpatch::outside {

namespace {

// Where the kernel loaded the dynamic linker (getauxval(3), AT_BASE).
std::uint64_t read_loader_base(pid_t process)
{
  return auxiliary_value(process, AT_BASE);
}

std::string_view base_name_of(std::string_view path)
{
  return path.substr(path.rfind('/') + 1);
}

bool same_file(const process_mapping& a, const process_mapping& b)
{
  return a.device == b.device && a.inode == b.inode;
}

}  // namespace

bool is_c_library(std::string_view base_name)
{
  return base_name.starts_with("libc.so") || base_name.starts_with("libc-2") ||
         base_name.starts_with("ld-musl");
}

// The kernel writes the auxiliary vector last.  AT_BASE is 0 in a static
// program, and so it is where the dynamic linker was executed as a program.
void wait_until_started(pid_t process, deadline until)
{
  constexpr std::int64_t pause = 5'000'000;
  for (;;) {
    check_process(process);
    const bool is_executed = auxiliary_value(process, AT_PHDR) != 0;
    const auto maps = read_maps(process);
    const bool has_library =
        std::any_of(maps.begin(), maps.end(), [](const process_mapping& each) {
          return each.executable && is_c_library(base_name_of(each.path));
        });
    if (!HP_COUNTERMEASURE(wait_for_start) ||
        (is_executed && (has_library || read_loader_base(process) == 0)))
      return;
    if (until.passed())
      throw process_busy(
          process_text(process) +
          (is_executed ? " is being started: its dynamic linker has not loaded "
                         "a C library"
                       : " is in execve()"));
    sleep_for(std::min(pause, until.left()));
  }
}

std::string_view target_image::base_name() const
{
  return base_name_of(path);
}

target_images::target_images(pid_t process) : process_(process)
{
  check_process(process);
  maps_ = read_maps(process);
  loader_base_ = read_loader_base(process);
  struct stat executable = {};
  stat(memory_path(process, "/exe").c_str(), &executable);
  program_inode_ = executable.st_ino;
  const process_memory memory(process);
  const process_mapping* last = nullptr;
  for (const process_mapping& mapping : maps_) {
    if (!mapping.executable || mapping.inode == 0 ||
        (!mapping.path.starts_with('/') && !mapping.is_copy))
      continue;
    // Text is several mappings when pages of it have other protections.
    if (last != nullptr && same_file(*last, mapping) && !images_.empty() &&
        mapping.begin - mapping.offset == last->begin - last->offset) {
      images_.back().end = mapping.end;
      continue;
    }
    try {
      if (auto opened = open_mapped(process, mapping, memory)) {
        images_.push_back({mapping.path, std::move(opened->file), opened->bias,
                           mapping.begin, mapping.end});
        last = &mapping;
      }
    } catch (const tool_error&) {
      // An image that cannot be looked at has nothing to offer.
    }
  }
}

const target_image* target_images::find(std::uint64_t address) const
{
  for (const target_image& image : images_)
    if (image.contains(address))
      return &image;
  return nullptr;
}

// The device's number in a mapping need not be the one that stat(2) gives.
const target_image* target_images::program() const
{
  for (const target_image& image : images_)
    if (mapping_at(maps_, image.begin)->inode == program_inode_)
      return &image;
  return nullptr;
}

const target_image* target_images::loader() const
{
  if (loader_base_ == 0)
    return nullptr;
  const process_mapping* base = mapping_at(maps_, loader_base_);
  if (base == nullptr)
    return nullptr;
  for (const target_image& image : images_) {
    const process_mapping* code = mapping_at(maps_, image.begin);
    if (code != nullptr && same_file(*code, *base))
      return &image;
  }
  return nullptr;
}

exported_symbol find_exported(const target_image& image, std::string_view name)
{
  elf_file& file = *image.file;
  elf_section table, strings;
  if (!file.find_section(".dynsym", 0, table) ||
      !file.section(table.link, strings))
    return {};
  const unsigned char* symbols = file.contents(table.offset, table.size);
  const unsigned char* texts = file.contents(strings.offset, strings.size);
  if (symbols == nullptr || texts == nullptr)
    return {};
  const auto has_name = [&](const Elf64_Sym& symbol) {
    const std::uint64_t at = symbol.st_name;
    return at < strings.size && strings.size - at > name.size() &&
           texts[at + name.size()] == '\0' &&
           std::memcmp(texts + at, name.data(), name.size()) == 0;
  };
  for (std::uint64_t at = 0; at + sizeof(Elf64_Sym) <= table.size;
       at += sizeof(Elf64_Sym)) {
    Elf64_Sym symbol;
    std::memcpy(&symbol, symbols + at, sizeof symbol);
    if (symbol.st_shndx != SHN_UNDEF &&
        ELF64_ST_TYPE(symbol.st_info) != STT_TLS && has_name(symbol))
      return {symbol.st_value + image.bias, symbol.st_size};
  }
  return {};
}

void each_exported_function(
    const target_image& image,
    const std::function<void(std::string_view, exported_symbol)>& take)
{
  elf_file& file = *image.file;
  elf_section table, strings;
  if (!file.find_section(".dynsym", 0, table) ||
      !file.section(table.link, strings))
    return;
  const unsigned char* symbols = file.contents(table.offset, table.size);
  const unsigned char* texts = file.contents(strings.offset, strings.size);
  if (symbols == nullptr || texts == nullptr)
    return;
  for (std::uint64_t at = 0; at + sizeof(Elf64_Sym) <= table.size;
       at += sizeof(Elf64_Sym)) {
    Elf64_Sym symbol;
    std::memcpy(&symbol, symbols + at, sizeof symbol);
    const auto type = ELF64_ST_TYPE(symbol.st_info);
    if (symbol.st_shndx == SHN_UNDEF || symbol.st_name >= strings.size ||
        (type != STT_FUNC && type != STT_GNU_IFUNC))
      continue;
    const auto* name = reinterpret_cast<const char*>(texts) + symbol.st_name;
    take({name, strnlen(name, strings.size - symbol.st_name)},
         {symbol.st_value + image.bias, symbol.st_size});
  }
}

std::uint64_t find_code(const target_image& image,
                        std::span<const std::uint8_t> bytes)
{
  elf_segment segment;
  for (std::size_t i = 0; i < image.file->segment_count(); ++i) {
    if (!image.file->segment(i, segment) || segment.type != PT_LOAD ||
        (segment.flags & PF_X) == 0)
      continue;
    const unsigned char* code =
        image.file->contents(segment.offset, segment.file_size);
    if (code == nullptr)
      continue;
    const void* found =
        memmem(code, segment.file_size, bytes.data(), bytes.size());
    if (found != nullptr)
      return segment.address + image.bias +
             static_cast<std::uint64_t>(
                 static_cast<const unsigned char*>(found) - code);
  }
  return 0;
}

}  // namespace hotpatch::outside
