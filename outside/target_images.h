// The ELF images of another process, and what is looked up in them.
//
// A snapshot like the list of mappings that it was made from: take another one
// after something was loaded.  One thread at a time.
//
// SPDX-License-Identifier: MIT
#ifndef HOTPATCH_OUTSIDE_TARGET_IMAGES_H
#define HOTPATCH_OUTSIDE_TARGET_IMAGES_H

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <sys/types.h>

#include "processes/maps.h"
#include "runtime/base/deadline.h"
#include "runtime/elf/elf_file.h"

namespace hotpatch::outside {

struct target_image {
  std::string path;  // as the process has it
  std::shared_ptr<elf_file> file;
  std::uint64_t bias = 0;
  std::uint64_t begin = 0;  // of its mappings that have executable code
  std::uint64_t end = 0;

  std::string_view base_name() const;
  bool contains(std::uint64_t address) const
  {
    return address - begin < end - begin;
  }
};

class target_images {
 public:
  // Throws tool_error if there is no such process, or it may not be read.
  explicit target_images(pid_t process);

  pid_t process() const { return process_; }
  const std::vector<process_mapping>& maps() const { return maps_; }
  std::span<const target_image> all() const { return images_; }

  // Null if no code of an image is there.
  const target_image* find(std::uint64_t address) const;

  // The executable itself.
  const target_image* program() const;

  // The dynamic linker; null in a static program.
  const target_image* loader() const;

 private:
  pid_t process_;
  std::vector<process_mapping> maps_;
  std::vector<target_image> images_;
  std::uint64_t loader_base_ = 0;
  ino_t program_inode_ = 0;
};

// A function, or a variable that is not thread-local.
struct exported_symbol {
  std::uint64_t address = 0;  // in the process; 0: there is none
  std::uint64_t size = 0;
};

// Whether this is the name of a C library's file.
bool is_c_library(std::string_view base_name);

// Waits while a process executes a program that it has just begun: in execve(2)
// it has next to no memory, and then its dynamic linker loads what it needs. A
// static program has nothing to wait for.  Throws process_busy at the end of
// the time, tool_error.
void wait_until_started(pid_t process, deadline until);

exported_symbol find_exported(const target_image& image, std::string_view name);

// Calls `take` for each function that others can use, with its name.
void each_exported_function(
    const target_image& image,
    const std::function<void(std::string_view, exported_symbol)>& take);

// The address in the process of the first place in the image's code with these
// bytes; 0: none.
std::uint64_t find_code(const target_image& image,
                        std::span<const std::uint8_t> bytes);

}  // namespace hotpatch::outside

#endif
