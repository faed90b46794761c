// Trying patches on a process.
//
// SPDX-License-Identifier: MIT
#include "tools/watched_process.h"

#include <algorithm>

#include "outside/target_images.h"
#include "processes/text.h"
#include "processes/threads.h"
#include "processes/trouble.h"
#include "tools/change_patch.h"
#include "tools/messages.h"

namespace hotpatch::tools {

namespace {

std::string id_text(const build_id& id)
{
  std::string text;
  for (std::size_t i = 0; i < id.size; ++i)
    append_hex(text, id.bytes[i], 2);
  return text;
}

}  // namespace

std::set<std::string> watched_process::loaded_builds() const
{
  std::set<std::string> builds;
  try {
    const outside::target_images images(process_);
    for (const outside::target_image& image : images.all())
      if (const build_id id = image.file->id(); id.present())
        builds.insert(id_text(id));
  } catch (const trouble&) {
    // It ended, is a 32-bit program, or belongs to somebody else.
  }
  return builds;
}

void watched_process::try_patch(const watched_patch& patch,
                                const how_options& how)
{
  const bool final = grown_up_.passed();
  try {
    const std::int64_t start = monotonic_now();
    const outside::apply_result result =
        change_patch(change_kind::apply, how, process_, patch.path);
    if (result.changed)
      tell_change(change_kind::apply, how.settings.dry_run, process_, result,
                  monotonic_now() - start);
    settled_.insert(patch.version);
  } catch (const process_busy& busy) {
    if (told_busy_.insert(patch.version).second)
      complain("hp-watch", std::string(busy.what()) + "; it is tried again");
  } catch (const std::exception& failure) {
    if (!final)
      return;
    settled_.insert(patch.version);
    if (incarnation_of(process_) == run_)
      complain("hp-watch",
               process_text(process_) + " is left alone: " + failure.what());
  }
}

void watched_process::apply(const std::vector<const watched_patch*>& patches,
                            const how_options& how)
{
  std::vector<const watched_patch*> open;
  for (const watched_patch* each : patches)
    if (!settled_.contains(each->version))
      open.push_back(each);
  if (open.empty())
    return;
  const bool final = grown_up_.passed();
  const std::set<std::string> builds = loaded_builds();
  for (const watched_patch* each : open)
    if (std::includes(builds.begin(), builds.end(), each->builds.begin(),
                      each->builds.end()))
      try_patch(*each, how);
    else if (final)
      settled_.insert(each->version);
}

}  // namespace hotpatch::tools
