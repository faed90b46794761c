// hp-list: shows the patch sites of files and running processes.
//
// SPDX-License-Identifier: MIT
#include <cerrno>
#include <cstdio>
#include <exception>

#include <argp.h>
#include <unistd.h>

#include "config.h"
#include "tools/list_sites.h"
#include "tools/messages.h"
#include "tools/options.h"
#include "tools/shortened_files.h"

const char* argp_program_version =
    "hp-list (" PACKAGE_NAME ") " PACKAGE_VERSION;

int main(int argc, char** argv)
{
  using namespace hotpatch::tools;
  try {
    tell_of_shortened_files("hp-list", exit_trouble);
    options chosen = parse_options(argc, argv);
    return list_sites(chosen, STDOUT_FILENO);
  } catch (const output_error& failure) {
    // A reader that has seen enough ("hp-list x | head") is no trouble.
    if (failure.error() != EPIPE)
      complain("hp-list", failure.what());
    return exit_trouble;
  } catch (const std::exception& failure) {
    complain("hp-list", failure.what());
    return exit_trouble;
  }
}
