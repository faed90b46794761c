// Functions without a site that were asked for, and how their entries change.
//
// Owns the rule that an entry is made only for a function that the analysis of
// its image's file allows (libhotpatch-unprepared), whose bytes in memory are
// those of the file, and that no two entries write to the same word or to the
// same dead bytes.  An entry is made once and kept: threads may be in its code
// at any time.
//
// Used under the library's lock, except prepare(), which reads files and loads
// libraries.
//
// SPDX-License-Identifier: MIT
#ifndef HOTPATCH_RUNTIME_UNPREPARED_FUNCTIONS_H
#define HOTPATCH_RUNTIME_UNPREPARED_FUNCTIONS_H

#include <cstdint>
#include <span>

#include "runtime/base/array.h"
#include "runtime/elf/elf_file.h"
#include "runtime/sites/process_sites.h"
#include "runtime/text/near_memory.h"
#include "runtime/text/text_writer.h"
#include "runtime/unprepared/analysis_library.h"

namespace hotpatch {

class loaded_program;

class unprepared_functions {
 public:
  constexpr unprepared_functions() noexcept = default;

  // Looks for the functions of these names in all images, unless they have
  // sites or are known.  Takes and gives back the library's lock.  HP_OK:
  // find() finds it, or there is a site of that name.  HP_NOT_FOUND,
  // HP_AMBIGUOUS, HP_UNSUPPORTED with the reason against it, HP_FOREIGN,
  // HP_UNREADABLE, HP_MALFORMED, HP_NO_MEMORY, HP_DENIED.
  [[nodiscard]] static hp_status prepare(
      std::span<const char* const> names) noexcept;

  // One that was prepared and whose image is loaded.
  [[nodiscard]] bool find(process_sites& sites, const char* name,
                          located_site& into) const noexcept;

 private:
  struct known_function;
  struct known_object;
  // Where a function was found.
  struct place {
    const char* path;
    std::uint64_t base;
  };

  [[nodiscard]] static hp_status prepare_one(const char* name,
                                             loaded_program& program,
                                             bool& is_taken) noexcept;
  [[nodiscard]] hp_status add(process_sites& sites, text_writer& writer,
                              const char* asked, const place& image,
                              const unprepared_function& found) noexcept;
  [[nodiscard]] hp_status make_entry(text_writer& writer,
                                     unprepared_function found,
                                     std::uint64_t base, site& into) noexcept;
  [[nodiscard]] hp_status make_code(text_writer& writer,
                                    const unprepared_function& found,
                                    std::uint64_t base, const site& where,
                                    entry_code& into) noexcept;
  [[nodiscard]] hp_status find_pad(const unprepared_function& found,
                                   std::uint64_t base, const site& where,
                                   entry_code& into) const noexcept;
  [[nodiscard]] const known_function* in_the_way(
      std::uint64_t word, const entry_code& entry) const noexcept;
  [[nodiscard]] known_object* object_of(const build_id& id) noexcept;

  array<known_function*> known_;
  array<known_object*> objects_;
  near_code code_;
  near_memory cells_;
};

}  // namespace hotpatch

#endif
