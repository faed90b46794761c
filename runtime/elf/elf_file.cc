// Opening ELF files and archives, and their headers.
// SPDX-License-Identifier: MIT
#include "runtime/elf/elf_file.h"

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <new>

#include <fcntl.h>
#include <gelf.h>
#include <libelf.h>
#include <sys/stat.h>
#include <unistd.h>

#include "runtime/base/status.h"
#include "runtime/elf/debug_file.h"

namespace hotpatch {

namespace {

// With malloc(), as everything of the library: null for no memory.
elf_file* make_file() noexcept
{
  void* const memory = std::malloc(sizeof(elf_file));
  return memory == nullptr ? nullptr : new (memory) elf_file;
}

void delete_file(elf_file* file) noexcept
{
  if (file == nullptr)
    return;
  file->~elf_file();
  std::free(file);
}

}  // namespace

elf_file::~elf_file()
{
  close();
}

void elf_file::close() noexcept
{
  if (elf_)
    elf_end(elf_);
  descriptor_.reset(-1);
  elf_ = nullptr;
  archive_ = false;
  raw_ = nullptr;
  raw_size_ = 0;
  delete_file(debug_);
  debug_ = nullptr;
  debug_is_known_ = false;
}

hp_status elf_file::open(const char* path, access how) noexcept
{
  close();
  elf_version(EV_CURRENT);
  // O_NONBLOCK: a FIFO must not make us wait for a writer.
  const int opened = ::open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  descriptor_.reset(opened);
  struct stat about;
  if (opened < 0 || fstat(opened, &about) != 0)
    return fail(HP_UNREADABLE, "%s: %s", path, std::strerror(errno));
  if (!S_ISREG(about.st_mode))
    return fail(HP_UNREADABLE, "%s: not a regular file", path);
  const Elf_Cmd command = how == access::mapped ? ELF_C_READ_MMAP : ELF_C_READ;
  next_command_ = command;
  return adopt(elf_begin(opened, command, nullptr), path);
}

hp_status elf_file::open_memory(const char* label, const void* bytes,
                                std::size_t size) noexcept
{
  close();
  elf_version(EV_CURRENT);
  next_command_ = ELF_C_READ_MMAP;
  // libelf writes to an image only when it is asked to update it.
  return adopt(elf_memory(static_cast<char*>(const_cast<void*>(bytes)), size),
               label);
}

hp_status elf_file::adopt(Elf* elf, const char* label) noexcept
{
  std::snprintf(label_, sizeof label_, "%s", label);
  elf_ = elf;
  if (!elf_)
    return fail(HP_UNREADABLE, "%s: not an ELF file (%s)", label_,
                elf_errmsg(-1));
  if (elf_kind(elf_) == ELF_K_AR) {
    archive_ = true;
    return HP_OK;
  }
  const auto reject_file = [this](hp_status code, const char* reason) {
    const hp_status status = fail(code, "%s: %s", label_, reason);
    close();
    return status;
  };
  if (elf_kind(elf_) != ELF_K_ELF) {
    constexpr char thin[] = "!<thin>\n";
    const unsigned char* head = contents(0, sizeof thin - 1);
    if (head && std::memcmp(head, thin, sizeof thin - 1) == 0)
      return reject_file(
          HP_UNREADABLE,
          "a thin archive holds no objects, only their names; give "
          "the objects themselves");
    return reject_file(HP_UNREADABLE, "not an ELF file");
  }
  std::size_t ident_size = 0;
  const char* ident = elf_getident(elf_, &ident_size);
  if (!ident || ident_size < EI_NIDENT)
    return reject_file(HP_UNREADABLE, "not an ELF file");
  if (ident[EI_CLASS] != ELFCLASS64 || ident[EI_DATA] != ELFDATA2LSB)
    return reject_file(HP_UNREADABLE,
                       "not for x86-64 (32-bit or big-endian ELF file)");
  GElf_Ehdr header;
  if (!gelf_getehdr(elf_, &header))
    return reject_file(HP_MALFORMED, "the ELF header is damaged");
  if (header.e_machine != EM_X86_64)
    return reject_file(HP_UNREADABLE, "not for x86-64 (other machine)");
  // libelf reports a table that is not all in the file as an empty one.
  std::size_t count = 0;
  if (header.e_shoff != 0 && (elf_getshdrnum(elf_, &count) != 0 || count == 0))
    return reject_file(HP_MALFORMED,
                       "the section headers are damaged or cut off");
  if (header.e_phoff != 0 && elf_getphdrnum(elf_, &count) != 0)
    return reject_file(HP_MALFORMED,
                       "the program headers are damaged or cut off");
  type_ = header.e_type;
  return HP_OK;
}

std::size_t elf_file::section_count() const noexcept
{
  std::size_t count = 0;
  return elf_ && !archive_ && elf_getshdrnum(elf_, &count) == 0 ? count : 0;
}

bool elf_file::section(std::size_t index, elf_section& into) noexcept
{
  Elf_Scn* handle = elf_ && !archive_ ? elf_getscn(elf_, index) : nullptr;
  GElf_Shdr header;
  std::size_t names = 0;
  if (!handle || !gelf_getshdr(handle, &header))
    return false;
  const char* name = elf_getshdrstrndx(elf_, &names) == 0
                         ? elf_strptr(elf_, names, header.sh_name)
                         : nullptr;
  into.name = name ? name : "";
  into.index = index;
  into.address = header.sh_addr;
  into.offset = header.sh_offset;
  into.size = header.sh_size;
  into.alignment = header.sh_addralign;
  into.entry_size = header.sh_entsize;
  into.flags = header.sh_flags;
  into.type = header.sh_type;
  into.link = header.sh_link;
  into.info = header.sh_info;
  return true;
}

bool elf_file::find_section(const char* name, std::size_t index,
                            elf_section& into) noexcept
{
  const std::size_t count = section_count();
  for (; index < count; ++index) {
    if (section(index, into) && std::strcmp(into.name, name) == 0)
      return true;
  }
  return false;
}

std::size_t elf_file::segment_count() const noexcept
{
  std::size_t count = 0;
  return elf_ && !archive_ && elf_getphdrnum(elf_, &count) == 0 ? count : 0;
}

bool elf_file::segment(std::size_t index, elf_segment& into) noexcept
{
  GElf_Phdr header;
  if (!elf_ || archive_ || index >= segment_count() ||
      !gelf_getphdr(elf_, static_cast<int>(index), &header))
    return false;
  into.type = header.p_type;
  into.flags = header.p_flags;
  into.address = header.p_vaddr;
  into.offset = header.p_offset;
  into.file_size = header.p_filesz;
  into.memory_size = header.p_memsz;
  into.alignment = header.p_align;
  return true;
}

std::uint64_t elf_file::size() noexcept
{
  return contents(0, 0) ? raw_size_ : 0;
}

const unsigned char* elf_file::contents(std::uint64_t offset,
                                        std::uint64_t size) noexcept
{
  if (!elf_)
    return nullptr;
  if (!raw_)
    raw_ =
        reinterpret_cast<const unsigned char*>(elf_rawfile(elf_, &raw_size_));
  if (!raw_ || offset > raw_size_ || size > raw_size_ - offset)
    return nullptr;
  return raw_ + offset;
}

const unsigned char* elf_file::chunk(std::uint64_t offset,
                                     std::uint64_t size) noexcept
{
  if (!elf_ || offset > INT64_MAX)
    return nullptr;
  const Elf_Data* data = elf_getdata_rawchunk(
      elf_, static_cast<std::int64_t>(offset), size, ELF_T_BYTE);
  return data && data->d_size == size
             ? static_cast<const unsigned char*>(data->d_buf)
             : nullptr;
}

// libelf takes no compressed section that claims to be more than a thousand
// times as long, so that memory is bounded by the file.
const unsigned char* elf_file::expanded(const elf_section& which,
                                        std::uint64_t& size) noexcept
{
  size = which.size;
  if (which.type == SHT_NOBITS)
    return nullptr;
  if ((which.flags & SHF_COMPRESSED) == 0)
    return chunk(which.offset, which.size);
  Elf_Scn* const handle = elf_getscn(elf_, which.index);
  GElf_Shdr header;
  if (!handle || !gelf_getshdr(handle, &header) ||
      ((header.sh_flags & SHF_COMPRESSED) != 0 &&
       elf_compress(handle, 0, 0) < 0))
    return nullptr;
  const Elf_Data* const data = elf_getdata(handle, nullptr);
  if (!data)
    return nullptr;
  size = data->d_size;
  return static_cast<const unsigned char*>(data->d_buf);
}

elf_file* elf_file::debug_file() noexcept
{
  if (debug_is_known_)
    return debug_;
  debug_is_known_ = true;
  elf_file* const made = make_file();
  if (made != nullptr && open_debug_file(*this, *made))
    debug_ = made;
  else
    delete_file(made);
  return debug_;
}

hp_status elf_file::use_debug_file(const char* path) noexcept
{
  elf_file* const made = make_file();
  if (made == nullptr)
    return fail(HP_NO_MEMORY, "%s: out of memory", path);
  if (const hp_status status = made->open(path, access::copied);
      status != HP_OK) {
    delete_file(made);
    return status;
  }
  delete_file(debug_);
  debug_ = made;
  debug_is_known_ = true;
  return HP_OK;
}

build_id elf_file::id() noexcept
{
  elf_segment current;
  const std::size_t count = segment_count();
  for (std::size_t i = 0; i < count; ++i) {
    if (!segment(i, current) || current.type != PT_NOTE)
      continue;
    const unsigned char* notes = chunk(current.offset, current.file_size);
    if (!notes)
      continue;
    const build_id found =
        find_build_id(notes, current.file_size, current.alignment);
    if (found.present())
      return found;
  }
  return {};
}

bool build_id::operator==(const build_id& other) const noexcept
{
  return size == other.size && std::memcmp(bytes, other.bytes, size) == 0;
}

// An entry is three 4-byte words (size of the name, size of the description,
// type), the name and the description, each padded (gABI chapter 5, "Note
// Section"; 8-byte padding is what .note.gnu.property uses).
build_id find_build_id(const void* notes, std::size_t size,
                       std::size_t alignment) noexcept
{
  const auto* bytes = static_cast<const unsigned char*>(notes);
  const std::size_t mask = (alignment == 8 ? 8 : 4) - 1;
  constexpr char owner[] = ELF_NOTE_GNU;
  build_id found;
  std::size_t at = 0;
  while (at <= size && size - at >= sizeof(Elf64_Nhdr)) {
    Elf64_Nhdr note;
    std::memcpy(&note, bytes + at, sizeof note);
    const std::size_t name = at + sizeof note;
    const std::size_t description = (name + note.n_namesz + mask) & ~mask;
    if (description > size || note.n_descsz > size - description)
      break;
    if (note.n_type == NT_GNU_BUILD_ID && note.n_namesz == sizeof owner &&
        std::memcmp(bytes + name, owner, sizeof owner) == 0 &&
        note.n_descsz > 0 && note.n_descsz <= build_id::max_size) {
      std::memcpy(found.bytes, bytes + description, note.n_descsz);
      found.size = note.n_descsz;
      break;
    }
    at = (description + note.n_descsz + mask) & ~mask;
  }
  return found;
}

build_id_text::build_id_text(const build_id& id) noexcept
{
  for (std::size_t i = 0; i < id.size; ++i)
    std::snprintf(text + 2 * i, 3, "%02x", id.bytes[i]);
}

}  // namespace hotpatch
