// Who leads into an object, and who is inside.
// SPDX-License-Identifier: MIT
#include "runtime/loading/image_release.h"

#include <algorithm>
#include <cstdint>
#include <link.h>

#include "runtime/base/array.h"
#include "runtime/base/countermeasure.h"
#include "runtime/base/status.h"
#include "runtime/library/library.h"
#include "runtime/stacks/code_ranges.h"
#include "runtime/threads/quiescence.h"

namespace hotpatch {

namespace {

// An object's place in memory, and what of it can be executed.
struct image_code {
  std::uint64_t wanted;
  std::uint64_t begin = UINT64_MAX;
  std::uint64_t end = 0;
  array<char> path;
  array<code_range> ranges;
  bool found = false;
  bool enough = true;

  explicit image_code(const void* code) noexcept
      : wanted(reinterpret_cast<std::uint64_t>(code))
  {
  }

  bool contains(std::uint64_t address) const noexcept
  {
    return address - begin < end - begin;
  }
  template <typename Pointee>
  bool contains(Pointee* address) const noexcept
  {
    return contains(reinterpret_cast<std::uint64_t>(address));
  }
};

template <typename Visit>
void for_each_segment(const dl_phdr_info& info, Visit visit)
{
  for (int i = 0; i < info.dlpi_phnum; ++i) {
    const ElfW(Phdr)& segment = info.dlpi_phdr[i];
    const std::uint64_t begin = info.dlpi_addr + segment.p_vaddr;
    if (segment.p_type == PT_LOAD)
      visit(begin, begin + segment.p_memsz, (segment.p_flags & PF_X) != 0);
  }
}

int find_code(dl_phdr_info* info, std::size_t, void* data)
{
  auto& code = *static_cast<image_code*>(data);
  for_each_segment(*info, [&](std::uint64_t begin, std::uint64_t end, bool) {
    code.found = code.found || code.wanted - begin < end - begin;
  });
  if (!code.found)
    return 0;
  code.enough = assign_text(code.path, info->dlpi_name);
  for_each_segment(*info, [&](std::uint64_t begin, std::uint64_t end,
                              bool executable) {
    code.begin = std::min(code.begin, begin);
    code.end = std::max(code.end, end);
    if (executable && code.enough)
      code.enough =
          code.ranges.append({begin, end, code.path.data(), code_kind::whole});
  });
  return 1;
}

hp_status locate(image_code& code)
{
  dl_iterate_phdr(find_code, &code);
  if (!code.found)
    return fail(HP_INVALID, "no loaded object lies at %#lx", code.wanted);
  if (!code.enough)
    return fail(HP_NO_MEMORY, "no memory to look for threads in an object");
  // The executable has an empty name; this library is linked with -z nodelete.
  if (*code.path.data() == '\0' || code.contains(&release_image))
    return fail(HP_INVALID,
                "what lies at %#lx stays loaded until the process ends: it is "
                "the program itself, or libhotpatch",
                code.wanted);
  return HP_OK;
}

hp_status leads_there(const image_code& code, const site_state& state)
{
  for (const replacement& each : state.replacements)
    if (code.contains(each.target))
      return fail(HP_NEEDED,
                  "%s is replaced by a function in %s, at %#lx: revert it "
                  "before the object is released",
                  state.site.name, code.path.data(), each.target);
  return HP_OK;
}

hp_status leads_there(const image_code& code, const hp_patch_info& info)
{
  for (const std::uint64_t hook : hooks_of(info))
    if (code.contains(hook))
      return fail(HP_NEEDED,
                  "patch \"%s\" has a hook in %s, at %#lx: take the patch away "
                  "before the object is released",
                  info.name, code.path.data(), hook);
  return HP_OK;
}

// Where a thread may be on its way through the cell.
bool append_way(image_code& code, const site_code& site)
{
  if (site.entry == nullptr)
    return code.ranges.append(pre_pad_of(site));
  const entry_ranges all = ranges_of_entry(site);
  for (const code_range& each : all.on_the_way())
    if (!code.ranges.append(each))
      return false;
  return true;
}

// Also notes the pads and junctions in which a thread may be on its way into
// the object: a far jump's cell keeps its last target when the jump is no
// longer active.
hp_status check_unused(image_code& code, patches& all)
{
  hp_status status = HP_OK;
  for (const named_patch* each : all.named())
    if (status == HP_OK)
      status = leads_there(code, each->info);
  all.for_each([&](const site_state& state) {
    if (status == HP_OK)
      status = leads_there(code, state);
    if (status == HP_OK && state.cell != 0 && HP_COUNTERMEASURE(search_pads) &&
        code.contains(state.cell_target) && !append_way(code, state.site))
      status = fail(HP_NO_MEMORY, "no memory to look for threads in an object");
  });
  all.all_junctions().for_each_code([&](std::uint64_t begin,
                                        std::uint64_t end) {
    if (status == HP_OK &&
        !code.ranges.append({begin, end, code.path.data(), code_kind::body}))
      status = fail(HP_NO_MEMORY, "no memory to look for threads in an object");
  });
  return status;
}

}  // namespace

hp_status release_image(const call_context& call, const void* address,
                        deadline until) noexcept
{
  void* reference = nullptr;
  hp_status status = HP_OK;
  for (time_slices time(until);;) {
    bool may_succeed_later = false;
    status = library::locked([&](library& self) {
      hp_status result = self.sites().refresh();
      image_code code(address);
      if (result == HP_OK)
        result = locate(code);
      if (result == HP_OK)
        result = check_unused(code, self.all_patches());
      if (result != HP_OK)
        return result;
      quiescence moment;
      result = moment.reach({code.ranges.data(), code.ranges.size()},
                            time.slice(), call);
      may_succeed_later = result == HP_BUSY && !moment.caller_was_inside();
      if (result == HP_OK)
        reference = self.kept().take(code.begin, code.end);
      return result;
    });
    if (!may_succeed_later || !time.go_on())
      break;
  }
  close_image(reference);
  return status;
}

}  // namespace hotpatch
