// Takes the addresses of all functions from dlsym(): what POINTERS callers call
// through is set to them.
// SPDX-License-Identifier: MIT
#include <dlfcn.h>
#include <string>

#include "bench/calls/calls.h"

bool bench::prepare(const char*)
{
  for (const char* name : {"leaf", "pushes", "tail"})
    for (int i = 0; i < 64; ++i) {
      const std::string function = std::string(name) + "_" + std::to_string(i);
      void* variable = dlsym(RTLD_DEFAULT, ("pointer_" + function).c_str());
      void* found = dlsym(RTLD_DEFAULT, function.c_str());
      if (variable == nullptr || found == nullptr)
        return false;
      *static_cast<void**>(variable) = found;
    }
  return true;
}
