// Finding, keeping and putting back.
//
// SPDX-License-Identifier: MIT
#include "patching/libtool_files.h"

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <filesystem>
#include <system_error>

#include <unistd.h>

#include "patching/source_tree.h"
#include "patching/stub_file.h"
#include "processes/errors.h"
#include "runtime/base/countermeasure.h"

namespace hotpatch::patching {

namespace {

namespace fs = std::filesystem;

// Objects, libraries, and the small texts that name them: in .libs all that
// libtool has made.
bool is_made_by_libtool(const fs::path& path)
{
  if (path.parent_path().filename() == ".libs")
    return true;
  std::error_code ignored;
  const std::string extension = path.extension();
  // A program of that name is a script beside the real one.
  if (extension == ".lo" || extension == ".la" ||
      fs::exists(path.parent_path() / ".libs" / path.filename(), ignored))
    return true;
  fs::path name = path;
  return (extension == ".o" &&
          fs::exists(name.replace_extension(".lo"), ignored)) ||
         (extension == ".a" &&
          fs::exists(name.replace_extension(".la"), ignored));
}

// Nothing is there, or nothing but a stub or another copy.
bool may_be_put_back(const std::string& link, const std::string& path)
{
  if (access(path.c_str(), F_OK) != 0 || is_stub(path))
    return true;
  const auto now = read_whole_file(path);
  return now && now == read_whole_file(link);
}

}  // namespace

libtool_files::libtool_files(const std::string& tree) : tree_(tree)
{
  if (!HP_COUNTERMEASURE(keep_libtool_files))
    return;
  std::error_code ignored;
  std::vector<std::string> found;
  for (fs::recursive_directory_iterator at(
           tree, fs::directory_options::skip_permission_denied, ignored);
       at != fs::recursive_directory_iterator(); at.increment(ignored))
    if (!at->is_symlink(ignored) && at->is_regular_file(ignored) &&
        is_made_by_libtool(at->path()))
      found.push_back(at->path());
  for (const std::string& path : found)
    keep(path);
}

void libtool_files::keep(const std::string& path)
{
  if (directory_.empty()) {
    directory_ = tree_ + "/.hotpatch-kept.XXXXXX";
    if (mkdtemp(directory_.data()) == nullptr)
      throw tool_error("no directory for what libtool deletes can be made as " +
                       directory_ + ": " + std::strerror(errno) +
                       "; run hp-patch in a directory that you can write to");
  }
  const std::string link = directory_ + "/" + std::to_string(paths_.size());
  if (::link(path.c_str(), link.c_str()) == 0)
    paths_.push_back(path);
}

libtool_files::~libtool_files()
{
  for (std::size_t i = 0; i < paths_.size(); ++i) {
    const std::string link = directory_ + "/" + std::to_string(i);
    try {
      if (may_be_put_back(link, paths_[i]))
        rename(link.c_str(), paths_[i].c_str());
    } catch (const std::exception&) {
      // No memory to compare them: what the build has made stays.
    }
    unlink(link.c_str());  // also where both are one file
  }
  if (!directory_.empty())
    rmdir(directory_.c_str());
}

}  // namespace hotpatch::patching
