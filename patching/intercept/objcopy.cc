// Stands for objcopy, which the driver runs for -gsplit-dwarf on the object
// that the assembler has made, while hp-patch runs a build.
//
// SPDX-License-Identifier: MIT
#include <algorithm>
#include <set>
#include <string>
#include <vector>

#include "patching/intercept/subprogram.h"

int main(int argc, char** argv)
{
  using namespace hotpatch::patching;
  const std::vector<std::string> arguments(argv + 1, argv + argc);
  if (against_path().empty())
    become_real("objcopy", arguments);
  std::set<std::string> kept = lines_of("kept");
  kept.merge(lines_of("stubs"));
  if (std::any_of(arguments.begin(), arguments.end(),
                  [&](const std::string& each) {
                    return kept.count(real_path(each)) != 0;
                  }))
    return 0;
  become_real("objcopy", arguments);
}
