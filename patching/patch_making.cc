// The steps of making patches.
//
// SPDX-License-Identifier: MIT
#include "patching/patch_making.h"

#include <algorithm>
#include <filesystem>
#include <map>
#include <memory>
#include <set>
#include <span>

#include <sys/stat.h>

#include "patching/against_directory.h"
#include "patching/child_commands.h"
#include "patching/compile_commands.h"
#include "patching/image_set.h"
#include "patching/libtool_files.h"
#include "patching/new_sources.h"
#include "patching/scratch_tree.h"
#include "patching/source_tree.h"
#include "patching/unit_table.h"
#include "runtime/base/countermeasure.h"
#include "runtime/base/deadline.h"
#include "runtime/base/status.h"

namespace hotpatch::patching {

namespace {

std::vector<baseline_image> open_images(const making_options& options)
{
  std::vector<baseline_image> images;
  for (const against_file& each : options.against)
    images.push_back(open_baseline(each.path, each.debug));
  return images;
}

std::string joined(const std::vector<std::string>& texts)
{
  std::string all;
  for (const std::string& each : texts)
    all += (all.empty() ? "" : "\n") + each;
  return all;
}

std::string plural(std::size_t count, const std::string& one)
{
  return std::to_string(count) + " " + one + (count == 1 ? "" : "s");
}

class patch_making {
 public:
  explicit patch_making(const making_options& options)
      : options_(options),
        images_(open_images(options)),
        units_(images_),
        jobs_(options.jobs != 0 ? options.jobs : processors())
  {
    against_.write(units_);
    against_.write(images_);
  }

  made_patches all()
  {
    const std::int64_t start = monotonic_now();
    const int status = options_.database.empty() ? build() : compile_changed();
    made_.results = read_results(against_.path());
    read_symbols(made_.results);
    refuse_what_cannot_be();
    check_build(status);
    find_tree();
    check_complete();
    take_units();
    take_new_sources();
    link_all();
    finish(start);
    return std::move(made_);
  }

 private:
  int build();
  int compile_changed();
  std::vector<compile_command> choose_commands();
  void find_database_tree(const std::vector<compile_command>& commands);
  void check_files(const std::vector<compile_command>& commands) const;
  bool is_chosen(const std::string& file) const;
  void refuse_what_cannot_be() const;
  void check_build(int status) const;
  void find_tree();
  void check_complete();
  [[noreturn]] void refuse_missing(const std::vector<std::size_t>& missing,
                                   source_tree& tree) const;
  void take_units();
  void take_new_sources();
  std::set<std::string> missing_symbols(std::size_t image) const;
  std::vector<new_source> candidates() const;
  std::string why_missing(const std::string& symbol) const;
  void link_all();
  void link_one(std::size_t image);
  patch_statement statement_of(std::size_t image) const;
  std::string output_of(const std::string& name) const;
  std::size_t images_with_code() const;
  image_set& images_for(std::size_t image);
  void finish(std::int64_t start);

  const making_options& options_;
  const std::vector<baseline_image> images_;
  const unit_table units_;
  const std::size_t jobs_;
  std::optional<libtool_files> kept_;  // longer than the stubs of a build
  const against_directory against_;
  std::unique_ptr<scratch_tree> scratch_;
  std::optional<moved_tree> moved_;
  std::vector<compile_command> unknown_;  // of a database: in no baseline
  std::vector<std::size_t> asked_;        // units that have to have a result
  std::vector<std::string> logs_;
  std::map<std::size_t, std::vector<const unit_result*>> by_image_;
  std::map<std::size_t, std::unique_ptr<image_set>> sets_;
  made_patches made_;
};

// --- The build ---------------------------------------------------------------

int patch_making::build()
{
  for (std::size_t i = 0; i < units_.size(); ++i)
    asked_.push_back(i);
  std::string directory;
  if (!options_.diff.empty()) {
    const std::string here = std::filesystem::current_path();
    const std::string source = options_.source.empty() ? here : options_.source;
    scratch_ = std::make_unique<scratch_tree>(source, options_.diff);
    directory = scratch_->place_of(here);
    moved_ = moved_tree{scratch_->path(),
                        std::filesystem::canonical(source).string()};
    against_.write(*moved_);
  } else {
    kept_.emplace(std::filesystem::current_path());
  }
  logs_ = {against_.file("log")};
  return run_build(against_, options_.build, directory, options_.shown);
}

// Nothing has to be built to see what changed.
int patch_making::compile_changed()
{
  const std::vector<compile_command> commands = choose_commands();
  const auto environment = against_environment(against_);
  std::vector<child_command> children;
  for (const compile_command& each : commands) {
    const std::string number = std::to_string(children.size());
    logs_.push_back(
        options_.shown.shows_output ? "" : against_.file("log-" + number));
    children.push_back(
        {with_output(each, against_.file("asked-" + number + ".stub")),
         each.directory, environment, logs_.back()});
  }
  progress_line line(against_, options_.shown.shows_progress);
  const std::vector<int> status =
      run_commands(children, jobs_, [&] { line.show(); });
  const auto worst = std::max_element(status.begin(), status.end());
  return worst == status.end() ? 0 : *worst;
}

// The database may be of a tree that was at another place.
void patch_making::find_database_tree(
    const std::vector<compile_command>& commands)
{
  std::set<std::string> files;
  for (const compile_command& each : commands)
    files.insert(each.file);
  std::optional<moved_tree> moved;
  for (const numbered_unit& each : units_.all()) {
    const std::string path = normal_path(each.unit->directory, each.unit->file);
    if (files.count(path) != 0)
      return;
    for (const compile_command& command : commands)
      if (!moved && command.file.ends_with(
                        std::filesystem::path(path).filename().string()))
        moved = find_move(command.directory, each.unit->directory);
  }
  moved_ = moved;
}

bool patch_making::is_chosen(const std::string& file) const
{
  const std::string here = std::filesystem::current_path();
  return options_.files.empty() ||
         std::any_of(options_.files.begin(), options_.files.end(),
                     [&](const std::string& each) {
                       return normal_path(here, each) == file;
                     });
}

void patch_making::check_files(
    const std::vector<compile_command>& commands) const
{
  const std::string here = std::filesystem::current_path();
  for (const std::string& each : options_.files)
    if (std::none_of(commands.begin(), commands.end(),
                     [&](const compile_command& command) {
                       return command.file == normal_path(here, each);
                     }))
      throw tool_error(
          each + ": is not in " + options_.database +
          "; name a source as the compiler gets it, or none for all");
}

std::vector<compile_command> patch_making::choose_commands()
{
  const std::vector<compile_command> commands =
      read_compile_commands(options_.database);
  check_files(commands);
  find_database_tree(commands);
  source_tree tree(moved_);
  std::multimap<std::string, std::size_t> by_file;
  for (std::size_t i = 0; i < units_.size(); ++i) {
    const baseline_unit& unit = *units_[i].unit;
    by_file.emplace(normal_path("/", tree.path_of(unit, unit.file)), i);
  }
  std::vector<compile_command> chosen;
  std::set<std::size_t> with_command;
  for (const compile_command& each : commands) {
    const auto [first, last] = by_file.equal_range(each.file);
    bool has_changed = false;
    for (auto at = first; at != last; ++at) {
      with_command.insert(at->second);
      if (tree.changes(*units_[at->second].unit).empty())
        continue;
      if (!is_chosen(each.file)) {
        made_.warnings.push_back(each.file +
                                 " has changed, too, and is not in the patch");
        continue;
      }
      has_changed = true;
      asked_.push_back(at->second);
    }
    if (has_changed)
      chosen.push_back(each);
    if (first == last)
      unknown_.push_back(each);
  }
  std::vector<std::string> lost;
  for (std::size_t i = 0; i < units_.size(); ++i)
    if (with_command.count(i) == 0 && options_.files.empty() &&
        !tree.changes(*units_[i].unit).empty())
      lost.push_back(units_[i].unit->file + " has changed since " +
                     images_[units_[i].images.front()].path +
                     " was built, and is not in " + options_.database +
                     "; have the database written again");
  if (!lost.empty())
    throw refused(lost);
  return chosen;
}

// --- What the build has shown ------------------------------------------------

void patch_making::refuse_what_cannot_be() const
{
  std::vector<std::string> reasons;
  std::set<std::size_t> understood;
  for (const unit_result& each : made_.results) {
    for (const std::string& reason : each.refusals)
      if (std::find(reasons.begin(), reasons.end(), reason) == reasons.end())
        reasons.push_back(reason);
    if (each.unit &&
        (each.kind == result_kind::patch || each.kind == result_kind::same))
      understood.insert(*each.unit);
    if (each.unit && *each.unit >= units_.size())
      throw tool_error(each.path +
                       ": is of a unit that there is not; install "
                       "hp-patch and the plugin from one build");
  }
  for (const std::string& object : against_.lines("failed"))
    reasons.push_back(object +
                      ": what the compiler has made of its new code cannot be "
                      "assembled, which is a fault of hotpatch; -v shows the "
                      "assembler's messages");
  for (const unit_result& each : made_.results) {
    if (each.kind != result_kind::options || !each.unit ||
        !understood.insert(*each.unit).second)
      continue;
    std::string reason = each.source +
                         ": is compiled in another way than for " +
                         images_[units_[*each.unit].images.front()].path;
    for (const std::string& difference : each.differences)
      reason += "; " + difference;
    reasons.push_back(reason +
                      "; build it as it was built, or only what it belongs to");
  }
  if (!reasons.empty())
    throw refused(reasons);
}

void patch_making::check_build(int status) const
{
  if (status == 0)
    return;
  std::string said;
  for (const std::string& log : logs_)
    said += log.empty() ? "" : read_whole_file(log).value_or("");
  const std::string what = options_.database.empty()
                               ? "\"" + shell_text(options_.build) +
                                     "\" ended with status " +
                                     std::to_string(status)
                               : "a source cannot be compiled";
  throw build_failed(what + "; nothing was made", said);
}

// Where the tree is, if it is not where it was built: as the compiler says of a
// unit, or else this directory.
void patch_making::find_tree()
{
  if (moved_)
    return;
  for (const unit_result& each : made_.results)
    if (each.unit && !each.directory.empty()) {
      moved_ = move_between(each.directory, units_[*each.unit].unit->directory);
      return;
    }
  const std::string here = std::filesystem::current_path();
  for (const numbered_unit& each : units_.all())
    if (each.unit->directory.starts_with(here) ||
        here.starts_with(each.unit->directory))
      return;
  for (const numbered_unit& each : units_.all())
    if ((moved_ = find_move(here, each.unit->directory)) ||
        (moved_ = find_moved_unit(here, *each.unit)))
      return;
}

// Whatever the build did or left out: a unit of which a file has changed is in
// the patch, or there is none.
void patch_making::check_complete()
{
  source_tree tree(moved_);
  std::map<std::size_t, result_kind> kinds;
  std::set<std::pair<std::string, std::string>> compared;
  for (const unit_result& each : made_.results) {
    compared.insert({each.directory, each.source});
    if (each.unit && each.finished &&
        (each.kind == result_kind::patch || each.kind == result_kind::same))
      kinds.emplace(*each.unit, each.kind);
  }
  std::vector<std::size_t> missing;
  for (const std::size_t number : asked_) {
    if (tree.changes(*units_[number].unit).empty())
      continue;
    ++made_.changed;
    if (HP_COUNTERMEASURE(complete_patch) && kinds.count(number) == 0)
      missing.push_back(number);
  }
  made_.compared = compared.size();
  if (!missing.empty())
    refuse_missing(missing, tree);
}

void patch_making::refuse_missing(const std::vector<std::size_t>& missing,
                                  source_tree& tree) const
{
  std::vector<std::string> reasons;
  for (const std::size_t number : missing) {
    const baseline_unit& unit = *units_[number].unit;
    const std::vector<std::string> changes = tree.changes(unit);
    std::string reason = unit.file + " was not compared with its baseline";
    if (changes.front() != unit.file)
      reason += ", although " + changes.front() + " has changed";
    else
      reason += ", although it has changed";
    reasons.push_back(reason);
  }
  constexpr std::size_t most = 10;
  if (reasons.size() > most) {
    const std::size_t more = reasons.size() - most;
    reasons.resize(most);
    reasons.push_back("and " + plural(more, "other unit"));
  }
  if (!against_.lines("assembled").empty() && made_.results.empty())
    reasons.emplace_back(
        "the build compiles, but without the plugin that the program was "
        "compiled with: give its options to this build as well "
        "(-fplugin=hotpatch.so -fplugin-arg-hotpatch-baseline)");
  else if (!options_.database.empty())
    reasons.push_back("the commands of " + options_.database +
                      " compile it without the plugin; have the database "
                      "written by the build that uses it");
  else
    reasons.emplace_back(
        "the build takes its object for up to date, or does not build it: "
        "have it compile everything, as make -B does; nothing of the tree is "
        "written over");
  throw refused(reasons);
}

// --- What the patches are made of --------------------------------------------

// The first of several results of a unit, as libtool compiles it twice.
void patch_making::take_units()
{
  std::set<std::size_t> taken;
  for (const unit_result& each : made_.results) {
    made_.cpu_seconds += each.seconds;
    if (!each.unit || !each.finished || !each.has_code() ||
        !taken.insert(*each.unit).second)
      continue;
    for (const std::size_t image : units_[*each.unit].images)
      by_image_[image].push_back(&each);
  }
}

image_set& patch_making::images_for(std::size_t image)
{
  std::unique_ptr<image_set>& set = sets_[image];
  if (!set)
    set = std::make_unique<image_set>(images_, image,
                                      by_image_.at(image).front()->driver);
  return *set;
}

std::set<std::string> patch_making::missing_symbols(std::size_t image) const
{
  std::set<std::string> wanted;
  for (const unit_result* each : by_image_.at(image))
    for (const std::string& symbol : each->needs)
      if (!sets_.at(image)->has(symbol))
        wanted.insert(symbol);
  for (const unit_result* each : by_image_.at(image))
    for (const std::string& symbol : each->defines)
      wanted.erase(symbol);
  return wanted;
}

std::vector<new_source> patch_making::candidates() const
{
  std::vector<new_source> sources = noted_sources(against_);
  for (const compile_command& each : unknown_)
    if (each.uses_plugin())
      sources.push_back({each.file, each.directory, each.arguments, ""});
  return sources;
}

std::string patch_making::why_missing(const std::string& symbol) const
{
  std::string users;
  for (const auto& [image, results] : by_image_)
    for (const unit_result* each : results)
      if (std::find(each->needs.begin(), each->needs.end(), symbol) !=
          each->needs.end())
        users = each->source;
  return (users.empty() ? "the patch" : users + ":") + " needs " + symbol +
         ", and neither the program nor a source of this build defines it; "
         "have this build compile its source, with the plugin, also if its "
         "object is up to date (make -B)";
}

void patch_making::take_new_sources()
{
  std::map<std::size_t, std::set<std::string>> wanted;
  std::set<std::string> all;
  for (const auto& [image, results] : by_image_) {
    images_for(image);
    wanted[image] = missing_symbols(image);
    all.insert(wanted[image].begin(), wanted[image].end());
  }
  if (by_image_.empty())
    return;
  std::vector<new_source> sources = candidates();
  // Of what a database has, nothing was compiled yet: hooks are not known.
  std::erase_if(sources, [&](const new_source& each) {
    return !may_be_wanted(each, all);
  });
  if (!sources.empty())
    compile_new_sources(against_, sources, jobs_);
  const std::vector<unit_result> before = std::move(made_.results);
  made_.results = read_results(against_.path());
  read_symbols(made_.results);
  by_image_.clear();
  made_.cpu_seconds = 0;
  take_units();

  for (auto& [image, results] : by_image_)
    for (const unit_result* each : choose_new(
             made_.results, wanted[image], [&](const std::string& symbol) {
               return sets_.at(image)->has(symbol);
             }))
      results.push_back(each);
}

// --- The patch objects -------------------------------------------------------

std::size_t patch_making::images_with_code() const
{
  return by_image_.size();
}

patch_statement patch_making::statement_of(std::size_t image) const
{
  const std::set<std::size_t>& earlier = units_.needs(image);
  patch_statement said;
  said.name = options_.name;
  if (said.name.empty()) {
    said.name = images_[image].name + "-fix";
    if (!earlier.empty())
      said.name += std::to_string(earlier.size() + 1);
  } else if (images_with_code() > 1) {
    said.name += "-" + images_[image].name;
  }
  said.version = options_.version.value_or(1);
  said.description = options_.description;
  said.level = options_.level;
  said.needs = options_.needs;
  for (const std::size_t patch : earlier) {
    said.needs.emplace_back(images_[patch].patch_name,
                            images_[patch].patch_version);
    if (images_[patch].patch_name == said.name)
      throw tool_error(images_[patch].path + ": is the patch " + said.name +
                       ", which the new one needs; give this one another name "
                       "with --name");
  }
  said.build = images_[image].build;
  return said;
}

std::string patch_making::output_of(const std::string& name) const
{
  if (options_.output.empty())
    return name + ".so";
  if (options_.output.ends_with('/') ||
      std::filesystem::is_directory(options_.output))
    return (std::filesystem::path(options_.output) / (name + ".so")).string();
  if (images_with_code() > 1)
    throw tool_error(
        "several images have changed, and each gets a patch of its "
        "own; name a directory with -o");
  return options_.output;
}

void patch_making::link_one(std::size_t image)
{
  const std::vector<const unit_result*>& results = by_image_.at(image);
  const patch_statement said = statement_of(image);
  made_patch made{images_[image].path,
                  output_of(said.name),
                  said.name,
                  said.version,
                  said.build,
                  said.needs,
                  0,
                  {},
                  {},
                  {}};
  patch_link link;
  link.libraries = images_for(image).libraries();
  link.scratch = against_.path();
  link.output = against_.file("linked-" + std::to_string(image) + ".so");
  for (const unit_result* each : results) {
    struct stat about;
    if (stat(each->object().c_str(), &about) != 0)
      throw tool_error(
          each->source +
          ": its new code was not assembled; the build runs another "
          "assembler than the compiler's own, by -B or a wrapper: "
          "leave that out of this build");
    if (link.driver.empty() || each->language == "C++") {
      link.driver = each->driver;
      link.directory = each->directory;
      if (each->unit)
        link.options = units_[*each->unit].unit->options;
    }
    link.objects.push_back(each->object());
    made.units.push_back(*each);
  }
  link_patch(link, said);

  patch_file patch;
  if (patch.open(link.output.c_str()) != HP_OK)
    throw tool_error(last_message());
  made.name = patch.name();
  made.version = patch.contents().version;
  made.size = patch.bytes().size();
  for (const patch_import& each : patch.contents().imports)
    ((each.flags & format::patch_function) != 0 ? made.imported_functions
                                                : made.imported_variables)
        .emplace_back(each.named ? each.target : each.symbol);
  std::vector<std::string> reasons;
  for (const std::string& symbol : images_for(image).undefined(patch))
    reasons.push_back(why_missing(symbol));
  if (reasons.empty())
    reasons = images_for(image).objections(patch);
  for (std::string& each : reasons)
    if (each.starts_with(link.output))
      each.replace(0, link.output.size(), made.output);
  if (!reasons.empty())
    throw refused(reasons);
  made_.patches.push_back(std::move(made));
}

// Each is written only when all are known to be good.
void patch_making::link_all()
{
  for (const auto& [image, results] : by_image_)
    link_one(image);
  std::size_t at = 0;
  for (const auto& [image, results] : by_image_)
    put_in_place(against_.file("linked-" + std::to_string(image) + ".so"),
                 made_.patches[at++].output);
}

void patch_making::finish(std::int64_t start)
{
  made_.seconds = static_cast<double>(monotonic_now() - start) / 1e9;
}

}  // namespace

refused::refused(std::vector<std::string> reasons)
    : tool_error(joined(reasons)), reasons_(std::move(reasons))
{
}

made_patches make_patches(const making_options& options)
{
  return patch_making(options).all();
}

}  // namespace hotpatch::patching
