// hp-watch: applies directories of patch objects to processes as they start.
//
// SPDX-License-Identifier: MIT
#include <exception>

#include <argp.h>

#include "config.h"
#include "tools/messages.h"
#include "tools/watching.h"

const char* argp_program_version =
    "hp-watch (" PACKAGE_NAME ") " PACKAGE_VERSION;

int main(int argc, char** argv)
{
  using namespace hotpatch::tools;
  tell_of_shortened_files("hp-watch", exit_cut_off, look_at_process);
  const watch_options chosen = parse_watch_options(argc, argv);
  try {
    watch(chosen);
    return 0;
  } catch (const std::exception& failure) {
    complain("hp-watch", failure.what());
    return 1;
  }
}
