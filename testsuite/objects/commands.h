/* What the programs of these tests have in common: they do what their arguments
 * say, one after the other, and print what came of it.
 *
 *   load:FILE[@LEVEL]  unload:NAME[@LEVEL]  remove:NAME  check:FILE  call
 *   patches  mapped:TEXT  state:FILE@ADDRESS  move:FILE@NAME
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef HOTPATCH_TESTSUITE_OBJECTS_COMMANDS_H
#define HOTPATCH_TESTSUITE_OBJECTS_COMMANDS_H

#include <hotpatch.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "testsuite/lib/own_maps.h"

static inline void print_status(const char* what, hp_status status)
{
  printf("%s: %s%s%s\n", what, hp_status_name(status),
         status == HP_OK ? "" : ": ",
         status == HP_OK ? "" : hp_error_message());
}

/* Also what is said about a success. */
static inline void print_unload(hp_status status)
{
  print_status("unload", status);
  if (status == HP_OK && *hp_error_message() != '\0')
    printf("remark: %s\n", hp_error_message());
}

static inline void print_finding(hp_status status, const char* message,
                                 void* data)
{
  (void)data;
  printf("finding: %s: %s\n", hp_status_name(status), message);
}

static inline int print_patch(const hp_patch* patch, void* data)
{
  (void)data;
  printf("patch %s version %u sites %u active %u: %s\n", patch->name,
         patch->version, patch->sites, patch->active, patch->description);
  return 0;
}

/* Whether a file whose path contains the text is mapped. */
static inline void print_mapped(const char* text)
{
  printf("%s is %smapped\n", text, mapped_parts(text) > 0 ? "" : "not ");
}

/* The state of a patch object (format/patch_record.h), whose address in the
 * file stands after an '@'. */
static inline void print_state(char* argument)
{
  char* const mark = strrchr(argument, '@');
  FILE* const maps = fopen("/proc/self/maps", "r");
  char line[4096];
  unsigned long base = 0;
  if (mark == NULL)
    return;
  *mark = '\0';
  while (maps != NULL && base == 0 && fgets(line, sizeof line, maps) != NULL)
    if (strstr(line, argument) != NULL)
      base = strtoul(line, NULL, 16);
  if (maps != NULL)
    fclose(maps);
  if (base == 0) {
    printf("%s is not mapped\n", argument);
    return;
  }
  const unsigned* const state =
      (const unsigned*)(base + strtoul(mark + 1, NULL, 16));
  printf("version %u size %u phase %u agent %u sequence %u\n", state[0],
         state[1], state[2], state[3], state[4]);
}

/* The file gets the name after an '@', as if it had been copied over. */
static inline void move_file(char* argument)
{
  char* const mark = strrchr(argument, '@');
  if (mark == NULL)
    return;
  *mark = '\0';
  if (rename(argument, mark + 1) != 0)
    perror(argument);
}

/* The level after an '@', which is cut off; null if there is none. */
static inline const hp_commit_options* take_options(char* argument,
                                                    hp_commit_options* into)
{
  static const char* const levels[] = {"immediate", "strict", "quiescent",
                                       "safepoint"};
  char* const mark = strrchr(argument, '@');
  if (mark == NULL)
    return NULL;
  *mark = '\0';
  memset(into, 0, sizeof *into);
  into->size = sizeof *into;
  into->timeout_ms = 1000;
  for (int i = 0; i < 4; i++)
    if (strcmp(mark + 1, levels[i]) == 0)
      into->level = (hp_level)i;
  return into;
}

/* The patch object that the function which calls this is to be replaced by,
 * with a level after an '@'; null: none. */
static char* load_inside;

static inline void load_if_asked(void)
{
  hp_commit_options options;
  if (load_inside == NULL)
    return;
  const hp_commit_options* const wanted = take_options(load_inside, &options);
  print_status("load", hp_load(load_inside, wanted));
  load_inside = NULL;
}

/* `call` shows the program's functions at work. */
static inline int run_commands(int argc, char** argv, void (*call)(void))
{
  for (int i = 1; i < argc; i++) {
    char* const command = argv[i];
    char* const colon = strchr(command, ':');
    char* const argument = colon != NULL ? colon + 1 : command;
    hp_commit_options options;
    if (strncmp(command, "load:", 5) == 0) {
      const hp_commit_options* const wanted = take_options(argument, &options);
      print_status("load", hp_load(argument, wanted));
    } else if (strncmp(command, "unload:", 7) == 0) {
      const hp_commit_options* const wanted = take_options(argument, &options);
      print_unload(hp_unload(argument, wanted));
    } else if (strncmp(command, "remove:", 7) == 0) {
      print_status("remove", hp_remove_patch(argument));
    } else if (strncmp(command, "check:", 6) == 0) {
      print_status("check", hp_check(argument, print_finding, NULL));
    } else if (strncmp(command, "mapped:", 7) == 0) {
      print_mapped(argument);
    } else if (strncmp(command, "state:", 6) == 0) {
      print_state(argument);
    } else if (strncmp(command, "move:", 5) == 0) {
      move_file(argument);
    } else if (strcmp(command, "patches") == 0) {
      hp_patch_each(print_patch, NULL);
    } else if (strcmp(command, "call") == 0) {
      call();
    } else {
      fprintf(stderr, "what is %s?\n", command);
      return 99;
    }
    fflush(stdout);
  }
  return 0;
}

#endif
