// Opening files and their debug files, and splitting the section.
//
// SPDX-License-Identifier: MIT
#include "patching/baseline_file.h"

#include <unordered_set>
#include <utility>

#include <elf.h>

#include "format/baseline.h"
#include "format/patch_record.h"
#include "processes/errors.h"
#include "processes/text.h"
#include "runtime/elf/debug_file.h"
#include "runtime/objects/patch_file.h"

namespace hotpatch::patching {

namespace {

// "libconn" of "lib/libconn.so.3".
std::string short_name(const std::string& path)
{
  std::string name = path.substr(path.rfind('/') + 1);
  const std::size_t suffix = name.find(".so");
  if (suffix != std::string::npos && suffix != 0)
    name.erase(suffix);
  return name;
}

std::string hexadecimal(const build_id& id)
{
  std::string text;
  for (std::size_t i = 0; i < id.size; ++i)
    append_hex(text, id.bytes[i], 2);
  return text;
}

// Whether the file has the section.
bool read_units(elf_file& file, baseline_image& into)
{
  elf_section section;
  if (!file.find_section(format::baseline_section_name, 0, section) ||
      section.type == SHT_NOBITS)
    return false;
  std::uint64_t size = 0;
  const unsigned char* const bytes = file.expanded(section, size);
  if (bytes == nullptr && size != 0)
    throw tool_error(std::string(file.label()) + ": the section " +
                     format::baseline_section_name +
                     " is damaged; take a copy of the file that is whole");
  parse_section(file.label(), {reinterpret_cast<const char*>(bytes), size},
                into);
  return true;
}

void open_file(const std::string& path, elf_file& file)
{
  throw_if_failed(file.open(path.c_str(), elf_file::access::mapped));
  if (file.is_archive() || file.type() == ET_REL)
    throw tool_error(path +
                     ": patches are made against programs and shared "
                     "objects; name what this is linked into");
}

void read_patch_name(baseline_image& image)
{
  patch_file patch;
  throw_if_failed(patch.open(image.path.c_str()));
  image.patch_name = patch.name();
  image.patch_version = patch.contents().version;
  if (!patch.contents().builds.empty())
    image.patch_build = patch.contents().builds[0];
}

// Symbols and types are looked for there, too.
void name_debug_file(baseline_image& image, const std::string& debug)
{
  throw_if_failed(image.file->use_debug_file(debug.c_str()));
  const build_id theirs = id_of_sections(*image.file->debug_file());
  if (image.file->id().present() && theirs.present() &&
      !(image.file->id() == theirs))
    throw tool_error(debug + ": is not the debug file of " + image.path +
                     ", which has the build-id " + image.build);
}

[[noreturn]] void no_baseline(const baseline_image& image)
{
  if (image.is_patch)
    throw tool_error(
        image.path +
        ": does not say what it changes of the program's sources, because "
        "hp-patch has not made it, or it was stripped; make a patch of all "
        "changes together, against the program alone");
  throw tool_error(image.path +
                   ": has no baseline, which a patch is made against; "
                   "compile the program with -fplugin-arg-hotpatch-baseline, "
                   "or, if it was stripped, give its debug file with --debug");
}

}  // namespace

void parse_section(const std::string& label, std::string_view contents,
                   baseline_image& into)
{
  std::unordered_set<std::string_view> seen;
  while (!contents.empty()) {
    const std::size_t end = contents.find('\0');
    const std::string_view text = contents.substr(0, end);
    if (end == std::string_view::npos)
      throw tool_error(label + ": the baseline is cut off after " +
                       std::to_string(seen.size()) +
                       " units; take a copy of the file that is whole");
    contents.remove_prefix(end + 1);
    // An object that was linked twice.
    if (text.empty() || !seen.insert(text).second)
      continue;
    if (is_change(text))
      into.changes.push_back(parse_change(label, text));
    else
      into.units.push_back(parse_unit(label, text));
  }
}

baseline_image open_baseline(const std::string& path, const std::string& debug)
{
  baseline_image image;
  image.path = path;
  image.name = short_name(path);
  image.file = std::make_shared<elf_file>();
  open_file(path, *image.file);
  image.build = hexadecimal(image.file->id());
  elf_section records;
  image.is_patch =
      image.file->find_section(format::patch_section_name, 0, records);
  if (image.is_patch)
    read_patch_name(image);

  if (!debug.empty())
    name_debug_file(image, debug);
  bool found = debug.empty() && read_units(*image.file, image);
  if (elf_file* const own = found ? nullptr : image.file->debug_file())
    found = read_units(*own, image);
  if (!found && !debug.empty())
    throw tool_error(debug + ": has no section " +
                     format::baseline_section_name +
                     ", so it is not the debug file of a program that was "
                     "compiled with -fplugin-arg-hotpatch-baseline");
  if (!found || (image.units.empty() && image.changes.empty()))
    no_baseline(image);
  return image;
}

}  // namespace hotpatch::patching
