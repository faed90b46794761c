// Asks the layer that reads sites what this process has, command by command:
//
//   load PATH      dlopen
//   unload PATH    dlclose
//   count          the number of sites
//   find NAME      "NAME in IMAGE = what the function at the symbol returns",
//                  or the status and its message
//   which NAME     the same without calling it
//   here           the site whose symbol is the last one found
//   list           all names, in the order of for_each
//   id             whether the image last found in is still loaded
//   wait           until a line arrives on the standard input
//   chroot DIR     as it says
//
// SPDX-License-Identifier: MIT
#include <cstdio>
#include <cstring>

#include <dlfcn.h>
#include <unistd.h>

#include "runtime/base/status.h"
#include "runtime/sites/process_sites.h"

using namespace hotpatch;

namespace {

process_sites sites;
located_site last;

void print_place(const located_site& found)
{
  const char* slash = std::strrchr(found.image_path, '/');
  std::printf("%s %s:%u in %s", found.site.name, found.site.file,
              found.site.line, slash ? slash + 1 : found.image_path);
}

void print(const located_site& found)
{
  using function = int (*)();
  print_place(found);
  std::printf(" = %d\n", reinterpret_cast<function>(found.site.symbol)());
}

bool print_name(const located_site& found, void*)
{
  std::printf("%s\n", found.site.name);
  return true;
}

bool find_last(const char* name)
{
  const hp_status status = sites.find(name, last);
  if (status != HP_OK)
    std::printf("status %d: %s\n", status, last_message());
  return status == HP_OK;
}

void find(const char* name)
{
  if (find_last(name))
    print(last);
}

void which(const char* name)
{
  if (!find_last(name))
    return;
  print_place(last);
  std::printf("\n");
}

void load(const char* path)
{
  if (!dlopen(path, RTLD_NOW | RTLD_LOCAL))
    std::printf("dlopen: %s\n", dlerror());
}

void unload(const char* path)
{
  void* library = dlopen(path, RTLD_NOW | RTLD_NOLOAD);
  if (library && dlclose(library) == 0)
    dlclose(library);
}

void here()
{
  located_site found;
  if (sites.find_symbol(last.site.symbol, found))
    print(found);
  else
    std::printf("none\n");
}

struct command {
  const char* name;
  bool has_argument;
  void (*obey)(const char* argument);
};

const command commands[] = {
    {"load", true, load},
    {"unload", true, unload},
    {"find", true, find},
    {"which", true, which},
    {"here", false, [](const char*) { here(); }},
    {"count", false, [](const char*) { std::printf("%zu\n", sites.count()); }},
    {"list", false, [](const char*) { sites.for_each(print_name, nullptr); }},
    {"id", false,
     [](const char*) {
       const bool loaded =
           sites.refresh() == HP_OK && sites.loaded(last.image_id);
       std::printf("%s\n", loaded ? "loaded" : "gone");
     }},
    {"wait", false, [](const char*) { std::getchar(); }},
    {"chroot", true,
     [](const char* path) {
       if (chroot(path) != 0 || chdir("/") != 0)
         std::printf("chroot failed\n");
     }},
};

}  // namespace

int main(int count, char** arguments)
{
  std::setvbuf(stdout, nullptr, _IOLBF, 0);
  for (int i = 1; i < count;) {
    const command* which = nullptr;
    for (const command& each : commands) {
      if (std::strcmp(each.name, arguments[i]) == 0)
        which = &each;
    }
    if (!which || i + which->has_argument >= count)
      return 64;
    which->obey(arguments[i + which->has_argument]);
    i += 1 + which->has_argument;
  }
  return 0;
}
