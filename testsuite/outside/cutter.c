/* Processes that mean no good to those who read them.
 *
 *   cutter cut FILE      maps FILE, a copy of an ELF file, often, and cuts it
 * off and stretches it again and again cutter big FILE SIZE stretches FILE to
 * SIZE bytes, and maps it cutter maps COUNT    has so many mappings cutter name
 * has a name full of characters that are none
 *
 * SPDX-License-Identifier: MIT
 */
#define _GNU_SOURCE
#include <elf.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <unistd.h>

__attribute__((hotpatch)) int answer(void)
{
  return 1;
}

enum { whole = 1 << 20, rest = 1 << 16, mappings = 200 };
static int file;

static void* cut(void* unused)
{
  for (;;)
    if (ftruncate(file, rest) != 0 || ftruncate(file, whole) != 0)
      return unused;
}

/* The section headers and the notes are where the file is cut off. */
static void move_parts(void)
{
  char head[4096];
  if (pread(file, head, sizeof head, 0) != (ssize_t)sizeof head)
    exit(3);
  Elf64_Ehdr header;
  memcpy(&header, head, sizeof header);
  header.e_shoff = 800000;
  header.e_shnum = 64;
  header.e_shstrndx = 0;
  memcpy(head, &header, sizeof header);
  for (int i = 0; i < header.e_phnum; i++) {
    Elf64_Phdr segment;
    char* const place = head + header.e_phoff + i * (int)sizeof segment;
    memcpy(&segment, place, sizeof segment);
    if (segment.p_type == PT_NOTE) {
      segment.p_offset = 900000;
      segment.p_filesz = 4096;
    }
    memcpy(place, &segment, sizeof segment);
  }
  if (pwrite(file, head, sizeof head, 0) != (ssize_t)sizeof head ||
      ftruncate(file, whole) != 0)
    exit(3);
}

static void map(off_t offset)
{
  if (mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_SHARED, file, offset) ==
      MAP_FAILED)
    exit(3);
}

int main(int argc, char** argv)
{
  if (argc > 2)
    file = open(argv[2], O_RDWR);
  if (argc == 3 && strcmp(argv[1], "cut") == 0) {
    pthread_t thread;
    move_parts();
    for (int i = 0; i < mappings; i++)
      map(4096 * (i % 2));
    pthread_create(&thread, NULL, cut, NULL);
  } else if (argc == 4 && strcmp(argv[1], "big") == 0) {
    if (ftruncate(file, atoll(argv[3])) != 0)
      exit(3);
    map(4096);
  } else if (argc == 3 && strcmp(argv[1], "maps") == 0) {
    file = open("/proc/self/exe", O_RDONLY);
    for (int i = 0; i < atoi(argv[2]); i++)
      map(4096 * (i % 2));
  } else if (argc == 2 && strcmp(argv[1], "name") == 0) {
    /* CSI 2 J with a C1 control character, and a direction override */
    prctl(PR_SET_NAME, "a\302\2332Jb\342\200\256c");
  } else {
    return 64;
  }
  puts("ready");
  fflush(stdout);
  for (;;) {
    answer();
    sleep(1000);
  }
}
