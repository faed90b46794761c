#!/bin/sh
# When the code of a patch object may be unloaded, and what of it may run before
# it can use the program.
#
# SPDX-License-Identifier: MIT
. "$HP_SRCDIR/testsuite/objects/objects.sh"
. "$HP_SRCDIR/testsuite/lib/controls.sh"
all=-fplugin-arg-hotpatch-all

# What constructors give to the program is in use for ever, unless a destructor
# takes it back.  The program's list of handlers is called at each `call`.
cat >registry.c <<'EOT'
#include "testsuite/objects/commands.h"
static int (*handlers[8])(void);
static int count;
void add_handler(int (*handler)(void)) { handlers[count++] = handler; }
void drop_handlers(void) { count = 0; }
int answer(void) { return 1; }
static void call(void)
{
  printf("answer %d handlers", answer());
  for (int i = 0; i < count; i++)
    printf(" %d", handlers[i]());
  puts("");
}
int main(int argc, char** argv) { return run_commands(argc, argv, call); }
EOT
cat >handler.inc <<'EOT'
#include <hotpatch.h>
HP_PATCH("handler", 1, "");
#ifdef __cplusplus
extern "C" {
#endif
void add_handler(int (*handler)(void));
void drop_handlers(void);
int answer(void);
__attribute__((unused)) static int handler(void) { return 7; }
HP_REPLACES("answer") int new_answer(void) { return 2; }
#ifdef __cplusplus
}
#endif
EOT
registering()
{
  { echo '#include "handler.inc"' && cat; } >"$1"
}
registering plain_one.c <<'EOT'
__attribute__((constructor)) static void begin(void) { add_handler(handler); }
EOT
registering early_one.c <<'EOT'
__attribute__((constructor(101))) static void begin(void) { add_handler(handler); }
EOT
registering init_one.c <<'EOT'
void begin(void) { add_handler(handler); }
EOT
registering object_one.cc <<'EOT'
struct registration { registration() { add_handler(handler); } } here;
EOT
registering plain_both.c <<'EOT'
__attribute__((constructor)) static void begin(void) { add_handler(handler); }
__attribute__((destructor)) static void end(void) { drop_handlers(); }
EOT
registering init_both.c <<'EOT'
void begin(void) { add_handler(handler); }
void end(void) { drop_handlers(); }
EOT
registering atexit_both.c <<'EOT'
#include <stdlib.h>
__attribute__((constructor)) static void begin(void)
{
  add_handler(handler);
  atexit(drop_handlers);
}
EOT
registering object_both.cc <<'EOT'
struct registration
{
  registration() { add_handler(handler); }
  ~registration() { drop_handlers(); }
} here;
EOT
ok "a program with a list of handlers" program $all registry.c
stays="load: HP_OK
answer 2 handlers 7
unload: HP_OK
remark: patch \"handler\" is taken away, but its code stays loaded: it has constructors, and no destructor
answer 1 handlers 7
unload: HP_NOT_APPLIED"
goes="load: HP_OK
answer 2 handlers 7
unload: HP_OK
answer 1 handlers
unload: HP_NOT_APPLIED"
for one in plain_one early_one object_one init_one; do
  init=
  [ $one != init_one ] || init=-Wl,-init=begin
  for options in "$init" "$init -s" "$init -nostartfiles"; do
    ok "$one $options is compiled" patch $one $options
    ok "constructors without a destructor: it stays loaded" runs "$stays" \
      load:$one.so call unload:handler call unload:handler
  done
done
for both in plain_both object_both init_both atexit_both; do
  init=
  [ $both != init_both ] || init="-Wl,-init=begin -Wl,-fini=end"
  for options in "$init" "$init -s"; do
    ok "$both $options is compiled" patch $both $options
    ok "constructors with a destructor: it is unloaded" runs "$goes
$both.so is not mapped" load:$both.so call unload:handler call unload:handler \
      mapped:$both.so
  done
done
cat >refusing.c <<'EOT'
#include "plain_one.c"
HP_HOOK("before_apply") static const char* no(void) { return "no"; }
EOT
patch plain_one
patch refusing
sed 's/"handler", 1/"handler", 2/; s/return 2/return 3/' handler.inc >newer.c
patch newer
ok "also if it was loaded and then refused" runs "load: HP_VETOED: patch
answer 1 handlers 7" load:refusing.so call
ok "a failure says so" tells \
  'refusing.so stays loaded: it has constructors, and no destructor' \
  load:refusing.so
ok "loaded again it is the same, and not constructed again" runs "load: HP_OK
unload: HP_OK
remark:
load: HP_OK
answer 2 handlers 7" load:plain_one.so unload:handler load:plain_one.so call
ok "a newer version leaves it loaded" runs "load: HP_OK
load: HP_OK
answer 3 handlers 7" load:plain_one.so load:newer.so@quiescent call

cat >plain_none.c <<'EOT'
#include "handler.inc"
EOT
ok "a patch that the dynamic linker keeps" patch plain_none -Wl,-z,nodelete
ok "hp_unload() says that it stays loaded" runs "load: HP_OK
unload: HP_OK
remark: patch \"handler\" is taken away, but its code stays loaded: the dynamic linker keeps it
plain_none.so is mapped
answer 1 handlers" load:plain_none.so unload:handler mapped:plain_none.so call
ok "and nothing if it is unloaded" patch plain_none
ok "nothing is said" runs "load: HP_OK
unload: HP_OK
plain_none.so is not mapped" load:plain_none.so unload:handler \
  mapped:plain_none.so

# Functions that the dynamic linker chooses while it loads the object.
registering chosen.c <<'EOT'
extern int wanted HP_IMPORT("registry.c:count");
static int first(void) { return 1; }
static int (*choose(void))(void) { return wanted == 0 ? first : handler; }
__attribute__((ifunc("choose"))) int chosen(void);
HP_REPLACES("call") static void new_call(void) { add_handler(chosen); }
EOT
registering cloned.c <<'EOT'
__attribute__((target_clones("avx2", "default"))) int cloned(void) { return 5; }
HP_REPLACES("call") static void new_call(void) { add_handler(cloned); }
EOT
cat >alone.c <<'EOT'
#include <hotpatch.h>
__attribute__((target_clones("avx2", "default"))) int cloned(int n) { return n + 5; }
HP_REPLACES("answer") static int new_answer(void) { return cloned(1); }
EOT
for name in chosen cloned; do
  for options in '' -s -fvisibility=hidden; do
    patch $name $options
    ok "a resolver that might use the program's is refused: $name $options" \
      tells "whose resolver runs before" load:$name.so
  done
done
patch alone
ok "one that cannot is none" runs "load: HP_OK
answer 6 handlers" load:alone.so call

# A patch that stays loaded, while a thread is inside the function that it
# replaces: each attempt finds it as the one before has left it.
cat >waits.c <<'EOT'
#include <hotpatch.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
static volatile int enters, leaves;
static int constructed;
void add_handler(int (*handler)(void)) { (void)handler; constructed++; }
void drop_handlers(void) {}
int answer(void) { enters = 1; while (enters && !leaves) usleep(1000); return 1; }
static void* stay(void* unused) { answer(); return unused; }
static int mappings(void)
{
  char line[500];
  int found = 0;
  FILE* maps = fopen("/proc/self/maps", "r");
  while (fgets(line, sizeof line, maps))
    found += strstr(line, "plain_one.so") && strstr(line, " r-xp ");
  fclose(maps);
  return found;
}
static void load(void)
{
  const hp_commit_options options = {sizeof options, HP_QUIESCENT, 0, 30};
  const hp_status status = hp_load("plain_one.so", &options);
  printf("%s constructed %d mapped %d\n", hp_status_name(status), constructed, mappings());
}
int main(void)
{
  pthread_t thread;
  pthread_create(&thread, NULL, stay, NULL);
  while (!enters)
    usleep(1000);
  load();
  load();
  leaves = 1;
  pthread_join(thread, NULL);
  load();
  printf("answer %d\n", answer());
  printf("%s ", hp_status_name(hp_unload("handler", NULL)));
  printf("answer %d\n", answer());
  load();
  printf("answer %d\n", answer());
  return 0;
}
EOT
once="HP_BUSY constructed 1 mapped 1
HP_BUSY constructed 1 mapped 1
HP_OK constructed 1 mapped 1
answer 2
HP_OK answer 1
HP_OK constructed 1 mapped 1
answer 2"
ok "a program with a thread that stays inside" program $all waits.c -lpthread \
  -rdynamic
ok "what stays loaded is loaded and constructed once" runs "$once"

# --- Controls -------------------------------------------------------------------
ok "the library for controls is built" build_control_library
# shellcheck disable=SC2034 # of program()
with_library="$control_library -rdynamic"
ok "a program that waits, with it" program $all waits.c
ok "it loads once, too" runs "$once"
ok "control: otherwise each attempt loads and constructs another one" \
  without load_once runs "HP_BUSY constructed 1 mapped 1
HP_BUSY constructed 2 mapped 2
HP_OK constructed 3 mapped 3
answer 2
HP_OK answer 1
HP_OK constructed 4 mapped 4
answer 2"
ok "a program with it" program $all registry.c
control_stays()
{
  without keep_constructed ./program load:plain_one.so call unload:handler call
}
ok "control: what is unloaded without a destructor is called" fails control_stays
control_says()
{
  patch plain_none -Wl,-z,nodelete &&
    without see_what_stays runs "load: HP_OK
unload: HP_OK
plain_none.so is mapped" load:plain_none.so unload:handler mapped:plain_none.so
}
ok "control: without a look nothing is said of what stays" control_says
control_resolver()
{
  without refuse_resolvers ./program load:chosen.so
}
ok "control: a resolver that uses an import crashes the program" \
  fails control_resolver
done_testing
