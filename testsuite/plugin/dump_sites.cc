// Prints the records of a linked ELF file, one a line, and fails when one of
// them does not fit the bytes it describes.
//
// It reads with libelf and nothing else of this project but the format, so
// that the plugin is not checked by the code that has to trust it.
//
//   name=NAME word=HEX symbol=HEX end=HEX pad=N flags=A,B id=HEX
//       hash=HEX layout=HEX at=FILE:LINE proto=TEXT        (all on one line)
//
// SPDX-License-Identifier: MIT
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

#include <fcntl.h>
#include <gelf.h>
#include <libelf.h>

#include "format/patch_word.h"
#include "format/record.h"

namespace {

using namespace hotpatch::format;

struct section {
  std::string name;
  GElf_Shdr header;
  const unsigned char* bytes;
};

[[noreturn]] void fail(const std::string& what)
{
  fprintf(stderr, "%s\n", what.c_str());
  exit(1);
}

std::vector<section> sections;

void load(const char* path)
{
  elf_version(EV_CURRENT);
  Elf* const elf = elf_begin(open(path, O_RDONLY), ELF_C_READ, nullptr);
  std::size_t names = 0;
  if (!elf || elf_getshdrstrndx(elf, &names))
    fail(std::string(path) + ": " + elf_errmsg(-1));
  for (Elf_Scn* it = nullptr; (it = elf_nextscn(elf, it));) {
    section each;
    gelf_getshdr(it, &each.header);
    each.name = elf_strptr(elf, names, each.header.sh_name);
    const Elf_Data* const data = elf_rawdata(it, nullptr);
    each.bytes = data ? static_cast<unsigned char*>(data->d_buf) : nullptr;
    sections.push_back(each);
  }
}

const section& holding(std::uint64_t address, const char* what)
{
  for (const section& each : sections)
    if (each.header.sh_flags & SHF_ALLOC && address >= each.header.sh_addr &&
        address < each.header.sh_addr + each.header.sh_size)
      return each;
  fail(std::string(what) + " lies in no section");
}

const unsigned char* at(std::uint64_t address, const char* what)
{
  const section& in = holding(address, what);
  return in.bytes + (address - in.header.sh_addr);
}

std::string text(std::uint64_t address, const char* what)
{
  return reinterpret_cast<const char*>(at(address, what));
}

std::string flags_text(std::uint32_t flags)
{
  const char* const names[] = {
      "endbr",      "static",  "comdat",   "virtual",  "method", "constructor",
      "destructor", "lambda",  "nested",   "variadic", "cxx",    "profiled",
      "alias",      "nothrow", "noreturn", "copied"};
  std::string list;
  for (unsigned bit = 0; bit < std::size(names); ++bit)
    if (flags & 1u << bit)
      list += (list.empty() ? "" : ",") + std::string(names[bit]);
  return list;
}

void check(bool holds, const std::string& name, const char* what)
{
  if (!holds)
    fail(name + ": " + what);
}

void check_bytes(const record& r, const std::string& name, std::uint64_t word,
                 std::uint64_t symbol, std::uint64_t end)
{
  check(word % 8 == 0, name, "the word is not aligned");
  check(symbol <= word && word + 8 <= end, name, "the word is not inside");
  check(holding(word, "word").header.sh_flags & SHF_EXECINSTR, name,
        "the word is not in code");
  std::uint64_t bytes;
  memcpy(&bytes, at(word, "word"), sizeof bytes);
  check(bytes == pristine_word(r.id), name, "the word is not pristine");
  const bool endbr = !memcmp(at(symbol, "symbol"), endbr64, sizeof endbr64);
  check(endbr == ((r.flags & site_endbr) != 0), name,
        "endbr64 and flag differ");
  check(r.pad >= 8, name, "less than 8 dead bytes");
  const unsigned char* const entry = at(symbol, "symbol");
  for (int i = 1; i <= r.pad; ++i)
    check(entry[-i] == (i <= 5 ? pad_nop : filler), name,
          "the pad is not dead");
}

void print(std::uint64_t address, const record& r)
{
  const auto target = [&](const offset32& field, std::size_t offset) {
    return address + offset +
           static_cast<std::uint64_t>(static_cast<std::int64_t>(field.value));
  };
  const std::string name = text(target(r.name, 20), "name");
  const std::uint64_t word = target(r.word, 8);
  const std::uint64_t symbol = target(r.symbol, 12);
  const std::uint64_t end = target(r.end, 16);
  const std::string proto =
      r.prototype.value ? text(target(r.prototype, 32), "prototype") : "";
  printf(
      "name=%s word=%#lx symbol=%#lx end=%#lx pad=%u flags=%s id=%08x "
      "hash=%08x%08x layout=%08x%08x at=%s:%u proto=%s\n",
      name.c_str(), word, symbol, end, r.pad, flags_text(r.flags).c_str(), r.id,
      r.prototype_hash[1], r.prototype_hash[0], r.layout_hash[1],
      r.layout_hash[0], text(target(r.file, 24), "file").c_str(), r.line,
      proto.c_str());
  check(r.version == record_version && r.size == sizeof(record), name,
        "version or size");
  check(r.kind == static_cast<std::uint8_t>(site_kind::nop8), name, "kind");
  check(!r.reserved && !r.reserved2, name, "reserved is not zero");
  check_bytes(r, name, word, symbol, end);
}

void print_all(const section& in)
{
  check(in.header.sh_size % sizeof(record) == 0, in.name, "has an odd size");
  for (std::uint64_t at = 0; at < in.header.sh_size; at += sizeof(record)) {
    record r;
    memcpy(&r, in.bytes + at, sizeof r);
    print(in.header.sh_addr + at, r);
  }
}

}  // namespace

int main(int argc, char** argv)
{
  if (argc != 2)
    fail("usage: dump_sites FILE");
  load(argv[1]);
  for (const section& each : sections)
    if (each.name == section_name)
      print_all(each);
}
