// Reading the records of every image.
//
// SPDX-License-Identifier: MIT
#include "outside/target_program.h"

#include <algorithm>

#include "format/patch_record.h"
#include "processes/trouble.h"
#include "runtime/sites/record_survey.h"

namespace hotpatch::outside {

namespace {

// The program's thread-local storage is the first, if it has any: "ELF Handling
// For Thread-Local Storage", section 3.  A shared object's number only the
// dynamic linker knows.
constexpr std::uint64_t programs_tls_module = 1;

}  // namespace

target_program::target_program(const target_images& images)
{
  for (const target_image& where : images.all()) {
    program_image image;
    image.path = where.path.c_str();
    image.file = where.file.get();
    image.base = where.bias;
    image.sites_base = where.bias;
    image.is_program = &where == images.program();
    image.tls_module = image.is_program ? programs_tls_module : 0;
    elf_section records;
    image.is_patch =
        where.file->find_section(format::patch_section_name, 0, records);
    auto content = std::make_unique<elf_image>();
    if (content->load(*where.file) == HP_OK && content->section_count() != 0) {
      record_reader reader(content->view(), content->section(0));
      record_survey survey;
      record_fault fault;
      if (survey_records(reader, survey, fault) == HP_MALFORMED)
        throw trouble(where.path + ": .hotpatch is damaged: record " +
                      std::to_string(fault.record) + ": " + fault.field + ": " +
                      fault.reason);
      image.view = content->view();
      image.sites = content->section(0);
    }
    contents_.push_back(std::move(content));
    images_.push_back(image);
  }
  std::stable_partition(images_.begin(), images_.end(),
                        [](const program_image& a) { return a.is_program; });
}

}  // namespace hotpatch::outside
