// Where copies of functions were inlined: an image's section .hotpatch.copies,
// as format/README.md says.
//
// Owns the rule by which a function is recognised (symbol and place; the bodies
// of a constructor or destructor are one function), and the invariant that
// every text it hands out ends inside the section.  Refers to the file, which
// must stay open, or to its debug file, which is open as long.  The bytes are
// taken for hostile.  Used by one thread at a time.
//
// SPDX-License-Identifier: MIT
#ifndef HOTPATCH_RUNTIME_COPY_TABLE_H
#define HOTPATCH_RUNTIME_COPY_TABLE_H

#include <cstdint>
#include <string_view>

#include "runtime/base/array.h"
#include "runtime/elf/elf_file.h"
#include "runtime/sites/site.h"

namespace hotpatch {

// A function as the section names it.
struct copy_place {
  std::string_view symbol;  // assembler name
  std::string_view file;    // source file, as the compiler was told
  std::uint32_t line = 0;
};

// Whether they are the same function.
[[nodiscard]] bool is_same(const copy_place& a, const copy_place& b) noexcept;

// The function that a site is of.
[[nodiscard]] copy_place place_of(const site& where) noexcept;

// One function that contains copies of another one.
struct copy_holder {
  copy_place of;
  std::uint32_t count = 0;  // of copies
  // Without a site it can never be replaced.  With one that the image does not
  // have, the linker has dropped it.
  bool has_site = true;
};

class copy_table {
 public:
  // Looks in the file and, where that has lost the section, in its debug file.
  // HP_OK also if it is to be found in neither (is_known()).  HP_MALFORMED,
  // HP_NO_MEMORY.
  [[nodiscard]] hp_status load(elf_file& file) noexcept;

  // False: nothing is known of copies in this image.
  [[nodiscard]] bool is_known() const noexcept { return known_; }

  // Calls `visit(const copy_holder&)` for each function that contains copies of
  // `which`.
  template <typename Visit>
  void for_each_holder(const copy_place& which, Visit visit) const noexcept
  {
    for (std::size_t i = first_at(which); i < functions_.size(); ++i) {
      const copied_function& each = functions_[i];
      if (each.of.line != which.line)
        return;
      if (is_same(each.of, which))
        for (std::size_t j = 0; j < each.count; ++j)
          visit(holders_[each.first + j]);
    }
  }

 private:
  struct copied_function {
    copy_place of;
    std::size_t first = 0;  // of its holders
    std::size_t count = 0;
  };

  [[nodiscard]] hp_status parse(const elf_file& file,
                                std::string_view texts) noexcept;
  [[nodiscard]] bool add(std::string_view text, bool& enough) noexcept;
  [[nodiscard]] std::size_t first_at(const copy_place& which) const noexcept;

  array<copied_function> functions_;  // by line
  array<copy_holder> holders_;
  bool known_ = false;
};

}  // namespace hotpatch

#endif
