// hp-apply: applies patch objects to running processes.
//
// SPDX-License-Identifier: MIT
#include <argp.h>

#include "config.h"
#include "tools/change_processes.h"
#include "tools/messages.h"

const char* argp_program_version =
    "hp-apply (" PACKAGE_NAME ") " PACKAGE_VERSION;

int main(int argc, char** argv)
{
  using namespace hotpatch::tools;
  tell_of_shortened_files("hp-apply", exit_cut_off, look_at_process);
  return change_processes(change_kind::apply,
                          parse_change_options(change_kind::apply, argc, argv));
}
