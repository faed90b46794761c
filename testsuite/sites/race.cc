// One thread loads and unloads a shared object with sites as fast as it can,
// another one looks at all sites, for a second.
//
//   race held PATH     the way the library does it: nothing may happen
//   race loose PATH    the control: reads without holding the loader, and so
//                      is expected to die of SIGSEGV, well within a minute
//
// SPDX-License-Identifier: MIT
#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <thread>

#include <dlfcn.h>

#include "runtime/sites/process_sites.h"

using namespace hotpatch;

namespace {

std::atomic<bool> stop;
std::atomic<unsigned> loads;
unsigned long characters;

bool read_name(const located_site& found, void*)
{
  characters += std::strlen(found.site.name);
  return true;
}

void reload(const char* path)
{
  while (!stop) {
    if (void* library = dlopen(path, RTLD_NOW | RTLD_LOCAL)) {
      ++loads;
      dlclose(library);
    }
  }
}

void look_held(process_sites& sites)
{
  located_site found;
  sites.for_each(read_name, nullptr);
  if (sites.find("no_such_site_anywhere", found) != HP_NOT_FOUND)
    std::puts("found what is not there, or was told of damage");
}

void look_loose(images& loaded)
{
  if (loaded.refresh() != HP_OK)
    return;
  for (std::size_t i = 0; i < loaded.size(); ++i) {
    loaded_image& image = loaded[i];
    if (image.prepare() != HP_OK || !image.has_sites())
      continue;
    record_reader reader = image.reader();
    located_site each;
    // However busy the machine is, the other thread gets its turn here.
    std::this_thread::yield();
    for (std::size_t n = 0; image.index().site_at(reader, n, each.site); ++n)
      read_name(each, nullptr);
  }
}

}  // namespace

int main(int count, char** arguments)
{
  if (count != 3)
    return 64;
  const bool held = std::strcmp(arguments[1], "held") == 0;
  process_sites sites;
  images loaded;
  std::thread loader(reload, arguments[2]);
  const auto end =
      std::chrono::steady_clock::now() + std::chrono::seconds(held ? 1 : 60);
  unsigned looks = 0;
  while (std::chrono::steady_clock::now() < end || loads < 100 || looks < 100) {
    if (held)
      look_held(sites);
    else
      look_loose(loaded);
    ++looks;
  }
  stop = true;
  loader.join();
  std::printf("%u loads, %u looks\n", loads.load(), looks);
  return 0;
}
