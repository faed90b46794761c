// Reads a patch object and its program with every byte of the tables damaged,
// one after the other: the checks refuse it or take it, but do not crash, and
// never ask for a store outside of the object's data.
//
//   damage PROGRAM PATCH.so
//
// SPDX-License-Identifier: MIT
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include <elf.h>
#include <sys/mman.h>
#include <unistd.h>

#include "runtime/objects/import_stores.h"
#include "runtime/objects/patch_check.h"
#include "runtime/sites/elf_image.h"
#include "testsuite/lib/tap.h"

namespace {

using namespace hotpatch;
using bytes = std::vector<unsigned char>;

constexpr std::uint64_t program_base = 0x555500000000;
constexpr std::uint64_t patch_base = 0x7fff00000000;

bytes read_whole(const char* path)
{
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

struct place {
  std::size_t offset;
  std::size_t size;
};

// The named sections' bytes, and all headers.
std::vector<place> tables_of(const bytes& file,
                             const std::vector<std::string>& names)
{
  Elf64_Ehdr header;
  std::memcpy(&header, file.data(), sizeof header);
  std::vector<place> found = {
      {0, sizeof header},
      {header.e_phoff, header.e_phnum * sizeof(Elf64_Phdr)},
      {header.e_shoff, header.e_shnum * sizeof(Elf64_Shdr)}};
  elf_file elf;
  if (elf.open_memory("the file", file.data(), file.size()) != HP_OK)
    return {};
  elf_section section;
  for (const std::string& name : names)
    if (elf.find_section(name.c_str(), 0, section))
      found.push_back({section.offset, section.size});
  return found;
}

// A file that has no name.
class nameless_file {
 public:
  explicit nameless_file(const bytes& contents)
      : number_(memfd_create("damaged", MFD_CLOEXEC))
  {
    if (write(number_, contents.data(), contents.size()) !=
        static_cast<ssize_t>(contents.size()))
      std::exit(99);
    path_ = "/proc/self/fd/" + std::to_string(number_);
  }
  nameless_file(const nameless_file&) = delete;
  nameless_file& operator=(const nameless_file&) = delete;
  ~nameless_file() { close(number_); }

  const char* path() const { return path_.c_str(); }
  void put(std::size_t at, unsigned char value) const
  {
    if (pwrite(number_, &value, 1, static_cast<off_t>(at)) != 1)
      std::exit(99);
  }

 private:
  int number_;
  std::string path_;
};

struct verdict {
  hp_status status = HP_OK;
  bool sound = true;  // every store lies in the object's data
};

bool in_data(elf_file& elf, std::uint64_t address)
{
  elf_segment segment;
  for (std::size_t i = 0; i < elf.segment_count(); ++i)
    if (elf.segment(i, segment) && segment.type == PT_LOAD &&
        (segment.flags & PF_W) && address >= segment.address &&
        address - segment.address + 8 <= segment.memory_size)
      return true;
  return false;
}

verdict check(const char* program_path, const char* patch_path)
{
  verdict result;
  elf_file program_file;
  elf_image program_memory;
  result.status = program_file.open(program_path, elf_file::access::mapped);
  if (result.status == HP_OK)
    result.status = program_memory.load(program_file);
  if (result.status != HP_OK)
    return result;
  program_image image;
  image.path = program_path;
  image.file = &program_file;
  image.base = image.sites_base = program_base;
  image.view = program_memory.view();
  if (program_memory.section_count() != 0)
    image.sites = program_memory.section(0);
  image.tls_module = 1;
  image.is_program = true;

  patch_file patch;
  checked_patch checked;
  check_report report;
  result.status = patch.open(patch_path);
  if (result.status == HP_OK)
    result.status = check_patch(patch, {&image, 1}, checked, report);
  if (result.status == HP_OK)
    result.status = report.result();
  if (result.status != HP_OK)
    return result;
  array<import_store> stores;
  const slot_reader zeros = {[](std::uint64_t, std::uint64_t& value, void*) {
                               value = 0;
                               return true;
                             },
                             nullptr};
  result.status = plan_import_stores(
      patch.elf(), patch_base, {checked.imports.data(), checked.imports.size()},
      zeros, stores);
  for (const import_store& each : stores)
    result.sound =
        result.sound && in_data(patch.elf(), each.address - patch_base);
  return result;
}

// Damages `victim`; `look` reads it.
template <typename Look>
void damage_all(const char* what, const bytes& whole,
                const std::vector<place>& places, const nameless_file& victim,
                Look look)
{
  long refused = 0;
  long taken = 0;
  bool sound = true;
  for (const place& each : places)
    for (std::size_t at = each.offset;
         at < each.offset + each.size && at < whole.size(); ++at)
      for (const unsigned flips : {0xffu, 0x01u, 0x80u}) {
        victim.put(at, static_cast<unsigned char>(whole[at] ^ flips));
        const verdict result = look();
        victim.put(at, whole[at]);
        ++(result.status == HP_OK ? taken : refused);
        sound = sound && result.sound;
      }
  std::printf("# %s: %ld refused, %ld taken\n", what, refused, taken);
  OK(sound && refused > 0, what);
}

}  // namespace

int main(int argc, char** argv)
{
  if (argc != 3)
    return 99;
  const bytes program = read_whole(argv[1]);
  const bytes patch = read_whole(argv[2]);
  OK(check(argv[1], argv[2]).status == HP_OK, "the whole files fit");

  const nameless_file bad_patch(patch);
  damage_all("a damaged patch object", patch,
             tables_of(patch, {".hotpatch.patch", ".hotpatch.str",
                               ".hotpatch.types", ".dynsym", ".dynstr",
                               ".rela.dyn", ".rela.plt", ".symtab"}),
             bad_patch, [&] { return check(argv[1], bad_patch.path()); });
  const nameless_file bad_program(program);
  damage_all("a damaged program", program,
             tables_of(program, {".hotpatch.types", ".hotpatch", ".symtab"}),
             bad_program, [&] { return check(bad_program.path(), argv[2]); });

  // A file that is still being written.
  long refused = 0;
  for (std::size_t size = 0; size < patch.size(); size += 64) {
    const nameless_file part(
        bytes(patch.begin(), patch.begin() + static_cast<long>(size)));
    refused += check(argv[1], part.path()).status != HP_OK;
  }
  OK(refused > 0, "a patch object that is cut off");
  return done_testing();
}
