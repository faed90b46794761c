// Reading, selecting and showing, file by file or image by image.
//
// SPDX-License-Identifier: MIT
#include "tools/list_sites.h"

#include <algorithm>
#include <memory>

#include "processes/proc_path.h"
#include "processes/text.h"
#include "processes/threads.h"
#include "processes/trouble.h"
#include "tools/demangled_names.h"
#include "tools/detail_view.h"
#include "tools/file_sites.h"
#include "tools/json_view.h"
#include "tools/live_sites.h"
#include "tools/messages.h"
#include "tools/selection.h"
#include "tools/table_view.h"

namespace hotpatch::tools {

namespace {

// How many sites are in which state, for the last line about a process.
struct state_counts {
  std::size_t images = 0;
  std::size_t sites = 0;
  std::size_t by_form[4] = {};
};

std::string no_sites(bool unfinished)
{
  if (unfinished)
    return ": has no .hotpatch section; its code, and the sites in it, are "
           "made when it is linked (link-time optimisation): list what it is "
           "linked to";
  return ": has no .hotpatch section, so no function in it can be patched; "
         "compile it with -fplugin=hotpatch.so";
}

class lister {
 public:
  lister(const options& chosen, int descriptor)
      : chosen_(chosen),
        paint_(choose_colours(chosen.colour, descriptor)),
        out_(descriptor)
  {
    if (chosen.shown == view::json)
      json_ = std::make_unique<json_document>(out_, chosen.pid);
  }

  void list_file(const std::string& path);
  void list_process();
  exit_status finish();

 private:
  void show(listing& shown);
  void show_text(const listing& shown, const selection& rows);
  void heading(const listing& shown);
  void summary();
  void say(const std::string& path, const std::string& message,
           exit_status status);

  const options& chosen_;
  const colours& paint_;
  output out_;
  std::unique_ptr<json_document> json_;
  std::size_t matching_ = 0;  // sites shown for the current file
  bool blank_line_ = false;   // between two images
  state_counts counts_;
  exit_status status_ = exit_listed;
};

void lister::say(const std::string& path, const std::string& message,
                 exit_status status)
{
  out_.flush();
  complain("hp-list", message);
  if (json_ && status == exit_trouble)
    json_->add_problem(path, message);
  status_ = std::max(status_, status);
}

void lister::heading(const listing& shown)
{
  bool several = chosen_.files.size() > 1 || !shown.member.empty();
  if (!several && chosen_.pid == 0)
    return;
  std::string& text = out_.text();
  if (blank_line_)
    text += '\n';
  blank_line_ = true;
  text += paint_.title;
  append_printable(text, shown.title());
  text += ':';
  text += paint_.reset;
  text += '\n';
}

void lister::show_text(const listing& shown, const selection& rows)
{
  heading(shown);
  if (chosen_.shown == view::detail)
    show_detail(shown, rows, paint_, out_);
  else
    show_table(shown, rows, {chosen_.demangle, paint_}, out_);
}

void lister::show(listing& shown)
{
  if (needs_demangled(chosen_))
    demangle_names(shown);
  selection rows = select_rows(shown, chosen_);
  matching_ += rows.size();
  ++counts_.images;
  counts_.sites += rows.size();
  if (shown.is_live())
    for (std::uint32_t number : rows)
      ++counts_.by_form[static_cast<unsigned>(shown.live[number].form)];
  if (chosen_.shown == view::count || rows.empty())
    return;
  if (json_)
    json_->add(shown, rows);
  else
    show_text(shown, rows);
}

void lister::list_file(const std::string& path)
{
  matching_ = 0;
  try {
    file_content found = read_file(path);
    for (listing& one : found.images)
      show(one);
    if (chosen_.shown == view::count) {
      std::string& text = out_.text();
      if (chosen_.files.size() > 1) {
        append_printable(text, path);
        text += ": ";
      }
      append_decimal(text, matching_);
      text += '\n';
    }
    if (found.images.empty())
      say(path, path + no_sites(found.unfinished), exit_no_sites);
    else if (matching_ == 0)
      say(path, path + ": no site matches", exit_no_sites);
  } catch (const output_error&) {
    throw;
  } catch (const std::exception& failure) {
    say(path, failure.what(), exit_trouble);
  }
}

void lister::summary()
{
  auto part = [this](word_form form) {
    append_decimal(out_.text(), counts_.by_form[static_cast<unsigned>(form)]);
  };
  std::string& text = out_.text();
  append_decimal(text, counts_.sites);
  text += counts_.sites == 1 ? " site in " : " sites in ";
  append_decimal(text, counts_.images);
  text += counts_.images == 1 ? " image: " : " images: ";
  part(word_form::pristine);
  text += " original, ";
  part(word_form::near);
  text += " patched near, ";
  part(word_form::far);
  text += " patched far, ";
  part(word_form::foreign);
  text += " foreign\n";
}

void lister::list_process()
{
  std::string path = proc_path(chosen_.pid);
  try {
    live_process process(chosen_.pid);
    process.for_each_image(
        [this](listing& shown) { show(shown); },
        [this](const std::string& image, const std::string& message) {
          say(image, message, exit_trouble);
        });
  } catch (const output_error&) {
    throw;
  } catch (const std::exception& failure) {
    say(path, process_lines(chosen_.pid, failure.what()), exit_trouble);
    return;
  }
  if (counts_.images == 0 && status_ == exit_listed)
    say(path,
        process_text(chosen_.pid) +
            ": no image has a .hotpatch section, so none of its functions "
            "can be patched; compile it with -fplugin=hotpatch.so",
        exit_no_sites);
  else if (counts_.sites == 0 && status_ == exit_listed)
    say(path, process_text(chosen_.pid) + ": no site matches", exit_no_sites);
  if (json_)
    return;
  if (chosen_.shown == view::count) {
    append_decimal(out_.text(), counts_.sites);
    out_.text() += '\n';
  } else if (counts_.images != 0) {
    out_.text() += chosen_.shown == view::table ? "\n" : "";
    summary();
  }
}

exit_status lister::finish()
{
  if (json_)
    json_->finish();
  out_.flush();
  return status_;
}

}  // namespace

exit_status list_sites(const options& chosen, int descriptor)
{
  lister work(chosen, descriptor);
  if (chosen.pid != 0)
    work.list_process();
  else
    for (const std::string& path : chosen.files)
      work.list_file(path);
  return work.finish();
}

}  // namespace hotpatch::tools
