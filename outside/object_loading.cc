// dlopen(3) and dlclose(3) in another process.
//
// SPDX-License-Identifier: MIT
#include "outside/object_loading.h"

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <memory>

#include <dlfcn.h>
#include <sys/stat.h>

#include "processes/proc_path.h"
#include "processes/threads.h"
#include "processes/trouble.h"

namespace hotpatch::outside {

namespace {

constexpr std::size_t longest_text = 1024;

[[noreturn]] void refuse(pid_t process, const char* what,
                         const target_memory& memory, std::uint64_t words)
{
  throw trouble(process_text(process) + ' ' + what + ": " +
                (words != 0 ? text_in_process(memory, words)
                            : std::string("no reason is given")));
}

}  // namespace

std::string text_in_process(const target_memory& memory, std::uint64_t address)
{
  std::string text(longest_text, '\0');
  text.resize(memory.read_some(
      address, {reinterpret_cast<std::uint8_t*>(text.data()), text.size()}));
  text.resize(strnlen(text.data(), text.size()));
  return text;
}

std::string path_in_process(const target_images& images,
                            const std::string& file)
{
  const std::string root = proc_path(images.process(), "/root");
  std::string path;
  if (file.starts_with(root + '/')) {
    path = file.substr(root.size());
  } else {
    const std::unique_ptr<char, decltype(&std::free)> real(
        realpath(file.c_str(), nullptr), std::free);
    if (!real)
      throw trouble(file + ": " + std::strerror(errno));
    path = real.get();
  }
  struct stat here, there;
  if (stat(file.c_str(), &here) != 0 ||
      stat((root + path).c_str(), &there) != 0 || here.st_dev != there.st_dev ||
      here.st_ino != there.st_ino)
    throw trouble(process_text(images.process()) + " does not see " + file +
                  ": it has another root directory or other mounts; "
                  "copy the file to where it can, such as " +
                  root + "/tmp, and give that path");
  // The dynamic linker takes a path it knows for what it has loaded already,
  // even if the file is another one by now.
  const auto loaded = std::count_if(
      images.all().begin(), images.all().end(),
      [&](const target_image& image) { return image.path == path; });
  for (auto i = loaded; i > 0; --i)
    path.insert(path.rfind('/'), "/.");
  return path;
}

std::uint64_t load_object(borrowed_thread& thread, const target_memory& memory,
                          const target_code& code, const std::string& path)
{
  const std::uint64_t handle =
      thread.call("loading the patch object", code.dlopen,
                  {thread.place(path), RTLD_NOW | RTLD_LOCAL});
  if (handle == 0)
    refuse(thread.process(), "does not load the patch object", memory,
           thread.call("dlerror()", code.dlerror, {}));
  return handle;
}

void unload_object(borrowed_thread& thread, const target_memory& memory,
                   const target_code& code, std::uint64_t handle)
{
  if (thread.call("unloading the patch object", code.dlclose, {handle}) != 0)
    refuse(thread.process(), "does not unload the patch object", memory,
           thread.call("dlerror()", code.dlerror, {}));
}

}  // namespace hotpatch::outside
