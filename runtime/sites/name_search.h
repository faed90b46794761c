// One search for a name through the loaded images: what matched, what was
// looked at, and the words for a search that did not end with one site.
//
// Lives for one call, under the library's lock and with the loader held.
//
// SPDX-License-Identifier: MIT
#ifndef HOTPATCH_RUNTIME_NAME_SEARCH_H
#define HOTPATCH_RUNTIME_NAME_SEARCH_H

#include "runtime/sites/images.h"
#include "runtime/sites/name_query.h"
#include "runtime/sites/process_sites.h"

namespace hotpatch {

class name_search {
 public:
  name_search(const char* name, images& where) noexcept
      : text_(name), query_(name), images_(where)
  {
  }

  // See process_sites::find, and process_sites::find_all_held.
  [[nodiscard]] hp_status run(located_site& found) noexcept;
  [[nodiscard]] hp_status run_all(array<located_site>& found) noexcept;

 private:
  static constexpr std::size_t max_listed = 8;

  [[nodiscard]] hp_status match() noexcept;
  [[nodiscard]] bool prepare_images() noexcept;
  void match_assembler_names() noexcept;
  void match_other_names(bool deleting) noexcept;
  void choose_number() noexcept;
  void find_similar() noexcept;
  void add(const loaded_image& image, const site& match) noexcept;
  [[nodiscard]] std::uint32_t number_of(const located_site& which,
                                        bool& is_alone) noexcept;
  [[nodiscard]] hp_status ambiguous() noexcept;
  [[nodiscard]] hp_status not_found() noexcept;

  // Calls `look(image, reader)` for every readable image that the query
  // accepts, while it returns true.
  template <typename Look>
  void each_image(Look look) noexcept;

  const char* text_;
  name_query query_;
  images& images_;

  array<located_site> matches_;
  bool out_of_memory_ = false;

  std::size_t image_count_ = 0;  // that have sites and were searched
  std::size_t site_count_ = 0;
  bool image_accepted_ = false;
  hp_status image_status_ =
      HP_OK;  // with an image that might have had the site
  const char* image_reason_ = "";
};

}  // namespace hotpatch

#endif
