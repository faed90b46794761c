// Prints what the reader makes of files: per file or archive member one line
// with the number of sites, then each site, or the error.
//
// SPDX-License-Identifier: MIT
#include <cstdio>

#include "runtime/base/status.h"
#include "runtime/sites/object_image.h"
#include "runtime/sites/record_reader.h"

using namespace hotpatch;

namespace {

// A label may end in a path; only its last component is the same everywhere.
const char* last_component(const char* path)
{
  const char* last = path;
  for (; *path != '\0'; ++path)
    last = *path == '/' ? path + 1 : last;
  return last;
}

void print_fault(const record_fault& fault)
{
  std::printf("record %llu: %s %s\n",
              static_cast<unsigned long long>(fault.record), fault.field,
              fault.reason);
}

bool print_site(const site& found, std::uint64_t, void*)
{
  std::printf("%s %s:%u %s size %llu\n", found.name, found.file, found.line,
              found.prototype,
              static_cast<unsigned long long>(found.end - found.symbol));
  return true;
}

void dump_object(elf_file& file)
{
  object_image image;
  if (image.load(file) != HP_OK) {
    std::printf("%s\n", last_component(last_message()));
    return;
  }
  std::printf("%s: %zu sections\n", last_component(file.label()),
              image.section_count());
  for (std::size_t i = 0; i < image.section_count(); ++i) {
    record_reader reader(image.view(), image.section(i));
    record_survey survey;
    record_fault fault;
    if (survey_records(reader, survey, fault, print_site, nullptr) != HP_OK)
      print_fault(fault);
  }
}

void dump(const char* path)
{
  elf_file file;
  elf_file member;
  hp_status status = file.open(path, elf_file::access::mapped);
  if (status == HP_OK && !file.is_archive()) {
    dump_object(file);
    return;
  }
  while (status == HP_OK) {
    status = archive_members(file).next(member);
    if (status == HP_OK && !member.is_open())
      return;
    if (status == HP_OK)
      dump_object(member);
  }
  std::printf("status %d: %s\n", status, last_component(last_message()));
}

}  // namespace

int main(int count, char** arguments)
{
  for (int i = 1; i < count; ++i)
    dump(arguments[i]);
  return 0;
}
