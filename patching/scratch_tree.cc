// Copying by cp(1), and applying by patch(1).
//
// SPDX-License-Identifier: MIT
#include "patching/scratch_tree.h"

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <system_error>

#include <unistd.h>

#include "patching/child_commands.h"
#include "patching/source_tree.h"
#include "processes/errors.h"

namespace hotpatch::patching {

scratch_tree::scratch_tree(const std::string& source, const std::string& diff)
{
  std::error_code error;
  source_ = std::filesystem::canonical(source, error);
  if (error || !std::filesystem::is_directory(source_, error))
    throw tool_error(source +
                     ": is no directory; name that of the sources with "
                     "--source");
  const std::string diff_path = std::filesystem::absolute(diff, error);
  if (access(diff_path.c_str(), R_OK) != 0)
    throw tool_error(diff + ": " + std::strerror(errno));
  const char* const parent = std::getenv("TMPDIR");
  parent_ = std::filesystem::absolute(
                parent != nullptr && *parent != '\0' ? parent : "/tmp", error)
                .string() +
            "/hotpatch-scratch.XXXXXX";
  if (mkdtemp(parent_.data()) == nullptr)
    throw tool_error("no directory for a copy of the sources can be made as " +
                     parent_ + ": " + std::strerror(errno) +
                     "; set TMPDIR to a directory that you can write to");
  // The same last name: what is built may show it.
  path_ = parent_ + "/" + std::filesystem::path(source_).filename().string();
  try {
    copy();
    apply(diff_path);
  } catch (...) {
    std::filesystem::remove_all(parent_, error);
    throw;
  }
}

scratch_tree::~scratch_tree()
{
  std::error_code ignored;
  std::filesystem::remove_all(parent_, ignored);
}

void scratch_tree::copy() const
{
  run_checked({{"cp", "-a", "--reflink=auto", "--", source_, path_},
               "",
               {{"LC_ALL", "C"}},
               parent_ + "/log"},
              source_ + ": cannot be copied to " + path_);
}

bool scratch_tree::applies(const std::string& diff, int levels,
                           bool tries) const
{
  child_command command{{"patch", "-p" + std::to_string(levels), "--batch",
                         "--forward", "--no-backup-if-mismatch", "-i", diff},
                        path_,
                        {{"LC_ALL", "C"}, {"POSIXLY_CORRECT", nullptr}},
                        parent_ + "/log-p" + std::to_string(levels)};
  if (tries)
    command.arguments.insert(command.arguments.begin() + 1, "--dry-run");
  return run_command(command) == 0;
}

// As most diffs are, with the names of two trees before each path, or without.
void scratch_tree::apply(const std::string& diff) const
{
  for (const int levels : {1, 0})
    if (applies(diff, levels, true) && applies(diff, levels, false))
      return;
  std::string said = read_whole_file(parent_ + "/log-p1").value_or("");
  while (said.ends_with('\n'))
    said.pop_back();
  throw tool_error(diff + ": cannot be applied to " + source_ +
                   ", with -p1 or -p0; name the directory that its paths are "
                   "relative to with --source.  patch -p1 says:\n" +
                   said);
}

std::string scratch_tree::place_of(const std::string& path) const
{
  std::error_code error;
  const std::string real = std::filesystem::canonical(path, error);
  if (real != source_ && !real.starts_with(source_ + "/"))
    return path_;
  return path_ + real.substr(source_.size());
}

}  // namespace hotpatch::patching
