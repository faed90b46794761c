// hotpatch.so itself: hands over to the plugin that was built for the GCC that
// has loaded it, or says what to do where there is none.
//
// Whatever a plugin uses of GCC may be different in the next major release,
// down to the names of functions, and GCC resolves all of them before a plugin
// can say a word.  So this file uses nothing of GCC's but the way in which
// plugins are loaded, which is the same in all releases.
//
// SPDX-License-Identifier: GPL-3.0-or-later
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <set>
#include <string>

#include <dirent.h>
#include <dlfcn.h>
#include <unistd.h>

#define HP_EXPORT extern "C" __attribute__((visibility("default")))

// GCC refuses plugins without this symbol.
HP_EXPORT int plugin_is_GPL_compatible;
int plugin_is_GPL_compatible;

namespace {

struct plugin_name_args;  // passed on

// The first member of GCC's structure of this name.
struct plugin_gcc_version {
  const char* basever;  // "12.2.0"
};

using init_function = int(plugin_name_args*, plugin_gcc_version*);

// The directory of this file, also when GCC was given a symbolic link to it.
// Not by plugin_is_GPL_compatible: every plugin defines that, and GCC loads all
// of them into one scope, so the name may stand for the first one's.
std::string own_directory()
{
  static const char in_this_file = 0;
  Dl_info self = {};
  dladdr(&in_this_file, &self);
  char* real = realpath(self.dli_fname, nullptr);
  std::string path = real ? real : self.dli_fname;
  free(real);
  return path.substr(0, path.rfind('/'));
}

std::string path_for(int major, const std::string& directory)
{
  return directory + "/gcc-" + std::to_string(major) + "/hotpatch.so";
}

// The releases that there is a plugin for, as "11 and 12"; empty if none.
std::string releases_in(const std::string& directory)
{
  std::set<int> majors;
  if (DIR* entries = opendir(directory.c_str())) {
    int major;
    while (const dirent* entry = readdir(entries))
      if (sscanf(entry->d_name, "gcc-%d", &major) == 1 &&
          access(path_for(major, directory).c_str(), R_OK) == 0)
        majors.insert(major);
    closedir(entries);
  }
  std::string text;
  for (int major : majors)
    text += (text.empty()                ? ""
             : major == *majors.rbegin() ? " and "
                                         : ", ") +
            std::to_string(major);
  return text;
}

void explain(const char* release, const std::string& directory,
             const std::string& plugin)
{
  fprintf(stderr, "%s: error: hotpatch: ", program_invocation_short_name);
  if (access(plugin.c_str(), F_OK) == 0) {
    fprintf(stderr, "the plugin for GCC %s cannot be loaded: %s\n", release,
            dlerror());
    return;
  }
  std::string others = releases_in(directory);
  fprintf(stderr,
          "there is no plugin for GCC %s in %s%s%s; configure hotpatch with "
          "--with-gcc=%d, build and install it\n",
          release, directory.c_str(), others.empty() ? "" : ", only for GCC ",
          others.c_str(), atoi(release));
}

}  // namespace

HP_EXPORT int plugin_init(plugin_name_args* arguments,
                          plugin_gcc_version* compiler)
{
  std::string directory = own_directory();
  std::string plugin = path_for(atoi(compiler->basever), directory);
  void* handle = dlopen(plugin.c_str(), RTLD_NOW | RTLD_LOCAL);
  void* init = handle ? dlsym(handle, "plugin_init") : nullptr;
  if (!init) {
    explain(compiler->basever, directory, plugin);
    return 1;
  }
  return reinterpret_cast<init_function*>(init)(arguments, compiler);
}
