/* A program with functions that are inlined into others, for inlined.sh.  It
 * does what its arguments say:
 *
 *   apply:NAME  allow:NAME     hp_apply, and with HP_ALLOW_COPIES
 *   commit:NAME+NAME...        one transaction, with hooks
 *   commit-allow:NAME+NAME...  the same with HP_ALLOW_COPIES
 *   revert:NAME  load:FILE  load-allow:FILE  check:FILE  call  serve
 *
 * SPDX-License-Identifier: MIT
 */
#include <hotpatch.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define APART __attribute__((noinline))

static volatile int one = 1;

static int encode(int x)
{
  return x + one;
}
int (*volatile encode_at)(int) = encode;
APART int serve(int x)
{
  return 10 * encode(x);
}
static int wrap(int x)
{
  return 100 * encode(x);
}
int (*volatile wrap_at)(int) = wrap;
APART int outer(int x)
{
  return 5 + wrap(x);
}

/* `fixed` has no site, and can never be replaced. */
static int quiet(int x)
{
  return x + 2 * one;
}
int (*volatile quiet_at)(int) = quiet;
APART HP_NOT_PATCHABLE int fixed(int x)
{
  return quiet(x);
}

/* What is never called goes when sections are collected, and the copy in it. */
static int lonely(int x)
{
  return x + 3 * one;
}
int (*volatile lonely_at)(int) = lonely;
APART int dropped(int x)
{
  return 7 * lonely(x);
}

APART int plain(int x)
{
  return x + 4 * one;
}

static int new_encode(int x)
{
  return x + 1001;
}
static int new_serve(int x)
{
  return 10 * new_encode(x);
}
static int new_wrap(int x)
{
  return 100 * new_encode(x);
}
static int new_outer(int x)
{
  return 5 + new_wrap(x);
}

static const struct {
  const char* name;
  int (*replacement)(int);
} all[] = {{"encode", new_encode}, {"serve", new_serve}, {"wrap", new_wrap},
           {"outer", new_outer},   {"quiet", new_serve}, {"lonely", new_serve},
           {"plain", new_serve}};

static int (*replacement_of(const char* name))(int)
{
  for (unsigned i = 0; i < sizeof all / sizeof *all; i++)
    if (strcmp(all[i].name, name) == 0)
      return all[i].replacement;
  return NULL;
}

static void say(const char* what, hp_status status)
{
  printf("%s: %s%s%s\n", what, hp_status_name(status),
         status == HP_OK ? "" : ": ",
         status == HP_OK ? "" : hp_error_message());
}

static void tell(hp_status status, const char* message, void* data)
{
  (void)data;
  printf("finding: %s: %s\n", hp_status_name(status), message);
}

static void hook(const hp_patch_info* patch)
{
  printf("hook of %s\n", patch->name);
}

static void commit(char* names, unsigned flags)
{
  hp_transaction* steps = hp_begin();
  hp_patch_info info = {0};
  info.name = "several";
  info.version = 1;
  info.after_apply = hook;
  hp_add_patch(steps, &info);
  for (char* name = strtok(names, "+"); name; name = strtok(NULL, "+"))
    hp_add_apply(steps, name, replacement_of(name));
  hp_commit_options options = {sizeof(hp_commit_options), HP_QUIESCENT, 0,
                               1000};
  options.flags = flags;
  const hp_status status = hp_commit(steps, &options);
  say("commit", status);
  if (status != HP_OK)
    hp_abort(steps);
}

static void load(const char* file, unsigned flags)
{
  hp_commit_options options = {sizeof(hp_commit_options), HP_IMMEDIATE, 0, 0};
  options.flags = flags;
  say("load", hp_load(file, &options));
}

static void call(void)
{
  printf("encode %d serve %d wrap %d outer %d quiet %d fixed %d plain %d\n",
         encode_at(1), serve(1), wrap_at(1), outer(1), quiet_at(1), fixed(1),
         plain(1));
}

int main(int argc, char** argv)
{
  for (int i = 1; i < argc; i++) {
    char* const colon = strchr(argv[i], ':');
    char* const argument = colon != NULL ? colon + 1 : argv[i];
    const size_t length = (size_t)(argument - argv[i]);
    const char* const verb = argv[i];
#define IS(word) (length == sizeof word && strncmp(verb, word, length - 1) == 0)
    if (IS("apply"))
      say("apply", hp_apply(argument, replacement_of(argument)));
    else if (IS("allow"))
      say("apply",
          hp_apply_flags(argument, replacement_of(argument), HP_ALLOW_COPIES));
    else if (IS("commit"))
      commit(argument, 0);
    else if (IS("commit-allow"))
      commit(argument, HP_ALLOW_COPIES);
    else if (IS("revert"))
      say("revert", hp_revert(argument));
    else if (IS("load"))
      load(argument, 0);
    else if (IS("load-allow"))
      load(argument, HP_ALLOW_COPIES);
    else if (IS("check"))
      say("check", hp_check(argument, tell, NULL));
    else if (strcmp(argv[i], "call") == 0)
      call();
    else if (strcmp(argv[i], "serve") == 0)
      for (;; usleep(2000)) {
        call();
        fflush(stdout);
      }
    else
      return 99;
    fflush(stdout);
  }
  return 0;
}
