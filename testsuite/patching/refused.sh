#!/bin/sh
# Changes of which hp-patch makes no patch, and what it says: the reason with
# file and line, and what to do.
#
# SPDX-License-Identifier: MIT
# shellcheck disable=SC2034,SC2154 # used and set in common.sh
. "$HP_SRCDIR/testsuite/patching/common.sh"
ending=c

cat >program.c <<'EOT'
#include <stdio.h>
struct conn { int id; int flags; };
static int limit = 10;
int shared = 4;
const int answer = 42;
int (*hook)(int);
static int plain(int x) { return x + limit++; }
__attribute__((no_hotpatch)) int kept_out(int x) { return x - 1; }
__attribute__((noinline, no_hotpatch)) static int held(int x) { return x - 2; }
static int (*table[2])(int) = {held, held};
int serve(struct conn *c, int n) { return plain(n) + c->flags + shared + table[n & 1](n); }
int typed(int x) { return x; }
struct pair { int first, second; } pair;
int half(void) { return pair.first; }
int other_name(int x) __attribute__((alias("typed")));
__asm__(".globl from_assembly\n.set from_assembly, 7");
struct node { int here, there; };
static char memory[64];
static void *nodes = memory;
int visit(void) { struct node *n = nodes; return ++n->here + n->there; }
struct local { int left, right; };
int locally(int x) { struct local own = {x, 1}; return own.left - own.right; }
int main(void)
{
  struct conn c = {1, 5};
  char line[64];
  while (fgets(line, sizeof line, stdin)) {
    printf("%d %d\n", serve(&c, 1), typed(2) + kept_out(1) + half() + visit() * 0 + locally(1));
    fflush(stdout);
  }
}
EOT
touch -d '2001-01-01' program.c
{
  echo "CC = $CC"
  echo "CFLAGS = $baseline_flags \$(MORE)"
  echo 'program: program.o'
  echo '	$(CC) -o $@ program.o'
} >Makefile
ok "the program is built" make -s

refused "an initial value" 'program.c:3:.*the initial value of limit has changed' \
  's/limit = 10/limit = 11/'
refused "an initial value that other files may read" \
  'program.c:4:.*the initial value of shared' 's/shared = 4/shared = 5/'
refused "a constant that other files may read" \
  'program.c:5:.*the initial value of answer' 's/answer = 42/answer = 43/'
refused "another type of a variable" 'program.c:4:.*the type of shared has changed' \
  's/int shared = 4/long shared = 4/'
refused "a function without a site" 'program.c:8:.*no patch site' \
  's/return x - 1;/return x - 3;/'
refused "a static without a site whose address is in a table" \
  'program.c:9:.*table.*holds its address' 's/return x - 2;/return x - 4;/'
refused "assembly outside of functions" 'assembly outside of functions' \
  's/from_assembly, 7/from_assembly, 8/'
refused "another alias" 'an alias has changed' 's/alias("typed")/alias("half")/;s/int other_name(int x)/int other_name(void)/'
refused "members of a variable that change places" 'struct pair' \
  's/int first, second;/int second, first;/;s/return pair.first;/return pair.first + 1;/'
refused "a member before others" 'conn has other members' \
  's/{ int id; int flags; }/{ int added; int id; int flags; }/;s/return plain(n)/return c->id + plain(n)/'
refused "a structure that is reached through void pointers" \
  'program.c:17:.*node has other members' 's/int here, there;/int there, here;/'
sed -i 's/int here, there;/int there, here;/' program.c
ok "control: this is where it is refused" \
  make_patch fix.so -- make MORE=-fplugin-arg-hotpatch-without=types
sed -i 's/int there, here;/int here, there;/' program.c
works "a structure of a function's own" \
  's/int left, right;/int more, left, right;/;s/{x, 1}/{7, x, 1}/;s/return own.left/return own.more + own.left/' \
  "$(printf '\n\n' | ./program | tail -n 1 | awk '{ print $1, $2 + 7 }')"
{ kill $pid && wait $pid; } 2>/dev/null
pid=
refused "a source that does not compile" 'expected' 's/return x;/return x/'

# The build is another one.
sed -i 's/return x + limit/return x - limit/' program.c
ok "other options are refused, by name" gives 1 'LEVEL=3' \
  make_patch fix.so -- make MORE=-DLEVEL=3
ok "another optimisation is refused" gives 1 'O1' make_patch fix.so -- make MORE=-O1
ok "a build that fails" gives 1 'status' make_patch fix.so -- false
ok "a build that compiles nothing" gives 1 'program.c' make_patch fix.so -- true
ok "the same change is a patch with the right build" make_patch fix.so -- make
cp program.c before.c
sed -i 's/return x + limit/return x - limit/;s/return x - limit/return x + limit/;s/while (fgets/while (1 \&\& fgets/;s/char line.64./char line[65]/' program.c
ok "a change of main alone is none that takes effect" gives 3 'main has changed' \
  make_patch fix.so -- make
cp before.c program.c

# The program has no baseline.
cp program with
strip program
ok "a stripped program" gives 1 'fplugin-arg-hotpatch-baseline' make_patch fix.so -- make
objcopy --only-keep-debug with with.debug
ok "a debug file that only hp-patch knows gives a patch" "$tools/hp-patch" \
  --against program --debug with.debug --name fix -o fix.so -- make
cp program running
start ./running
ok "which hp-apply refuses without that file" gives 1 'is it stripped' applied
objcopy --add-gnu-debuglink=with.debug program
ok "a debug file that hp-apply finds, too" gives 0 '' make_patch fix.so -- make
cp with program
head -c 100 program >short
ok "a damaged program" gives 1 'short' "$tools/hp-patch" --against short -o fix.so -- make
ok "a program that is not there" gives 1 'nowhere' \
  "$tools/hp-patch" --against nowhere -o fix.so -- make

# A damaged baseline.
objcopy -O binary -j .debug.hotpatch.base \
  --set-section-flags .debug.hotpatch.base=alloc program base
damaged_baseline()
{
  sed "$1" base >other
  objcopy --update-section .debug.hotpatch.base=other program damaged &&
    gives 1 "$2" "$tools/hp-patch" --against damaged -o fix.so -- make
}
ok "another version of the format" damaged_baseline '1s/baseline 1/baseline 2/' 'damaged'
ok "a hash that is none" damaged_baseline 's/^system [0-9a-f]*/system x/' 'damaged'
ok "a number that is too large" damaged_baseline 's/^h 0 /h 99999999999999999999 /' 'damaged'
ok "a text without an end" damaged_baseline '/^end$/d' 'damaged'

ok "no build is misuse" gives 64 'no build' "$tools/hp-patch" --against program
ok "no program is misuse" gives 64 'no --against' "$tools/hp-patch" -- make
ok "an option that is none is misuse" gives 64 'frobnicate' "$tools/hp-patch" --frobnicate
done_testing
