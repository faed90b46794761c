// One ELF file or archive, opened for reading through libelf.
//
// Owns the descriptor, libelf's handle and the invariant that every offset and
// size taken from the file is checked against the file before bytes are handed
// out.  Files are taken for hostile.  An object is used by one thread at a
// time; failures leave their words in hp_error_message().
//
// SPDX-License-Identifier: MIT
#ifndef HOTPATCH_RUNTIME_ELF_FILE_H
#define HOTPATCH_RUNTIME_ELF_FILE_H

#include <cstddef>
#include <cstdint>

#include "runtime/base/file_descriptor.h"
#include "runtime/include/hotpatch.h"

struct Elf;

namespace hotpatch {

// The GNU build-id: equal exactly if two files come from the same link.
struct build_id {
  static constexpr std::size_t max_size = 64;
  unsigned char bytes[max_size] = {};
  std::size_t size = 0;  // 0: there is none

  [[nodiscard]] bool present() const noexcept { return size != 0; }
  [[nodiscard]] bool operator==(const build_id& other) const noexcept;
};

// Its hexadecimal digits; empty if there is none.
struct build_id_text {
  explicit build_id_text(const build_id& id) noexcept;
  char text[2 * build_id::max_size + 1] = "";
};

// The first build-id in the contents of a note segment or section.  Entries
// begin at multiples of `alignment`, 4 or 8.
[[nodiscard]] build_id find_build_id(const void* notes, std::size_t size,
                                     std::size_t alignment) noexcept;

struct elf_section {
  const char* name = "";  // valid while the file is open
  std::size_t index = 0;
  std::uint64_t address = 0;  // link-time, 0 in object files
  std::uint64_t offset = 0;
  std::uint64_t size = 0;
  std::uint64_t alignment = 0;
  std::uint64_t entry_size = 0;
  std::uint64_t flags = 0;  // SHF_
  std::uint32_t type = 0;   // SHT_
  std::uint32_t link = 0;
  std::uint32_t info = 0;
};

struct elf_segment {
  std::uint32_t type = 0;   // PT_
  std::uint32_t flags = 0;  // PF_
  std::uint64_t address = 0;
  std::uint64_t offset = 0;
  std::uint64_t file_size = 0;
  std::uint64_t memory_size = 0;
  std::uint64_t alignment = 0;
};

class elf_file {
 public:
  enum class access : std::uint8_t {
    mapped,  // fast, but a file that then shrinks kills with SIGBUS
    copied,  // reads what is asked for: for use inside a program
  };

  elf_file() noexcept = default;
  elf_file(const elf_file&) = delete;
  elf_file& operator=(const elf_file&) = delete;
  ~elf_file();

  // HP_UNREADABLE: the file cannot be opened, is no ELF file or archive, or is
  // not for x86-64.  HP_MALFORMED: it is, but it is damaged.
  [[nodiscard]] hp_status open(const char* path, access how) noexcept;

  // The same for bytes in memory, which must outlive this; `label` stands for
  // the path in messages.
  [[nodiscard]] hp_status open_memory(const char* label, const void* bytes,
                                      std::size_t size) noexcept;

  void close() noexcept;

  // An archive has no sections of its own, only members.
  [[nodiscard]] bool is_archive() const noexcept { return archive_; }

  [[nodiscard]] bool is_open() const noexcept { return elf_ != nullptr; }

  // "server", or "libx.a(parse.o)" for a member.
  [[nodiscard]] const char* label() const noexcept { return label_; }

  // -1 for bytes in memory and members of an archive.
  [[nodiscard]] int descriptor() const noexcept { return descriptor_.get(); }

  // ET_REL, ET_EXEC, ET_DYN...
  [[nodiscard]] std::uint16_t type() const noexcept { return type_; }

  [[nodiscard]] std::size_t section_count() const noexcept;
  [[nodiscard]] bool section(std::size_t index, elf_section& into) noexcept;

  // The first section of that name at `index` or after.
  [[nodiscard]] bool find_section(const char* name, std::size_t index,
                                  elf_section& into) noexcept;

  [[nodiscard]] std::size_t segment_count() const noexcept;
  [[nodiscard]] bool segment(std::size_t index, elf_segment& into) noexcept;

  // Of the whole file, in bytes.  Not for access copied.
  [[nodiscard]] std::uint64_t size() noexcept;

  // Bytes of the file, or null if it does not have them.  Not for access
  // copied.
  [[nodiscard]] const unsigned char* contents(std::uint64_t offset,
                                              std::uint64_t size) noexcept;

  // The same with any access: of a file opened with access copied no more is
  // read.  Kept until the file is closed.
  [[nodiscard]] const unsigned char* chunk(std::uint64_t offset,
                                           std::uint64_t size) noexcept;

  // The contents of a section, expanded if the linker has compressed them
  // (SHF_COMPRESSED); null if it has none or they are damaged.  Kept until the
  // file is closed.
  [[nodiscard]] const unsigned char* expanded(const elf_section& which,
                                              std::uint64_t& size) noexcept;

  // Absent if the file has none or it is damaged.
  [[nodiscard]] build_id id() noexcept;

  // The separate file with its symbols (debug_file.h), looked for once; null:
  // there is none.  Open as long as this is.
  [[nodiscard]] elf_file* debug_file() noexcept;

  // Takes the file at `path` for it, wherever it lies, in place of one that was
  // looked for.  The statuses of open(); whether the two belong together is the
  // caller's to find out.
  [[nodiscard]] hp_status use_debug_file(const char* path) noexcept;

 private:
  friend class archive_members;  // sites/object_image.h

  [[nodiscard]] hp_status adopt(Elf* elf, const char* label) noexcept;

  Elf* elf_ = nullptr;
  kept_descriptor descriptor_;
  bool archive_ = false;
  // libelf's way to go on to the next member.  It begins as the archive's own:
  // libelf reads the bytes of a member opened otherwise into memory that
  // elf_end() forgets to free.
  int next_command_ = 0;
  std::uint16_t type_ = 0;
  const unsigned char* raw_ = nullptr;
  std::size_t raw_size_ = 0;
  char label_[512] = "";
  elf_file* debug_ = nullptr;
  bool debug_is_known_ = false;
};

}  // namespace hotpatch

#endif
