// Finding and hashing sources.
//
// SPDX-License-Identifier: MIT
#include "patching/source_tree.h"

#include <fcntl.h>
#include <unistd.h>

#include "format/baseline.h"
#include "runtime/base/file_descriptor.h"

namespace hotpatch::patching {

namespace {

// Whether `path` is `prefix` or below it.
bool is_below(const std::string& path, const std::string& prefix)
{
  return path.starts_with(prefix) &&
         (path.size() == prefix.size() || path[prefix.size()] == '/');
}

}  // namespace

std::optional<std::string> read_whole_file(const std::string& path)
{
  const file_descriptor file(
      open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (!file)
    return std::nullopt;
  std::string contents;
  char part[65536];
  ssize_t size;
  while ((size = read(file.get(), part, sizeof part)) > 0)
    contents.append(part, static_cast<std::size_t>(size));
  if (size < 0)
    return std::nullopt;
  return contents;
}

std::optional<moved_tree> move_between(const std::string& now,
                                       const std::string& then)
{
  if (now == then)
    return std::nullopt;
  std::size_t now_end = now.size();
  std::size_t then_end = then.size();
  for (;;) {
    const std::size_t now_slash = now.rfind('/', now_end - 1);
    const std::size_t then_slash = then.rfind('/', then_end - 1);
    if (now_slash == std::string::npos || then_slash == std::string::npos ||
        now_end == 0 || then_end == 0 ||
        now.compare(now_slash, now_end - now_slash, then, then_slash,
                    then_end - then_slash) != 0)
      break;
    now_end = now_slash;
    then_end = then_slash;
  }
  return moved_tree{now.substr(0, now_end), then.substr(0, then_end)};
}

std::optional<moved_tree> find_move(const std::string& now,
                                    const std::string& then)
{
  std::optional<moved_tree> moved = move_between(now, then);
  if (moved && moved->now.size() == now.size())
    return std::nullopt;
  return moved;
}

std::optional<moved_tree> find_moved_unit(const std::string& here,
                                          const baseline_unit& unit)
{
  const auto is_there = [](const std::string& path) {
    return access(path.c_str(), F_OK) == 0;
  };
  if (unit.file.starts_with('/') || is_there(unit.directory + "/" + unit.file))
    return std::nullopt;
  // The longest tail of its directory first.
  for (std::size_t slash = 0; slash != std::string::npos;
       slash = unit.directory.find('/', slash + 1))
    if (is_there(here + unit.directory.substr(slash) + "/" + unit.file))
      return moved_tree{here, unit.directory.substr(0, slash)};
  if (is_there(here + "/" + unit.file))
    return moved_tree{here, unit.directory};
  return std::nullopt;
}

std::string source_tree::path_of(const baseline_unit& unit,
                                 const std::string& path) const
{
  std::string whole =
      path.starts_with('/') ? path : unit.directory + "/" + path;
  if (moved_ && is_below(whole, moved_->then))
    whole.replace(0, moved_->then.size(), moved_->now);
  return whole;
}

std::optional<std::uint64_t> source_tree::contents(const std::string& path)
{
  const auto [known, is_new] = known_.try_emplace(path);
  if (is_new)
    if (const auto text = read_whole_file(path))
      known->second = format::content_hash(text->data(), text->size());
  return known->second;
}

std::vector<std::string> source_tree::changes(const baseline_unit& unit)
{
  std::vector<std::string> changed;
  for (const unit_dependency& each : unit.dependencies)
    if (contents(path_of(unit, each.path)) != each.hash)
      changed.push_back(each.path);
  // As the plugin does: what cannot be read is empty.
  format::running_hash system;
  for (const std::string& path : unit.system_headers)
    system.add(
        contents(path_of(unit, path)).value_or(format::content_hash("", 0)));
  if (system.value() != unit.system_hash)
    changed.emplace_back("system headers");
  return changed;
}

}  // namespace hotpatch::patching
