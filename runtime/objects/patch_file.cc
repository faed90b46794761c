// Opening a patch object's file.
// SPDX-License-Identifier: MIT
#include "runtime/objects/patch_file.h"

#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <elf.h>

#include "runtime/base/file_descriptor.h"
#include "runtime/base/status.h"
#include "runtime/elf/symbol_table.h"

namespace hotpatch {

hp_status patch_file::open(const char* path) noexcept
{
  // O_NONBLOCK: a FIFO must not make us wait for a writer.
  const file_descriptor file(::open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (!file)
    return fail(HP_UNREADABLE, "%s: %s", path, std::strerror(errno));
  return open(path, file.get());
}

hp_status patch_file::open(const char* path, int descriptor) noexcept
{
  const hp_status status = read(path, descriptor);
  return status == HP_OK ? understand(path) : status;
}

hp_status patch_file::open(const char* path,
                           std::span<const unsigned char> bytes) noexcept
{
  if (bytes.size() > most_bytes)
    return fail(HP_UNREADABLE, "%s: is longer than %zu bytes", path,
                most_bytes);
  if (!bytes_.resize(bytes.size()))
    return fail(HP_NO_MEMORY, "%s: no memory for %zu bytes", path,
                bytes.size());
  if (!bytes.empty())
    std::memcpy(bytes_.data(), bytes.data(), bytes.size());
  return understand(path);
}

hp_status patch_file::understand(const char* path) noexcept
{
  if (const hp_status status =
          elf_.open_memory(path, bytes_.data(), bytes_.size());
      status != HP_OK)
    return status;
  if (elf_.is_archive() || elf_.type() != ET_DYN)
    return fail(HP_UNREADABLE,
                "%s: is no shared object; link the patch with -shared", path);
  if (const hp_status status = find_sections(); status != HP_OK)
    return status;
  if (const hp_status status = read_patch(path, view(), records_, contents_);
      status != HP_OK)
    return status;
  if (const hp_status status = drop_unused_imports(); status != HP_OK)
    return status;
  if (const hp_status status = types_.load(elf_); status != HP_OK)
    return status;
  return set_name(path);
}

hp_status patch_file::read(const char* path, int descriptor) noexcept
{
  struct stat about;
  if (fstat(descriptor, &about) != 0)
    return fail(HP_UNREADABLE, "%s: %s", path, std::strerror(errno));
  if (!S_ISREG(about.st_mode))
    return fail(HP_UNREADABLE, "%s: not a regular file", path);
  const auto size = static_cast<std::uint64_t>(about.st_size);
  if (size > most_bytes)
    return fail(HP_UNREADABLE, "%s: is longer than %zu bytes", path,
                most_bytes);
  if (!bytes_.resize(size))
    return fail(HP_NO_MEMORY, "%s: no memory for %llu bytes", path,
                static_cast<unsigned long long>(size));
  for (std::size_t got = 0; got < bytes_.size();) {
    const ssize_t more = ::pread(descriptor, bytes_.data() + got,
                                 bytes_.size() - got, static_cast<off_t>(got));
    if (more < 0 && errno == EINTR)
      continue;
    if (more <= 0)
      return fail(
          HP_UNREADABLE, "%s: %s", path,
          more < 0 ? std::strerror(errno) : "became shorter while it was read");
    got += static_cast<std::size_t>(more);
  }
  return HP_OK;
}

hp_status patch_file::find_sections() noexcept
{
  elf_section section;
  if (!elf_.find_section(format::patch_section_name, 0, section) ||
      section.size == 0)
    return fail(HP_UNREADABLE,
                "%s: is no patch object: it has no section .hotpatch.patch; "
                "say in its source what it replaces, with HP_REPLACES, and "
                "compile it with the plugin",
                label());
  if (!(section.flags & SHF_ALLOC) || section.type == SHT_NOBITS)
    return fail(HP_MALFORMED, "%s: the section .hotpatch.patch is not loaded",
                label());
  records_ = {section.address, section.size};
  if (const hp_status status = lay_out_segments(elf_, ranges_); status != HP_OK)
    return status;
  constexpr std::uint64_t flags = SHF_ALLOC | SHF_WRITE;
  if (!elf_.find_section(format::state_section_name, 0, section) ||
      (section.flags & flags) != flags ||
      section.size < sizeof(format::patch_state) ||
      section.address % alignof(format::patch_state) != 0)
    return fail(HP_MALFORMED,
                "%s: has no section .hotpatch.state, writable and of 64 bytes",
                label());
  state_ = section.address;
  elf_segment segment;
  for (std::size_t i = 0; i < elf_.segment_count(); ++i)
    if (elf_.segment(i, segment) && segment.type == PT_LOAD &&
        (segment.flags & PF_W) &&
        memory_range{segment.address, segment.memory_size}.contains(
            state_, sizeof(format::patch_state)))
      return HP_OK;
  return fail(HP_MALFORMED, "%s: the section .hotpatch.state is not loaded",
              label());
}

// What one source of the patch takes for the program's may be defined by
// another one: only what is left undefined is to be resolved.
hp_status patch_file::drop_unused_imports() noexcept
{
  symbol_table dynamic;
  if (const hp_status status = dynamic.load(elf_, symbol_table::kind::dynamic);
      status != HP_OK)
    return status;
  array<bool> used;
  array<patch_import>& imports = contents_.imports;
  if (!used.resize(imports.size()))
    return fail(HP_NO_MEMORY, "%s: out of memory", label());
  dynamic.for_each_undefined([&](const char* name) {
    for (std::size_t i = 0; i < imports.size(); ++i)
      used[i] = used[i] || std::strcmp(imports[i].symbol, name) == 0;
  });
  for (std::size_t i = imports.size(); i-- > 0;)
    if (!used[i])
      imports.remove(i);
  return HP_OK;
}

hp_status patch_file::set_name(const char* path) noexcept
{
  const char* slash = std::strrchr(path, '/');
  const bool stated = *contents_.name != '\0';
  if (!assign_text(name_, stated ? contents_.name : slash ? slash + 1 : path))
    return fail(HP_NO_MEMORY, "%s: out of memory", path);
  const std::size_t length = std::strlen(name_.data());
  if (!stated && length > 3 && !std::strcmp(name_.data() + length - 3, ".so"))
    name_[length - 3] = '\0';
  return HP_OK;
}

const unsigned char* patch_file::record_bytes() const noexcept
{
  return view().find(records_.address)->at(records_.address);
}

memory_range patch_file::code() const noexcept
{
  memory_range all;
  for (const memory_range& each : ranges_) {
    if (!each.executable)
      continue;
    if (all.size == 0)
      all.address = each.address;
    all.size = each.address + each.size - all.address;
  }
  return all;
}

}  // namespace hotpatch
