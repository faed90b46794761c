// The functions of hotpatch.h about the control socket.
// SPDX-License-Identifier: MIT
#include "runtime/base/status.h"
#include "runtime/control/control_thread.h"
#include "runtime/include/hotpatch.h"
#include "runtime/transactions/transaction.h"

using namespace hotpatch;

extern "C" hp_status hp_control_open(const char* path)
{
  const hp_status status =
      path != nullptr && *path == '\0'
          ? fail(HP_INVALID, "hp_control_open: the path is empty")
          : open_control(path);
  return log_outcome("hp_control_open", control_path(), status);
}

extern "C" hp_status hp_control_close(void)
{
  return log_outcome("hp_control_close", nullptr, close_control());
}

extern "C" const char* hp_control_path(void)
{
  return control_path();
}
