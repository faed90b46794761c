// Looking through the C library.
//
// SPDX-License-Identifier: MIT
#include "outside/target_code.h"

#include <string>

#include "processes/threads.h"
#include "processes/trouble.h"

namespace hotpatch::outside {

namespace {

//   0f 05                    syscall
//   c3                       ret
constexpr std::uint8_t system_call_code[] = {0x0f, 0x05, 0xc3};
//   48 c7 c0 0f 00 00 00     mov $15,%rax     (glibc's __restore_rt)
//   0f 05                    syscall
constexpr std::uint8_t restorer_code[] = {0x48, 0xc7, 0xc0, 0x0f, 0x00,
                                          0x00, 0x00, 0x0f, 0x05};
//   b8 0f 00 00 00           mov $15,%eax     (others)
//   0f 05                    syscall
constexpr std::uint8_t short_restorer_code[] = {0xb8, 0x0f, 0x00, 0x00,
                                                0x00, 0x0f, 0x05};

void look_for_dlopen(const target_image& image, target_code& into)
{
  if (into.dlopen != 0)
    return;
  into.dlopen = find_exported(image, "dlopen").address;
  into.dlclose = find_exported(image, "dlclose").address;
  into.dlerror = find_exported(image, "dlerror").address;
}

bool is_c_library(const target_image& image)
{
  const std::string_view name = image.base_name();
  return name.starts_with("libc.so") || name.starts_with("libc-2") ||
         name.starts_with("ld-musl");
}

}  // namespace

// Thread features of the CPU that a thread uses, Documentation/arch/x86/
// shstk.rst: a borrowed thread would have to keep its shadow stack, too.
void refuse_shadow_stack(pid_t process)
{
  const std::string features = status_field(
      thread_file(process, process, "status"), "x86_Thread_features");
  if (features.find("shstk") != std::string::npos)
    throw trouble(process_text(process) +
                  " uses shadow stacks, which cannot be kept in order "
                  "from outside; link it with libhotpatch");
}

void find_libraries(const target_images& images, target_code& into)
{
  into.loader = images.loader();
  into.library = nullptr;
  for (const target_image& image : images.all())
    if (is_c_library(image))
      into.library = &image;
  if (into.loader == nullptr || into.library == nullptr)
    throw trouble(process_text(images.process()) +
                  " is a static program: it cannot load a patch "
                  "object; link it dynamically");
}

target_code find_target_code(const target_images& images)
{
  const std::string process = process_text(images.process());
  target_code found;
  find_libraries(images, found);
  look_for_dlopen(*found.library, found);
  // Before glibc 2.34 they were in a library of their own.
  for (const target_image& image : images.all())
    if (image.base_name().starts_with("libdl"))
      look_for_dlopen(image, found);
  if (found.dlopen == 0 || found.dlclose == 0 || found.dlerror == 0)
    throw trouble(process +
                  " has no dlopen(): link it with -ldl, which the C "
                  "library of this system still needs");

  found.borrowed.system_call = find_code(*found.library, system_call_code);
  found.borrowed.restorer = find_code(*found.library, restorer_code);
  if (found.borrowed.restorer == 0)
    found.borrowed.restorer = find_code(*found.library, short_restorer_code);
  found.borrowed.errno_location =
      find_exported(*found.library, "__errno_location").address;
  for (const target_image& image : images.all())
    if (found.borrowed.set_cancel_state == 0 &&
        (&image == found.library ||
         image.base_name().starts_with("libpthread")))
      found.borrowed.set_cancel_state =
          find_exported(image, "pthread_setcancelstate").address;
  if (found.borrowed.system_call == 0 || found.borrowed.restorer == 0 ||
      found.borrowed.errno_location == 0)
    throw trouble(process + ": " + found.library->path +
                  " has no code through which a system call can be "
                  "made; this C library is not known");
  return found;
}

}  // namespace hotpatch::outside
