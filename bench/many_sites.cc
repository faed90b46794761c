// Writes a shared object with as many sites as wanted, to measure readers with:
//     many_sites COUNT FILE
//
// A compiler would need minutes for a million functions.  The names are a
// mixture of C and C++, and the symbol table has the same ones, so that nm and
// readelf have the same work.  It can be loaded with dlopen(), but exports
// nothing.
//
// SPDX-License-Identifier: MIT
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <initializer_list>
#include <iostream>
#include <string>
#include <vector>

#include <elf.h>

#include "format/patch_word.h"
#include "format/record.h"

namespace {

using namespace hotpatch::format;
using bytes = std::vector<char>;

constexpr std::uint64_t page = 4096;
constexpr std::uint64_t stride = 32;  // bytes of text per function
constexpr unsigned sites_per_file = 50;
constexpr std::uint64_t dynamic_entries = 6;

template <typename T>
void append(bytes& to, const T& object)
{
  const char* begin = reinterpret_cast<const char*>(&object);
  to.insert(to.end(), begin, begin + sizeof object);
}

std::uint64_t append_string(bytes& to, const std::string& text)
{
  std::uint64_t at = to.size();
  to.insert(to.end(), text.c_str(), text.c_str() + text.size() + 1);
  return at;
}

std::uint64_t round_up(std::uint64_t value)
{
  return (value + page - 1) / page * page;
}

std::string mangled_part(const std::string& word)
{
  return std::to_string(word.size()) + word;
}

std::string name_of(unsigned number)
{
  std::string base = "handle_request_" + std::to_string(number);
  switch (number % 4) {
    case 0:  // server::connection::NAME(char const*, unsigned long)
      return "_ZN6server10connection" + mangled_part(base) + "EPKcm";
    case 1:  // NAME(server::table<int>&, double)
      return "_Z" + mangled_part(base) + "RN6server5tableIiEEd";
    default:
      return base;
  }
}

// cc cc cc 90 90 90 90 90   filler and pre-pad
// 0f 1f 84 00 id32          nopl id(%rax,%rax,1)
// 31 c0                     xor %eax,%eax
// c3                        ret
void append_function(bytes& text, std::uint32_t id)
{
  bytes code(stride, static_cast<char>(filler));
  std::memset(&code[pad_plain - pre_pad_size], pad_nop, pre_pad_size);
  std::uint64_t word = pristine_word(id);
  std::memcpy(&code[pad_plain], &word, sizeof word);
  std::memcpy(&code[pad_plain + word_size], "\x31\xc0\xc3", 3);
  text.insert(text.end(), code.begin(), code.end());
}

// The contents of the sections, and what the records refer to.
class generator {
 public:
  explicit generator(unsigned count) : count_(count) { fill(); }
  void write(std::ostream& out) const;

 private:
  void fill();
  void add_record(std::uint32_t id, std::uint64_t symbol, std::uint64_t name,
                  std::uint64_t file, std::uint32_t line);

  unsigned count_;
  std::uint64_t records_at_ = page;
  std::uint64_t strings_at_ = 0;
  std::uint64_t text_at_ = 0;
  std::uint64_t prototype_ = 0;
  bytes records_, strings_, text_, symbols_, symbol_names_;
};

void generator::add_record(std::uint32_t id, std::uint64_t symbol,
                           std::uint64_t name, std::uint64_t file,
                           std::uint32_t line)
{
  std::uint64_t here = records_at_ + records_.size();
  auto distance = [here](std::uint64_t to, std::size_t field) {
    return offset32{static_cast<std::int32_t>(to - here - field)};
  };
  record one{};
  one.version = record_version;
  one.size = sizeof one;
  one.id = id;
  one.word = distance(symbol, offsetof(record, word));
  one.symbol = distance(symbol, offsetof(record, symbol));
  one.end = distance(symbol + word_size + 3, offsetof(record, end));
  one.name = distance(strings_at_ + name, offsetof(record, name));
  one.file = distance(strings_at_ + file, offsetof(record, file));
  one.line = line;
  one.prototype =
      distance(strings_at_ + prototype_, offsetof(record, prototype));
  one.kind = static_cast<std::uint8_t>(site_kind::nop8);
  one.pad = pad_plain;
  append(records_, one);
}

void generator::fill()
{
  std::vector<std::uint64_t> names, files;
  append_string(symbol_names_, "");
  prototype_ = append_string(strings_, "int (char const*, unsigned long)");
  append(symbols_, Elf64_Sym{});
  for (unsigned i = 0; i < count_; ++i) {
    if (i % sites_per_file == 0)
      files.push_back(append_string(
          strings_, "src/part_" + std::to_string(i / sites_per_file) + ".cc"));
    names.push_back(append_string(strings_, name_of(i)));
    append_function(text_, i);
  }
  strings_at_ = records_at_ + count_ * sizeof(record);
  text_at_ = round_up(strings_at_ + strings_.size());
  for (unsigned i = 0; i < count_; ++i) {
    std::uint64_t symbol = text_at_ + i * stride + pad_plain;
    add_record(i, symbol, names[i], files[i / sites_per_file],
               10 + i % sites_per_file * 7);
    Elf64_Sym entry{};
    entry.st_name =
        static_cast<Elf64_Word>(append_string(symbol_names_, name_of(i)));
    entry.st_info = ELF64_ST_INFO(STB_GLOBAL, STT_FUNC);
    entry.st_shndx = 3;  // .text
    entry.st_value = symbol;
    entry.st_size = word_size + 3;
    append(symbols_, entry);
  }
}

// What the dynamic linker asks for: a symbol table and its hash table, without
// symbols.  It changes the addresses in here when it loads the object.
bytes dynamic_section(std::uint64_t at)
{
  const Elf64_Xword names = at + dynamic_entries * sizeof(Elf64_Dyn);
  const Elf64_Xword hashes = names + 4;  // behind one empty name and padding
  const Elf64_Xword symbols = hashes + 4 * sizeof(Elf64_Word);
  bytes section;
  for (const Elf64_Dyn& entry :
       {Elf64_Dyn{DT_STRTAB, {names}}, Elf64_Dyn{DT_STRSZ, {1}},
        Elf64_Dyn{DT_HASH, {hashes}}, Elf64_Dyn{DT_SYMTAB, {symbols}},
        Elf64_Dyn{DT_SYMENT, {sizeof(Elf64_Sym)}}, Elf64_Dyn{DT_NULL, {0}}})
    append(section, entry);
  append(section, Elf64_Word{0});             // the name
  for (const Elf64_Word word : {1, 1, 0, 0})  // one bucket, one symbol: none
    append(section, word);
  append(section, Elf64_Sym{});
  return section;
}

// Section numbers: 1 .hotpatch, 2 .hotpatch.str, 3 .text, 4 .symtab, 5 .strtab,
// 6 .dynamic, 7 .shstrtab
void generator::write(std::ostream& out) const
{
  const bytes* contents[] = {&records_, &strings_, &text_, &symbols_,
                             &symbol_names_};
  bytes names;
  std::vector<Elf64_Shdr> headers(1);
  auto add = [&](const char* name, std::uint32_t type, std::uint64_t flags,
                 std::uint64_t at, std::uint64_t size, bool loaded) {
    Elf64_Shdr header{};
    header.sh_name = static_cast<Elf64_Word>(append_string(names, name));
    header.sh_type = type;
    header.sh_flags = flags;
    header.sh_addr = loaded ? at : 0;
    header.sh_offset = at;
    header.sh_size = size;
    header.sh_addralign = 1;
    headers.push_back(header);
    return at + size;
  };
  append_string(names, "");
  add(section_name, SHT_PROGBITS, SHF_ALLOC, records_at_, records_.size(),
      true);
  add(string_section_name, SHT_PROGBITS, SHF_ALLOC, strings_at_,
      strings_.size(), true);
  const std::uint64_t dynamic_at = round_up(text_at_ + text_.size());
  const bytes dynamic = dynamic_section(dynamic_at);
  add(".text", SHT_PROGBITS, SHF_ALLOC | SHF_EXECINSTR, text_at_, text_.size(),
      true);
  std::uint64_t at = dynamic_at + page;
  at = add(".symtab", SHT_SYMTAB, 0, at, symbols_.size(), false);
  headers.back().sh_link = 5;
  headers.back().sh_info = 1;
  headers.back().sh_entsize = sizeof(Elf64_Sym);
  at = add(".strtab", SHT_STRTAB, 0, at, symbol_names_.size(), false);
  add(".dynamic", SHT_DYNAMIC, SHF_ALLOC | SHF_WRITE, dynamic_at,
      dynamic_entries * sizeof(Elf64_Dyn), true);
  headers.back().sh_link = 5;
  headers.back().sh_entsize = sizeof(Elf64_Dyn);
  add(".shstrtab", SHT_STRTAB, 0, at, 0, false);
  headers.back().sh_size = names.size();

  Elf64_Ehdr elf{};
  std::memcpy(elf.e_ident, ELFMAG, SELFMAG);
  elf.e_ident[EI_CLASS] = ELFCLASS64;
  elf.e_ident[EI_DATA] = ELFDATA2LSB;
  elf.e_ident[EI_VERSION] = EV_CURRENT;
  elf.e_type = ET_DYN;
  elf.e_machine = EM_X86_64;
  elf.e_version = EV_CURRENT;
  elf.e_phoff = sizeof elf;
  elf.e_shoff = at + names.size();
  elf.e_ehsize = sizeof elf;
  elf.e_phentsize = sizeof(Elf64_Phdr);
  elf.e_phnum = 4;
  elf.e_shentsize = sizeof(Elf64_Shdr);
  elf.e_shnum = static_cast<Elf64_Half>(headers.size());
  elf.e_shstrndx = elf.e_shnum - 1;

  bytes head;
  append(head, elf);
  std::uint64_t data_end = strings_at_ + strings_.size();
  for (const Elf64_Phdr& segment :
       {Elf64_Phdr{PT_LOAD, PF_R, 0, 0, 0, data_end, data_end, page},
        Elf64_Phdr{PT_LOAD, PF_R | PF_X, text_at_, text_at_, text_at_,
                   text_.size(), text_.size(), page},
        Elf64_Phdr{PT_LOAD, PF_R | PF_W, dynamic_at, dynamic_at, dynamic_at,
                   dynamic.size(), dynamic.size(), page},
        Elf64_Phdr{PT_DYNAMIC, PF_R | PF_W, dynamic_at, dynamic_at, dynamic_at,
                   dynamic.size(), dynamic.size(), 8}})
    append(head, segment);
  head.resize(records_at_);
  out.write(head.data(), static_cast<std::streamsize>(head.size()));
  out.seekp(static_cast<std::streamoff>(dynamic_at));
  out.write(dynamic.data(), static_cast<std::streamsize>(dynamic.size()));
  out.seekp(static_cast<std::streamoff>(records_at_));
  for (const bytes* part : contents) {
    if (part == &text_)
      out.seekp(static_cast<std::streamoff>(text_at_));
    if (part == &symbols_)
      out.seekp(static_cast<std::streamoff>(dynamic_at + page));
    out.write(part->data(), static_cast<std::streamsize>(part->size()));
  }
  out.write(names.data(), static_cast<std::streamsize>(names.size()));
  for (const Elf64_Shdr& header : headers)
    out.write(reinterpret_cast<const char*>(&header), sizeof header);
}

}  // namespace

int main(int argc, char** argv)
{
  unsigned long count = argc == 3 ? std::strtoul(argv[1], nullptr, 10) : 0;
  // Beyond this the 32-bit distances do not reach.
  if (count == 0 || count > 8'000'000) {
    std::cerr << "usage: many_sites COUNT FILE   (COUNT from 1 to 8000000)\n";
    return 64;
  }
  std::ofstream out(argv[2], std::ios::binary);
  generator(static_cast<unsigned>(count)).write(out);
  out.close();
  if (!out) {
    std::cerr << "many_sites: cannot write " << argv[2] << '\n';
    return 1;
  }
}
