// The functions of hotpatch.h that load and unload patch objects.
// SPDX-License-Identifier: MIT
#include <cerrno>
#include <cstring>

#include "runtime/base/status.h"
#include "runtime/include/hotpatch.h"
#include "runtime/loading/patch_loader.h"
#include "runtime/transactions/transaction.h"

namespace hotpatch {

namespace {

bool empty(const char* text)
{
  return text == nullptr || *text == '\0';
}

hp_status no_path(const char* path)
{
  return fail(HP_UNREADABLE, "%s: %s", path, std::strerror(errno));
}

}  // namespace

}  // namespace hotpatch

using namespace hotpatch;

extern "C" hp_status hp_load(const char* path, const hp_commit_options* options)
{
  const call_context call = {"hp_load", __builtin_frame_address(0)};
  load_options wanted = {default_options, options == nullptr};
  wanted.commit.timeout_ms = 1000;
  hp_status status = HP_OK;
  if (empty(path))
    status = fail(HP_INVALID, "hp_load: the path is null or empty");
  else if (options != nullptr)
    status = check_options("hp_load", *options);
  if (status == HP_OK && options != nullptr)
    wanted.commit = *options;
  if (status == HP_OK) {
    const whole_path whole(path);
    status = whole ? load_patch_object(call, {whole.text(), -1}, wanted)
                   : no_path(path);
  }
  return log_outcome(call.function, path, status);
}

extern "C" hp_status hp_unload(const char* name,
                               const hp_commit_options* options)
{
  const call_context call = {"hp_unload", __builtin_frame_address(0)};
  constexpr hp_commit_options freeing = {sizeof(hp_commit_options),
                                         HP_QUIESCENT, 0, 1000};
  hp_status status = HP_OK;
  if (empty(name))
    status = fail(HP_INVALID, "hp_unload: the name is null or empty");
  else if (options != nullptr)
    status = check_options("hp_unload", *options);
  if (status == HP_OK)
    status = unload_patch_object(call, name,
                                 options != nullptr ? *options : freeing);
  return log_outcome(call.function, name, status);
}

extern "C" hp_status hp_check(const char* path, hp_finding_visitor visit,
                              void* data)
{
  if (empty(path))
    return fail(HP_INVALID, "hp_check: the path is null or empty");
  const whole_path whole(path);
  if (!whole)
    return no_path(path);
  check_report report(visit, data);
  return check_patch_object({whole.text(), -1}, report);
}
