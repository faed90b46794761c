#!/bin/sh
# Every check of a patch object, with what it says; and that nothing has changed
# then.
#
# SPDX-License-Identifier: MIT
. "$HP_SRCDIR/testsuite/objects/objects.sh"

cat >conn.h <<'EOT'
struct item { short kind; struct item* next; };
struct conn {
  int fd; struct item* items; void* owner; long timeout; unsigned flag : 1;
};
enum color { red, green };
EOT
cat >program.c <<'EOT'
#include "testsuite/objects/commands.h"
#include "conn.h"
__attribute__((hotpatch)) int parse(struct conn* c, unsigned long size)
{
  return c->fd + (int)size;
}
static int twice;
long wide;
struct conn shared;
__attribute__((noinline)) static int helper(int x) { return x + twice; }
__attribute__((hotpatch)) static int same(int x) { return x + helper(x); }
__attribute__((hotpatch)) int paint(enum color c, struct item* i)
{
  return c + i->kind;
}
__attribute__((noinline)) static int scaled(int x, int by, int* log)
{
  *log = x;
  return x * by + twice;
}
static void call(void)
{
  struct conn c = {1, 0, 0, 0, 0};
  struct item i = {1, 0};
  int log;
  printf("parse %d same %d\n", parse(&c, 3), same(1));
  fflush(stdout);
  if (twice > 5)
    printf("%d %d %ld %d\n", paint(red, &i), scaled(twice, 7, &log), wide,
           shared.fd);
}
int main(int argc, char** argv)
{
  twice = argc > 100;
  return run_commands(argc, argv, call);
}
EOT
cat >other.c <<'EOT'
static int twice;
int bump(void) { return ++twice; }
__attribute__((hotpatch)) static int same(int x) { return x - 1; }
int other_same(int x) { return same(x); }
EOT
program program.c other.c || exit 99
id=$(readelf -n program | sed -n 's/.*Build ID: //p')

# refused NAME MESSAGE SOURCE: a patch of that source is refused with these
# words, and the program goes on as before.
refused()
{
  {
    echo '#include <hotpatch.h>'
    echo '#include "conn.h"'
    echo "$3"
  } >fix.c
  rm -f fix.so
  ok "$1: compiled" patch fix
  ok "$1: refused" tells "$2" load:fix.so
  ok "$1: nothing has changed" runs "parse 4 same 2
load: HP_
parse 4 same 2
fix.so is not mapped" call load:fix.so call mapped:fix.so
}
fits='HP_REPLACES("parse") static int fixed(struct conn* c, unsigned long size)
{ return c->fd + 7; }'

refused "another build" "HP_OTHER_BUILD: $workdir/fix.so: the patch is for the \
build-id 00ff; the program has $id" "HP_PATCH_BUILD(\"00ff\"); $fits"
echo "#include <hotpatch.h>
#include \"conn.h\"
HP_PATCH_BUILD(\"$id\"); $fits" >fix.c
patch fix
ok "this build" tells "load: HP_OK" load:fix.so
refused "no such site" "HP_NOT_FOUND: $workdir/fix.so: prase (fix.c:3): the \
program has no patch site of that name" \
  'HP_REPLACES("prase") static int fixed(int x) { return x; }'
refused "a name that is nearly one" "program has no patch site of that name; \
similar: same (program.c:11), same (other.c:3); is it in a module that is not loaded?" \
  'HP_REPLACES("int same(long)") static int fixed(int x) { return x; }'
refused "several sites" "HP_AMBIGUOUS: $workdir/fix.so: same (fix.c:3): there \
are several patch sites of that name" \
  'HP_REPLACES("same") static int fixed(int x) { return x; }'
refused "another prototype" "HP_PROTOTYPE: $workdir/fix.so: parse: the program \
has int (conn*, unsigned long), the patch int (conn*) (fix.c:3)" \
  'HP_REPLACES("parse") static int fixed(struct conn* c) { return c->fd; }'
refused "an import that is not there" "HP_NOT_FOUND: $workdir/fix.so: \
nowhere (fix.c:3): the program has no such variable" \
  "extern int nowhere; int hp_user(void) { return nowhere; } $fits"
refused "a function that is not there" "nofunction (fix.c:3): the program has \
no such function" \
  "int nofunction(int); int hp_user(void) { return nofunction(1); } $fits"
refused "an original that is not there" "absent (fix.c:3): the program has no \
such patch site" \
  "int nooriginal(int) HP_ORIGINAL(\"absent\"); int hp_user(void) { return \
nooriginal(1); } $fits"
refused "several static variables" "HP_AMBIGUOUS: $workdir/fix.so: twice \
(fix.c:3): the program has 2 such variables; name one of them in HP_IMPORT: \
\"program.c:twice\", \"other.c:twice\"" \
  "extern int twice; int hp_user(void) { return twice; } $fits"
refused "a function that may be specialised" "HP_UNSUPPORTED: \
$workdir/fix.so: helper (fix.c:3): it is static and no patch site" \
  "int helper(int); int hp_user(void) { return helper(1); } $fits"
{
  echo '#include <hotpatch.h>'
  echo '#include "conn.h"'
  echo 'int known(int) HP_IMPORT_UNCHECKED("program.c:helper");'
  echo 'HP_REPLACES("program.c:same") static int fixed(int x)'
  echo '{ return 10 * known(x); }'
} >fix.c
patch fix
ok "unless who wrote the patch knows better" runs "load: HP_OK
parse 4 same 10" load:fix.so call
refused "a function that is specialised" "only left a specialised copy of it, \
scaled." \
  "int scaled(int, int, int*); int hp_user(int *x) { return scaled(1, 2, x); } $fits"
refused "another size" "HP_PROTOTYPE: $workdir/fix.so: wide (fix.c:3): the \
program's has 8 bytes, the patch's 4" \
  "extern int wide; int hp_user(void) { return wide; } $fits"
refused "a function that is a variable" "wide (fix.c:3): in the program it is a \
variable, in the patch a function" \
  "int wide(void); int hp_user(void) { return wide(); } $fits"
refused "a variable that is thread-local" "wide (fix.c:3): in the program it is \
a variable, in the patch a thread-local variable" \
  "extern __thread long wide; int hp_user(void) { return wide; } $fits"
refused "another prototype of a function that is used" "same (fix.c:3): the \
program has int (int), the patch int (char)" \
  "int mine(char) HP_IMPORT(\"program.c:same\"); int hp_user(void) { return \
mine(1); } $fits"
refused "a patch that is not there" "HP_MISSING: $workdir/fix.so: patch \
\"fix\" needs patch \"base\", which is not applied" \
  "HP_PATCH_NEEDS(\"base\", 1); $fits"
refused "a name that is none" "HP_INVALID: $workdir/fix.so: a patch's name" \
  "HP_PATCH(\"two words\", 1, \"\"); $fits"

# layout NAME MESSAGE SED-SCRIPT [SOURCE]: the header has changed meanwhile.
layout()
{
  cp conn.h before.h
  sed "$3" before.h >conn.h
  refused "$1" "HP_LAYOUT: $workdir/fix.so: $2" "${4-$fits}"
  cp before.h conn.h
}
layout "a member that has moved" "parse: struct conn: member timeout is at 24 \
in the program, 32 in the patch" 's/long timeout/long added, timeout/'
layout "a member that is new" "parse: struct conn: the program has no member \
added" 's/unsigned flag : 1;/unsigned flag : 1, added : 1;/'
layout "a member of another type" "parse: struct conn: member timeout is i64 \
in the program, u64 in the patch" 's/long timeout/unsigned long timeout/'
layout "a bit-field" "parse: struct conn: member flag is at 32 in the program, \
bit 259 in the patch" 's/unsigned flag : 1/unsigned unused : 3, flag : 1/'
layout "a member that is gone" "parse: struct conn: the patch has no member \
flag" 's/unsigned flag : 1;//'
layout "a struct that a pointer leads to" "parse: struct item: member next is at 8 in \
the program, 16 in the patch" 's/short kind/long kind, more/'
layout "an enumerator" 'paint: enum color: "value 1 green" in the program, ' \
  's/green/blue, green/' \
  'HP_REPLACES("paint") static int fixed(enum color c, struct item* i)
{ return 0; }'
layout "an enumerator that is renamed" 'paint: enum color: "value 1 green"' \
  's/green/blue/' \
  'HP_REPLACES("paint") static int fixed(enum color c, struct item* i)
{ return 0; }'
layout "an enumeration of another size" 'paint: enum color: ' \
  's/green }/green, huge = 1ul << 40 }/' \
  'HP_REPLACES("paint") static int fixed(enum color c, struct item* i)
{ return 0; }'
appended_enumerator()
{
  cp conn.h before.h
  sed 's/green/green, blue/' before.h >conn.h
  {
    echo '#include <hotpatch.h>'
    echo '#include "conn.h"'
    echo 'HP_REPLACES("paint") static int fixed(enum color c, struct item* i)'
    echo '{ return c == blue ? -1 : c + i->kind; }'
  } >fix.c
  patch fix
  cp before.h conn.h
  runs "load: HP_OK" load:fix.so
}
ok "an enumerator that is appended does no harm" appended_enumerator
layout "of a variable that is used" "shared: struct conn: member timeout is i64 \
in the program, u64 in the patch" 's/long timeout/unsigned long timeout/' \
  'extern struct conn shared; int hp_user(void) { return shared.fd; }
HP_REPLACES("program.c:same") static int fixed(int x) { return shared.fd; }'

sed -i 's/long timeout/long added, timeout/' conn.h
echo '#include <hotpatch.h>
#include "conn.h"
HP_REPLACES_UNCHECKED("parse") static int fixed(struct conn* c)
{ return c->fd + 7; }' >fix.c
patch fix
ok "unchecked, as was asked for" runs "load: HP_OK
parse 8 same 2" load:fix.so call

for n in 1 2; do
  cat >v$n.c <<EOT
#include <hotpatch.h>
HP_PATCH("versioned", $n, "");
HP_REPLACES("program.c:same") static int fixed(int x) { return x * $n; }
EOT
  patch v$n
done
ok "applied already" tells "HP_APPLIED: $workdir/v1.so: patch \"versioned\" is \
applied already, in version 1" load:v1.so load:v1.so
ok "an older version" tells "HP_OLDER: $workdir/v1.so: patch \"versioned\" is \
applied in version 2, which is newer than 1" load:v2.so load:v1.so
cat >needs.c <<'EOT'
#include <hotpatch.h>
HP_PATCH_NEEDS("versioned", 2);
HP_REPLACES("other.c:same") static int fixed(int x) { return x; }
EOT
patch needs
ok "a dependency that is too old" tells "HP_MISSING: $workdir/needs.so: patch \
\"needs\" needs version 2 of patch \"versioned\", or a newer one, and only version 1 \
is applied" \
  load:v1.so load:needs.so

cat >many.c <<'EOT'
#include <hotpatch.h>
struct conn;
HP_PATCH_BUILD("00ff");
extern int nowhere;
HP_REPLACES("prase") static int one(int x) { return x + nowhere; }
HP_REPLACES("parse") static int two(int x) { return x; }
EOT
patch many
ok "all findings can be had" runs "finding: HP_OTHER_BUILD
finding: HP_NOT_FOUND: $workdir/many.so: prase
finding: HP_PROTOTYPE: $workdir/many.so: parse
finding: HP_NOT_FOUND: $workdir/many.so: nowhere
check: HP_OTHER_BUILD
many.so is not mapped" check:many.so mapped:many.so

ok "no such file" tells "load: HP_UNREADABLE: absent.so: No such file" \
  load:absent.so
echo text >text.so
ok "no ELF file" tells "load: HP_UNREADABLE: $workdir/text.so: not an ELF file" \
  load:text.so
ok "a directory" tells "load: HP_UNREADABLE: /: " load:/
echo 'int x;' >plain.c
$CC -shared -fPIC plain.c -o plain.so
ok "a shared object that is no patch" tells "is no patch object: it has no \
section .hotpatch.patch" load:plain.so
ok "a program" tells "HP_UNREADABLE" load:program
cc -c -fPIC v1.c -o v1.o
ok "an object file" tells "is no shared object; link the patch with -shared" \
  load:v1.o
ok "no patch of that name" tells \
  'unload: HP_NOT_APPLIED: no patch object "absent" is loaded' unload:absent
done_testing
