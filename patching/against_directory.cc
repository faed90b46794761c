// Making, filling and removing the directory.
//
// SPDX-License-Identifier: MIT
#include "patching/against_directory.h"

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <filesystem>
#include <set>
#include <system_error>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "patching/stub_file.h"
#include "processes/errors.h"
#include "runtime/base/file_descriptor.h"

namespace hotpatch::patching {

namespace {

// ".libs/x.o" and "x.o" of libtool are both named by "x.lo".
void remove_libtool_names(const std::filesystem::path& object)
{
  std::error_code ignored;
  std::filesystem::path name = object;
  name.replace_extension(".lo");
  std::filesystem::remove(name, ignored);
  if (object.parent_path().filename() == ".libs")
    std::filesystem::remove(
        object.parent_path().parent_path() / name.filename(), ignored);
}

void remove_stub_archives(const std::filesystem::path& directory)
{
  std::error_code ignored;
  for (const auto& entry :
       std::filesystem::directory_iterator(directory, ignored))
    if (entry.path().extension() == ".a" && has_stub_member(entry.path())) {
      unlink(entry.path().c_str());
      std::filesystem::path name = entry.path();
      name.replace_extension(".la");
      std::filesystem::remove(name, ignored);
    }
}

}  // namespace

against_directory::against_directory()
{
  const char* const parent = std::getenv("TMPDIR");
  path_ = parent != nullptr && *parent != '\0' ? parent : "/tmp";
  std::error_code error;
  path_ = std::filesystem::absolute(path_, error).string() +
          "/hotpatch-against.XXXXXX";
  if (mkdtemp(path_.data()) == nullptr)
    throw tool_error("no directory for the build's results can be made as " +
                     path_ + ": " + std::strerror(errno) +
                     "; set TMPDIR to a directory that you can write to");
}

against_directory::~against_directory()
{
  remove_objects();
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

void against_directory::write_file(const std::string& name,
                                   const std::string& contents) const
{
  const std::string path = file(name);
  const file_descriptor made(
      open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
  std::size_t done = 0;
  while (made && done < contents.size()) {
    const ssize_t size =
        ::write(made.get(), contents.data() + done, contents.size() - done);
    if (size < 0)
      break;
    done += static_cast<std::size_t>(size);
  }
  if (!made || done < contents.size())
    throw tool_error(path + " cannot be written: " + std::strerror(errno) +
                     "; set TMPDIR to a directory with space");
}

void against_directory::write(const unit_table& units) const
{
  std::string list;
  for (std::size_t number = 0; number < units.size(); ++number) {
    const numbered_unit& each = units[number];
    list += std::to_string(number) + " " + std::to_string(each.images.front()) +
            " " + each.unit->file + "\t" + each.unit->directory + "\n";
    write_file("unit-" + std::to_string(number), each.unit->text);
  }
  write_file("units", list);
}

void against_directory::write(std::span<const baseline_image> images) const
{
  std::string list;
  for (const baseline_image& each : images) {
    std::error_code error;
    const auto real = std::filesystem::canonical(each.path, error);
    if (!error)
      list += real.string() + "\n";
  }
  write_file("images", list);
}

void against_directory::write(const moved_tree& moved) const
{
  write_file("map", moved.now + "\t" + moved.then + "\n");
}

std::vector<std::string> against_directory::lines(const std::string& name) const
{
  std::vector<std::string> found;
  const std::string text = read_whole_file(file(name)).value_or("");
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = std::min(text.find('\n', at), text.size());
    if (end != at)
      found.push_back(text.substr(at, end - at));
    at = end + 1;
  }
  return found;
}

// Only what is still a stub: a later step of the build may have put something
// else there.
void against_directory::remove_objects() const noexcept
{
  try {
    std::set<std::filesystem::path> near;
    for (const std::string& path : lines("stubs")) {
      std::filesystem::path directory = path;
      for (int levels = 0; levels < 3; ++levels)
        near.insert(directory = directory.parent_path());
      if (is_stub(path)) {
        unlink(path.c_str());
        remove_libtool_names(path);
      }
    }
    for (const std::string& path : lines("added"))
      if (unlink(path.c_str()) == 0)
        remove_libtool_names(path);
    for (const std::filesystem::path& directory : near)
      remove_stub_archives(directory);
  } catch (const std::exception&) {
    // What is left is an empty object, which a link refuses by its symbols.
  }
}

}  // namespace hotpatch::patching
