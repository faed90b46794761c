#!/bin/sh
# Which variable, function or site of the program a patch means by a name: a
# source file's own, in units of several files and with -flto; versions; ABI
# tags; functions that only a number tells apart.  Every name that a message
# suggests is tried.
#
# SPDX-License-Identifier: MIT
# shellcheck disable=SC2086 # lists of options
. "$HP_SRCDIR/testsuite/objects/objects.sh"
. "$HP_SRCDIR/testsuite/lib/controls.sh"
ok "the library for controls is built" build_control_library

cat >a.c <<'EOT'
#include <hotpatch.h>
static int limit = 10;
int shared = 100;
void set_a(int n) { limit = n; shared = n; }
HP_PATCHABLE int pa(int n) { static int count; ++count; return limit + (n > 50 ? shared : 0); }
EOT
cat >b.c <<'EOT'
#include <hotpatch.h>
static int limit = 20;
void set_b(int n) { limit = n; }
HP_PATCHABLE int pb(int n) { static int count = 7; ++count; return limit + n * 0; }
EOT
cat >program.c <<'EOT'
#include "testsuite/objects/commands.h"
int pa(int), pb(int); void set_a(int), set_b(int);
static void call(void) { printf("%d %d\n", pa(1), pb(1)); }
int main(int argc, char** argv) { if (argc > 99) { set_a(argc); set_b(argc); } return run_commands(argc, argv, call); }
EOT
printf '#include "a.c"\n#define limit limit_of_b\n#include "b.c"\n' >unity.c

# uses NAME: ./fix.so returns what the variable NAME has, plus 1000.
uses()
{
  cat >fix.c <<EOT
#include <hotpatch.h>
HP_PATCH("fix", 1, "");
extern int it HP_IMPORT("$1");
HP_REPLACES("b.c:pb") static int p(int n) { return 1000 + it; }
EOT
  patch fix
}
finds()
{
  uses "$1" && tells "load: HP_OK" load:fix.so call && tells " $2" load:fix.so call
}
fails_with()
{
  uses "$1" && tells "$2" load:fix.so call
}
# suggested: the names that the last message puts between quotation marks.
suggested()
{
  grep 'name one of' said | grep -o '"[^"]*"' | tr -d '"'
}
all_suggestions_work()
{
  names=$(suggested)
  [ "$(echo "$names" | wc -l)" -ge 2 ] || return 1
  for name in $names; do
    echo "$name"
    uses "$name" && tells "load: HP_OK" load:fix.so call || return 1
  done
}
for options in -O0 -O2 '-O2 -flto' '-O2 -flto -flto-partition=max' \
  '-O2 -ffunction-sections -fdata-sections -Wl,--gc-sections'; do
  ok "the program is linked: $options" program -fplugin-arg-hotpatch-all \
    $options program.c a.c b.c
  ok "a.c's own: $options" finds a.c:limit 1010
  ok "b.c's own: $options" finds b.c:limit 1020
  ok "a global of its file: $options" finds a.c:shared 1100
  ok "a global alone: $options" finds shared 1100
  ok "no global of another file: $options" fails_with b.c:shared HP_NOT_FOUND
  ok "none of a file that is not there: $options" fails_with nosuch.c:shared \
    'there is one in a.c, HP_IMPORT("a.c:shared")'
  ok "two statics are ambiguous: $options" fails_with limit \
    'the program has 2 such variables'
  ok "and each suggestion works: $options" all_suggestions_work
  ok "two of functions, too: $options" fails_with count HP_AMBIGUOUS
  ok "and each suggestion works there: $options" all_suggestions_work
done
# The compiler has left out the other file's, or there never was one.
mkdir less
cat >less/b.c <<'EOT'
#include <hotpatch.h>
void set_b(int n) { (void)n; }
HP_PATCHABLE int pb(int n) { return n; }
EOT
ok "a program that has one of two statics is linked" with_controls program \
  -fplugin-arg-hotpatch-all program.c a.c less/b.c
only='uses it, the only one in the program, which is static in a.c'
warned()
{
  uses "$1" && HOTPATCH_LOG=info tells "$only" load:fix.so call &&
    tells "load: HP_OK" load:fix.so call
}
ok "one static without a file is used, with a warning" warned limit
ok "not with its file" not warned a.c:limit
ok "nor what all files see" not warned shared
beside()
{
  uses limit && mkdir -p own && mv fix.c own/a.c && cc -O2 -fPIC -shared own/a.c \
    -o fix.so && HOTPATCH_LOG=info not tells "$only" load:fix.so call
}
ok "nor in a patch whose source file has that name" beside
ok "control: without the rule nothing is said" not without file_of_static warned limit
ok "control: a program in which rules can be left out" with_controls program \
  -fplugin-arg-hotpatch-all program.c a.c b.c
ok "control: it keeps them" fails_with b.c:shared HP_NOT_FOUND
ok "control: without the rule of files another file's is taken" \
  without named_file_only finds b.c:shared 1100
ok "control: or each is as good as the other" \
  without named_file_only fails_with b.c:limit HP_AMBIGUOUS
ok "a unit of several files is compiled" program -fplugin-arg-hotpatch-all \
  program.c unity.c
ok "a.c's own" finds a.c:limit 1010
ok "not what b.c calls otherwise" fails_with b.c:limit HP_NOT_FOUND
objcopy -R .debug.hotpatch program
ok "control: without the table the compiled file counts" finds unity.c:limit 1010
strip -g program
ok "without file names nothing is known of files" fails_with a.c:limit \
  HP_NOT_FOUND

cat >library.c <<'EOT'
#include <hotpatch.h>
int knob_v1 = 1, knob_v2 = 2;
__asm__(".symver knob_v1, knob@V1"); __asm__(".symver knob_v2, knob@@V2");
__attribute__((symver("area@V1"))) HP_PATCHABLE int area_v1(int n) { return n; }
__attribute__((symver("area@@V2"))) HP_PATCHABLE int area_v2(int n) { return n * n; }
HP_PATCHABLE int pb(int n) { return n; }
EOT
echo 'V1 { global: area; knob; pb; local: *; }; V2 { global: area; knob; } V1;' >versions
cat >program.c <<'EOT'
#include "testsuite/objects/commands.h"
int pb(int), area(int);
static void call(void) { printf("%d %d\n", area(3), pb(1)); }
int main(int argc, char** argv) { return run_commands(argc, argv, call); }
EOT
versioned()
{
  cc -O2 -fPIC -shared -Wl,--version-script=versions library.c -o liblibrary.so &&
    program program.c -L. -llibrary "-Wl,-rpath,$workdir"
}
ok "a library with versions is linked" versioned
uses_version()
{
  uses "$1" && sed -i 's/b.c:pb/pb/' fix.c && patch fix && tells " $2" load:fix.so call
}
ok "the default version is meant" uses_version knob 1002
ok "also by its name" uses_version knob@@V2 1002
ok "an older one by its name only" uses_version knob@V1 1001
cat >fix.c <<'EOT'
#include <hotpatch.h>
extern int knob;
HP_REPLACES("area") static int p(int n) { return 1000 + knob; }
EOT
patch fix
ok "also where the dynamic linker would take the oldest" tells "1002 1" \
  load:fix.so call
cp program plain
ok "control: a program in which the rule can be left out" with_controls program \
  program.c -L. -llibrary "-Wl,-rpath,$workdir"
ok "control: it keeps it" tells "1002 1" load:fix.so call
ok "control: without the rule of versions none is meant" \
  without default_version tells HP_AMBIGUOUS load:fix.so
strip liblibrary.so
ok "control: nor in a stripped library" \
  without default_version tells HP_AMBIGUOUS load:fix.so
mv plain program
ok "and in a stripped library" tells "1002 1" load:fix.so call

cat >util.h <<'EOT'
#include <hotpatch.h>
HP_PATCHABLE static int clamp(int n) { return n > 10 ? 10 : n; }
EOT
cat >codec.c <<'EOT'
#include "util.h"
static int calls;
HP_PATCHABLE static int check(int n) { ++calls; return n <= LIMIT; }
int NAME(int n) { return check(n) ? clamp(n) : -1; }
EOT
cat >program.c <<'EOT'
#include "testsuite/objects/commands.h"
int narrow(int), wide(int);
static int yes(int n) { return n >= 0; }
static void call(void)
{
  printf("%d %d\n", narrow(500), wide(500));
  hp_apply("codec.c:check#all", yes);
  printf("%d %d\n", narrow(500), wide(500));
  hp_revert("check#1");
  printf("%d %d\n", narrow(500), wide(500));
  hp_revert_all();
  hp_site site;
  if (hp_site_find("check#all", &site) != HP_AMBIGUOUS || hp_original("check#all") ||
      hp_site_find("narrow#all", &site) != HP_NOT_FOUND ||
      hp_site_find("check#2", &site) != HP_OK)
    puts("what asks about one takes several");
  if (hp_apply("check#3", yes) != HP_NOT_FOUND || hp_apply("check#0", yes) != HP_NOT_FOUND)
    puts("there is no third one");
}
int main(int argc, char** argv) { return run_commands(argc, argv, call); }
EOT
twice()
{
  cc -O2 -c codec.c -DNAME=narrow -DLIMIT=100 -o narrow.o &&
    cc -O2 -c codec.c -DNAME=wide -DLIMIT=1000 -o wide.o &&
    program program.c narrow.o wide.o
}
ok "one source is compiled twice" twice
lists()
{
  "$HP_BUILDDIR/tools/hp-list" program >listed
  cat listed
  grep -q "  check#1 .*codec.c:3" listed && grep -q "  clamp#2 .*util.h:2" listed
}
ok "hp-list shows the numbers" lists
ok "all, and one of them, are changed by hp_apply" runs "-1 10
10 10
-1 10" call
cp program plain
ok "control: a program in which the rules can be left out" \
  with_controls program program.c narrow.o wide.o
ok "control: without the rule of numbers the revert changes nothing" \
  without choose_by_number runs "-1 10
10 10
10 10
what asks about one takes several
there is no third one" call
ok "control: without the rule of all none is replaced" \
  without all_of_a_name runs "-1 10
-1 10
-1 10" call
mv plain program
replacing()
{
  cat >fix.c <<EOT
#include <hotpatch.h>
HP_PATCH("fix", 1, "");
$2
HP_REPLACES("$1") static int p(int n) { return n; }
EOT
  patch fix
}
replaced()
{
  replacing "$1" '' && sed 's/  hp_.*#.*;$//; s/  hp_revert_all();//' program.c >once.c &&
    program once.c narrow.o wide.o && tells "$2" load:fix.so call
}
ok "a patch for the first" replaced util.h:clamp#1 '-1 10'
ok "a patch for the second" replaced util.h:clamp#2 '-1 500'
ok "a patch for all" replaced check#all '10 10'
ok "without a number it is refused" replaced util.h:clamp HP_AMBIGUOUS
ok "and the suggestions are two" grep -qF \
  '"util.h:clamp#1", "util.h:clamp#2", or "util.h:clamp#all" for all of them' said
ok "a variable has a number, too" replacing check#1 \
  'extern int c HP_IMPORT("codec.c:calls#2"); int hp_user(void) { return c; }'
ok "and is found by it" tells "load: HP_OK" load:fix.so
ok "a variable without one is ambiguous" replacing check#1 \
  'extern int c HP_IMPORT("codec.c:calls"); int hp_user(void) { return c; }'
ok "and each is named" tells '"codec.c:calls#1", "codec.c:calls#2"' load:fix.so
ok "control: without the rule of numbers a site is ambiguous" with_controls \
  without choose_by_number replaced util.h:clamp#2 HP_AMBIGUOUS
ok "control: a patch that uses the second variable" replacing check#all \
  'extern int c HP_IMPORT("codec.c:calls#2"); int hp_user(void) { return c; }'
ok "control: without the rule it is ambiguous, too" without choose_by_number \
  tells '"codec.c:calls#1", "codec.c:calls#2"' load:fix.so
ok "control: without the rule of all they are ambiguous" with_controls \
  without all_of_a_name replaced check#all HP_AMBIGUOUS
done_testing
