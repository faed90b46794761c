// The bytes of a stub; and archives.
//
// SPDX-License-Identifier: MIT
#include "patching/stub_file.h"

#include <cerrno>
#include <cstring>
#include <string_view>

#include <elf.h>
#include <fcntl.h>
#include <unistd.h>

#include "patching/source_tree.h"
#include "runtime/base/file_descriptor.h"
#include "runtime/base/number.h"

namespace hotpatch::patching {

namespace {

constexpr char section_names[] = "\0.shstrtab\0.hotpatch.stub";

struct stub_bytes {
  Elf64_Ehdr header{};
  char names[32]{};
  Elf64_Shdr sections[3]{};
};
static_assert(sizeof section_names <= sizeof stub_bytes::names);

// An object file for x86-64 with no code and one empty section, whose name is
// its mark.
stub_bytes make_stub()
{
  stub_bytes stub;
  std::memcpy(stub.header.e_ident, ELFMAG, SELFMAG);
  stub.header.e_ident[EI_CLASS] = ELFCLASS64;
  stub.header.e_ident[EI_DATA] = ELFDATA2LSB;
  stub.header.e_ident[EI_VERSION] = EV_CURRENT;
  stub.header.e_type = ET_REL;
  stub.header.e_machine = EM_X86_64;
  stub.header.e_version = EV_CURRENT;
  stub.header.e_ehsize = sizeof stub.header;
  stub.header.e_shoff = offsetof(stub_bytes, sections);
  stub.header.e_shentsize = sizeof(Elf64_Shdr);
  stub.header.e_shnum = 3;
  stub.header.e_shstrndx = 1;
  std::memcpy(stub.names, section_names, sizeof section_names);
  stub.sections[1].sh_name = 1;
  stub.sections[1].sh_type = SHT_STRTAB;
  stub.sections[1].sh_offset = offsetof(stub_bytes, names);
  stub.sections[1].sh_size = sizeof section_names;
  stub.sections[1].sh_addralign = 1;
  stub.sections[2].sh_name = 11;
  stub.sections[2].sh_type = SHT_PROGBITS;
  stub.sections[2].sh_offset = sizeof stub;
  stub.sections[2].sh_addralign = 1;
  return stub;
}

std::string stub_text()
{
  const stub_bytes stub = make_stub();
  return {reinterpret_cast<const char*>(&stub), sizeof stub};
}

constexpr std::string_view archive_mark = "!<arch>\n";
constexpr std::string_view thin_archive_mark = "!<thin>\n";

// ar(5): a header of 60 bytes, and the contents, padded to an even length.  A
// thin archive has the contents only of its tables.
struct archive_member {
  std::string name;
  std::string_view contents;
};

std::vector<archive_member> members(std::string_view text)
{
  const bool is_thin = text.starts_with(thin_archive_mark);
  std::vector<archive_member> found;
  std::string_view long_names;
  for (std::size_t at = archive_mark.size(); at + 60 <= text.size();) {
    std::string_view name = text.substr(at, 16);
    std::string_view digits = text.substr(at + 48, 10);
    digits = digits.substr(0, digits.find(' '));
    const auto size = parse_number<std::size_t>(digits);
    const bool is_table = name.starts_with("/ ") || name.starts_with("// ") ||
                          name.starts_with("/SYM64/");
    at += 60;
    if (!size || ((is_table || !is_thin) && *size > text.size() - at))
      break;
    const std::string_view contents =
        is_table || !is_thin ? text.substr(at, *size) : std::string_view();
    at += contents.size() + contents.size() % 2;
    if (name.starts_with("// ")) {
      long_names = contents;
      continue;
    }
    if (is_table)
      continue;
    if (name.starts_with('/')) {
      name.remove_prefix(1);
      const auto place =
          parse_number<std::size_t>(name.substr(0, name.find(' ')));
      if (!place || *place >= long_names.size())
        continue;
      name = long_names.substr(*place);
      name = name.substr(0, name.find("/\n"));
      name.remove_prefix(name.rfind('/') + 1);
    } else {
      name = name.substr(0, name.find('/'));
    }
    found.push_back({std::string(name), contents});
  }
  return found;
}

std::string archive_text(const std::string& path)
{
  const std::string text = read_whole_file(path).value_or("");
  return text.starts_with(archive_mark) || text.starts_with(thin_archive_mark)
             ? text
             : "";
}

}  // namespace

bool write_stub(const std::string& path, unsigned mode)
{
  const file_descriptor file(
      open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode));
  const std::string text = stub_text();
  return file && write(file.get(), text.data(), text.size()) ==
                     static_cast<ssize_t>(text.size());
}

bool is_stub(const std::string& path)
{
  return read_whole_file(path) == stub_text();
}

bool has_stub_member(const std::string& archive)
{
  const std::string text = archive_text(archive);
  const std::string stub = stub_text();
  for (const archive_member& each : members(text))
    if (each.contents == stub)
      return true;
  return false;
}

std::vector<std::string> member_names(const std::string& archive)
{
  const std::string text = archive_text(archive);
  std::vector<std::string> names;
  for (archive_member& each : members(text))
    names.push_back(std::move(each.name));
  return names;
}

}  // namespace hotpatch::patching
