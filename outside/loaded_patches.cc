// Looking at a process, and checking patch objects against it.
//
// SPDX-License-Identifier: MIT
#include "outside/loaded_patches.h"

#include <algorithm>
#include <cstring>

#include "format/patch_record.h"
#include "outside/site_switch.h"
#include "processes/errors.h"
#include "runtime/base/countermeasure.h"
#include "runtime/base/status.h"
#include "runtime/model/patch_rules.h"
#include "runtime/sites/record_reader.h"

namespace hotpatch::outside {

// Reading the records of every image.

namespace {

// The program's thread-local storage is the first, if it has any: "ELF Handling
// For Thread-Local Storage", section 3.  A shared object's number only the
// dynamic linker knows.
constexpr std::uint64_t programs_tls_module = 1;

// Loads the image's content.  Empty, or why its sites cannot be read.
std::string damage_of(const target_image& image, elf_image& content)
{
  const hp_status status = content.load(*image.file);
  if (status == HP_MALFORMED) {
    // The file is known by its place in /proc.
    const std::string_view label = image.file->label();
    const std::string_view text = last_message();
    return image.path +
           std::string(text.substr(text.starts_with(label) ? label.size() : 0));
  }
  if (status != HP_OK || content.section_count() == 0)
    return {};
  record_reader reader(content.view(), content.section(0));
  record_survey survey;
  record_fault fault;
  if (survey_records(reader, survey, fault) != HP_MALFORMED)
    return {};
  return image.path + ": .hotpatch is damaged: record " +
         std::to_string(fault.record) + ": " + fault.field + ": " +
         fault.reason;
}

}  // namespace

target_program::target_program(const target_images& images)
{
  // The images refer to the texts.
  troubles_.reserve(images.all().size());
  for (const target_image& where : images.all()) {
    program_image image;
    image.path = where.path.c_str();
    image.file = where.file.get();
    image.base = where.bias;
    image.sites_base = where.bias;
    image.is_program = &where == images.program();
    image.tls_module = image.is_program ? programs_tls_module : 0;
    elf_section records;
    image.is_patch =
        where.file->find_section(format::patch_section_name, 0, records);
    auto content = std::make_unique<elf_image>();
    const std::string damage = damage_of(where, *content);
    if (!damage.empty()) {
      if (!HP_COUNTERMEASURE(pass_over_damage))
        throw tool_error(damage);
      image.trouble = troubles_.emplace_back(damage).c_str();
    } else if (content->section_count() != 0) {
      image.view = content->view();
      image.sites = content->section(0);
    }
    contents_.push_back(std::move(content));
    images_.push_back(image);
  }
  std::stable_partition(images_.begin(), images_.end(),
                        [](const program_image& a) { return a.is_program; });
}

namespace {

// Of the images' code.
std::vector<process_mapping> image_mappings(std::vector<process_mapping> maps)
{
  std::erase_if(maps, [](const process_mapping& each) {
    return !each.executable || each.inode == 0;
  });
  return maps;
}

bool same_images(const std::vector<process_mapping>& a,
                 const std::vector<process_mapping>& b)
{
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [](const process_mapping& one, const process_mapping& two) {
                      return one.begin == two.begin && one.end == two.end &&
                             one.offset == two.offset &&
                             one.device == two.device && one.inode == two.inode;
                    });
}

patch_dependency dependency(const patch_need& need)
{
  return {need.name, std::strlen(need.name), need.version};
}

// Where calls go; 0: there is no site, or something else has written there, a
// breakpoint perhaps, which tells nothing.
std::uint64_t active_of(target_memory& memory, const site& where)
{
  if (where.word == 0)
    return 0;
  site_change change;
  change.where = where;
  try {
    site_switch(memory).read_sites({&change, 1});
    return change.active;
  } catch (const tool_error&) {
    return 0;
  }
}

}  // namespace

loaded_patches::loaded_patches(pid_t process, target_memory& memory)
    : process_(process), memory_(memory)
{
  refresh();
}

void loaded_patches::refresh()
{
  patches_.clear();
  images_ = std::make_unique<target_images>(process_);
  program_ = std::make_unique<target_program>(*images_);
  unknown_.clear();
  for (auto& object : loaded_patch_objects(*images_, &unknown_)) {
    loaded_patch found = {std::move(object), {}, {}, {}};
    try {
      found.state = load_state(memory_, *found.object);
    } catch (const tool_error& reason) {
      unknown_.emplace_back(reason.what());
      continue;
    }
    find_sites(found);
    patches_.push_back(std::move(found));
  }
  if (HP_COUNTERMEASURE(sites_tell))
    for (loaded_patch& each : patches_)
      find_lost(each);
}

std::vector<std::string> loaded_patches::damages() const
{
  std::vector<std::string> all = program_->troubles();
  all.insert(all.end(), unknown_.begin(), unknown_.end());
  return all;
}

std::string loaded_patches::changed_since_look() const
{
  if (!same_images(image_mappings(images_->maps()),
                   image_mappings(read_maps(process_))))
    return "a shared object was loaded or unloaded";
  for (const loaded_patch& each : patches_) {
    const auto state =
        memory_.load<format::patch_state>(each.object->state_address());
    if (std::memcmp(&state, &each.state, sizeof state) != 0)
      return "the patch " + each.object->name + " was changed";
  }
  return {};
}

// Where several sites have the name by now, it is the one that the patch was
// applied to.
site loaded_patches::site_that_leads_to(std::uint64_t code,
                                        const patch_replacement& by) const
{
  const name_query query(by.target);
  site found = {};
  for (const program_image& image : program_->images())
    if (!image.is_patch && query.accepts_image(image.path))
      image.for_each_site([&](const site& each) {
        if (is_meant(query, each) && active_of(memory_, each) == code)
          found = each;
        return found.word == 0;
      });
  return found;
}

// A function whose image was unloaded has no site any more.  A replacement may
// be for several sites, and two for the same one, of which the first counts.
void loaded_patches::find_sites(loaded_patch& patch) const
{
  const auto images = program_->images();
  const auto& all = patch.object->contents().replacements;
  const auto add = [&patch](const site& where, std::size_t number) {
    const bool is_known =
        where.word != 0 &&
        std::any_of(patch.sites.begin(), patch.sites.end(),
                    [&](const site& each) { return each.word == where.word; });
    if (is_known)
      return;
    patch.sites.push_back(where);
    patch.replacements.push_back(number);
  };
  for (std::size_t i = 0; i < all.size(); ++i) {
    array<patch_target> found;
    const hp_status status =
        find_targets(patch.object->path.c_str(), all[i], images, found);
    for (const patch_target& each : found)
      add(each.where, i);
    if (status == HP_AMBIGUOUS)
      add(site_that_leads_to(all[i].code + patch.object->bias, all[i]), i);
    if (status != HP_NOT_FOUND ||
        may_be_absent(all[i], {all.data(), all.size()}, images))
      continue;
    add({}, i);
    patch.lost = true;
  }
}

void loaded_patches::find_lost(loaded_patch& patch)
{
  for (const site& where : patch.sites)
    if (const std::uint64_t active = active_of(memory_, where); active != 0)
      patch.lost = patch.lost || active == body_address(where) ||
                   leads_to_older(active, patch, where);
}

bool loaded_patches::leads_to_older(std::uint64_t active,
                                    const loaded_patch& patch,
                                    const site& where) const
{
  for (const loaded_patch& each : patches_)
    for (std::size_t i = 0; i < each.sites.size(); ++i)
      if (each.sites[i].word == where.word && each.code(i) == active &&
          each.state.sequence < patch.state.sequence)
        return true;
  return false;
}

const loaded_patch* loaded_patches::find_name(const std::string& name) const
{
  const loaded_patch* best = nullptr;
  for (const loaded_patch& each : patches_)
    if (each.object->name == name &&
        (best == nullptr || each.state.sequence > best->state.sequence))
      best = &each;
  return best;
}

const loaded_patch* loaded_patches::find_bias(std::uint64_t bias) const
{
  for (const loaded_patch& each : patches_)
    if (each.object->bias == bias)
      return &each;
  return nullptr;
}

std::uint64_t loaded_patches::newest_sequence() const
{
  std::uint64_t newest = 0;
  for (const loaded_patch& each : patches_)
    newest = std::max(newest, each.state.sequence);
  return newest;
}

checked_patch loaded_patches::check_object(patch_object& file,
                                           std::string* copies_left) const
{
  struct findings {
    std::string wrong;
    std::string* copies_left;
  } found = {{}, copies_left};
  const auto collect = [](hp_status status, const char* message, void* data) {
    auto& all = *static_cast<findings*>(data);
    const bool may_stay = status == HP_INLINED && all.copies_left != nullptr;
    std::string& text = may_stay ? *all.copies_left : all.wrong;
    text += text.empty() ? "" : "\n";
    text += message;
  };
  checked_patch result;
  check_report report(collect, &found);
  const hp_status status =
      check_patch(file.file, program_->images(), result, report);
  for (const patch_replacement* each : result.unprepared)
    report.add(fail(HP_UNSUPPORTED,
                    "%s: %s has no site (%s:%u); from outside only functions "
                    "with a site are replaced, so the process has to load the "
                    "patch itself: hp_load(), or a control socket",
                    file.file.label(), each->target, each->file, each->line));
  if (!found.wrong.empty() || status != HP_OK)
    throw tool_error(found.wrong.empty() ? last_message() : found.wrong);
  return result;
}

void loaded_patches::check_needs(const patch_object& patch) const
{
  for (const patch_need& need : patch.contents().needs) {
    const loaded_patch* found = find_name(need.name);
    const bool is_applied = found != nullptr && found->is_applied();
    const std::uint32_t version =
        is_applied ? found->object->contents().version : 0;
    throw_if_failed(check_dependency(patch.name.c_str(), false,
                                     dependency(need),
                                     is_applied ? &version : nullptr));
  }
}

void loaded_patches::check_unneeded(const std::string& name) const
{
  for (const loaded_patch& other : patches_)
    for (const patch_need& need : other.object->contents().needs)
      if (other.is_noted_applied() && name == need.name)
        throw_if_failed(check_dependency(other.object->name.c_str(), true,
                                         dependency(need), nullptr));
}

}  // namespace hotpatch::outside
