/* Preloaded: the file $SHORTEN is cut to nothing as soon as libelf has it open,
 * as if another program began to write over it at that moment.
 *
 * SPDX-License-Identifier: MIT
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <libelf.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

Elf* elf_begin(int file, Elf_Cmd command, Elf* archive)
{
  Elf* (*original)(int, Elf_Cmd, Elf*) =
      (Elf * (*)(int, Elf_Cmd, Elf*)) dlsym(RTLD_NEXT, "elf_begin");
  Elf* opened = original(file, command, archive);
  const char* wanted = getenv("SHORTEN");
  struct stat named;
  struct stat open;
  if (wanted != NULL && stat(wanted, &named) == 0 && fstat(file, &open) == 0 &&
      named.st_ino == open.st_ino && named.st_dev == open.st_dev)
    (void)!truncate(wanted, 0);
  return opened;
}
