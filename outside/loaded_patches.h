// What a process has: its images, the sites in them, and the patch objects that
// it has loaded.
//
// A snapshot, as its parts are: refresh() takes another one, after something
// was loaded or changed, and ends the life of every loaded_patch handed out
// before. From the thread that traces.
//
// SPDX-License-Identifier: MIT
#ifndef HOTPATCH_OUTSIDE_LOADED_PATCHES_H
#define HOTPATCH_OUTSIDE_LOADED_PATCHES_H

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "outside/patch_object.h"
#include "outside/target_images.h"
#include "outside/target_memory.h"
#include "runtime/objects/patch_check.h"
#include "runtime/objects/program_image.h"
#include "runtime/sites/elf_image.h"

namespace hotpatch::outside {

// What a process was made of, as checks and resolution of imports see it: its
// images with their sites, the program first.
//
// Owns what the images' views refer to.  Refers to the target_images.
class target_program {
 public:
  explicit target_program(const target_images& images);

  std::span<program_image> images() { return images_; }
  // Why sites of images cannot be read, a line each.
  const std::vector<std::string>& troubles() const { return troubles_; }

 private:
  std::vector<std::unique_ptr<elf_image>> contents_;
  std::vector<program_image> images_;
  std::vector<std::string> troubles_;
};

// A patch object that the process has, and the sites that it concerns.
struct loaded_patch {
  std::unique_ptr<patch_object> object;
  format::patch_state state;
  std::vector<site> sites;                // word 0: there is none
  std::vector<std::size_t> replacements;  // of the sites, by number
  // The note in its state says that it is applied, but a function that it
  // replaces has no site any more, or one that leads to something older: the
  // module was unloaded, and perhaps loaded again.
  bool lost = false;

  bool is_applied() const { return is_noted_applied() && !lost; }
  bool is_noted_applied() const
  {
    return state.phase ==
           static_cast<std::uint32_t>(format::patch_phase::applied);
  }

  // Nothing of it is active, and nothing can be done about it.
  bool is_left_for_good() const
  {
    return state.phase ==
               static_cast<std::uint32_t>(format::patch_phase::loaded) &&
           (state.flags & format::state_stays) != 0;
  }

  // By the library in the process, which must not be circumvented.
  bool is_programs_own() const { return state.phase != 0 && state.agent == 0; }

  // Where the replacement of sites[index] begins in the process.
  std::uint64_t code(std::size_t index) const
  {
    return object->contents().replacements[replacements[index]].code +
           object->bias;
  }
};

class loaded_patches {
 public:
  // Throws tool_error if the process cannot be read.
  loaded_patches(pid_t process, target_memory& memory);

  void refresh();

  // What is not as refresh() saw it: the images, or what a patch object says of
  // itself.  Empty: nothing.  Cheap enough for while the process stands.
  std::string changed_since_look() const;

  const target_images& images() const { return *images_; }

  // What is damaged in the process, a line each: functions of such an image
  // cannot be replaced, and such a patch is not known.
  std::vector<std::string> damages() const;
  std::span<const loaded_patch> all() const { return patches_; }

  // The newest of that name; null if there is none.
  const loaded_patch* find_name(const std::string& name) const;
  const loaded_patch* find_bias(std::uint64_t bias) const;

  std::uint64_t newest_sequence() const;

  // Whether a patch object fits the program.  Throws tool_error with all that
  // is wrong, a line each.  With `copies_left`, copies that were inlined into
  // other functions may stay there, and it gets what is to be said of them.
  checked_patch check_object(patch_object& file,
                             std::string* copies_left) const;

  // Throws tool_error if another patch that it needs is not applied.
  void check_needs(const patch_object& patch) const;

  // Throws tool_error if an applied patch needs the one of that name.
  void check_unneeded(const std::string& name) const;

 private:
  void find_sites(loaded_patch& patch) const;
  site site_that_leads_to(std::uint64_t code,
                          const patch_replacement& by) const;
  void find_lost(loaded_patch& patch);
  bool leads_to_older(std::uint64_t active, const loaded_patch& patch,
                      const site& where) const;

  pid_t process_;
  target_memory& memory_;
  std::unique_ptr<target_images> images_;
  std::unique_ptr<target_program> program_;
  std::vector<loaded_patch> patches_;
  std::vector<std::string> unknown_;  // why patch objects are not in patches_
};

}  // namespace hotpatch::outside

#endif
