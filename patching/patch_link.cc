// Writing the statement, and running the linker.
//
// SPDX-License-Identifier: MIT
#include "patching/patch_link.h"

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <system_error>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "format/baseline.h"
#include "format/patch_record.h"
#include "patching/child_commands.h"
#include "processes/errors.h"
#include "runtime/base/file_descriptor.h"
#include "runtime/elf/elf_file.h"

namespace hotpatch::patching {

namespace {

// Records one after the other, and the strings that they refer to.
class statement_text {
 public:
  void begin(format::patch_kind kind, std::size_t size)
  {
    records_ += "\t.balign 4\n\t.short " +
                std::to_string(format::patch_record_version) + "," +
                std::to_string(size) + "," +
                std::to_string(static_cast<unsigned>(kind)) + ",0\n";
  }
  void number(std::uint32_t value)
  {
    records_ += "\t.long " + std::to_string(value) + "\n";
  }
  // The distance from the field itself.
  void string(const std::string& text)
  {
    if (text.empty()) {
      number(0);
      return;
    }
    const std::string label = ".Lsaid" + std::to_string(strings_count_++);
    records_ += "\t.long " + label + "-.\n";
    strings_ += label + ":\n\t.byte ";
    for (const char c : text)
      strings_ += std::to_string(static_cast<unsigned char>(c)) + ",";
    strings_ += "0\n";
  }
  std::string whole() const
  {
    return std::string("\t.section ") + format::patch_section_name +
           ",\"a\",@progbits\n" + records_ + "\t.section " +
           format::string_section_name + ",\"aMS\",@progbits,1\n" + strings_ +
           "\t.section .note.GNU-stack,\"\",@progbits\n";
  }

 private:
  std::string records_;
  std::string strings_;
  unsigned strings_count_ = 0;
};

void write_file(const std::string& path, const std::string& text)
{
  const file_descriptor file(
      open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
  if (!file || write(file.get(), text.data(), text.size()) !=
                   static_cast<ssize_t>(text.size()))
    throw tool_error(path + " cannot be written: " + std::strerror(errno) +
                     "; set TMPDIR to a directory with space");
}

// Options that decide about what is linked as well.
bool is_for_links(const std::string& option)
{
  return option.starts_with("-fsanitize") || option == "-pthread" ||
         option.starts_with("-fprofile") || option == "--coverage" ||
         option == "-fopenmp";
}

// A name beside the output, so that it can take its place in one step.
class unfinished_output {
 public:
  explicit unfinished_output(const std::string& output)
      : path_(output + ".XXXXXX")
  {
    const file_descriptor file(mkstemp(path_.data()));
    if (!file)
      throw tool_error(output + " cannot be written: " + std::strerror(errno) +
                       "; name another file with -o");
  }
  unfinished_output(const unfinished_output&) = delete;
  unfinished_output& operator=(const unfinished_output&) = delete;
  ~unfinished_output()
  {
    if (!path_.empty())
      unlink(path_.c_str());
  }
  const std::string& path() const { return path_; }

  void become(const std::string& output)
  {
    if (rename(path_.c_str(), output.c_str()) != 0)
      throw tool_error(output + " cannot be written: " + std::strerror(errno) +
                       "; name another file with -o");
    path_.clear();
  }

 private:
  std::string path_;
};

}  // namespace

std::string statement_assembly(const patch_statement& said, bool has_header)
{
  statement_text out;
  if (has_header) {
    out.begin(format::patch_kind::patch, sizeof(format::patch_header));
    out.string(said.name);
    out.number(said.version);
    out.string(said.description);
    out.number(static_cast<std::uint32_t>(said.level));
    out.number(0);
    out.number(0);
  }
  for (const auto& [name, version] : said.needs) {
    out.begin(format::patch_kind::need, sizeof(format::need_record));
    out.string(name);
    out.number(version);
  }
  if (!said.build.empty()) {
    out.begin(format::patch_kind::build, sizeof(format::build_record));
    out.string(said.build);
    out.number(0);
  }
  return out.whole();
}

bool states_patch(const std::string& object)
{
  elf_file file;
  if (file.open(object.c_str(), elf_file::access::mapped) != HP_OK)
    return false;
  elf_section section;
  for (std::size_t i = 1;
       file.find_section(format::patch_section_name, i, section);
       i = section.index + 1) {
    const unsigned char* const bytes = file.chunk(section.offset, section.size);
    format::patch_head head;
    for (std::uint64_t at = 0;
         bytes != nullptr && at + sizeof head <= section.size;
         at += std::max<std::uint64_t>(head.size, sizeof head)) {
      std::memcpy(&head, bytes + at, sizeof head);
      if (head.kind == static_cast<std::uint16_t>(format::patch_kind::patch))
        return true;
    }
  }
  return false;
}

void link_patch(const patch_link& link, const patch_statement& said)
{
  const bool is_said =
      std::any_of(link.objects.begin(), link.objects.end(), states_patch);
  const std::string statement = link.scratch + "/statement.s";
  write_file(statement, statement_assembly(said, !is_said));
  child_command command{{link.driver, "-shared", "-fPIC"},
                        link.directory,
                        {{format::against_variable, nullptr},
                         {format::against_new_variable, nullptr},
                         {"LC_ALL", "C"}},
                        link.scratch + "/link.log"};
  std::vector<std::string>& words = command.arguments;
  for (const std::string& each : link.options)
    if (is_for_links(each))
      words.push_back(each);
  words.insert(words.end(), link.objects.begin(), link.objects.end());
  words.push_back(statement);
  words.insert(words.end(), {"-Wl,--build-id", "-Wl,--as-needed"});
  words.insert(words.end(), link.libraries.begin(), link.libraries.end());
  words.insert(words.end(), {"-o", link.output});
  run_checked(command, "the patch object cannot be linked");
}

void put_in_place(const std::string& path, const std::string& output)
{
  unfinished_output unfinished(output);
  std::error_code error;
  std::filesystem::copy_file(path, unfinished.path(),
                             std::filesystem::copy_options::overwrite_existing,
                             error);
  const mode_t mask = umask(0);
  umask(mask);
  if (error || chmod(unfinished.path().c_str(), 0777 & ~mask) != 0)
    throw tool_error(output + " cannot be written: " +
                     (error ? error.message() : std::strerror(errno)) +
                     "; name another file with -o");
  unfinished.become(output);
}

}  // namespace hotpatch::patching
