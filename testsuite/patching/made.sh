#!/bin/sh
# Patches that hp-patch makes of changed C sources, applied to the running
# program: what changes is replaced, and everything else is the program's own.
#
# SPDX-License-Identifier: MIT
# shellcheck disable=SC2034,SC2154 # used and set in common.sh
. "$HP_SRCDIR/testsuite/patching/common.sh"

cat >conn.h <<'EOT'
struct conn { int id; int flags; };
static inline int flag_of(const struct conn *c) { return c->flags & 7; }
int serve(struct conn *c, int n);
int other_total(void);
int limited(int x);
EOT
cat >program.c <<'EOT'
#include "conn.h"
static int limit = 10;
static const int weights[] = {1, 2, 3, 4};
static __thread int calls;
int total;
static int scale(int x) { return x * 2; }
int weight(int x) { return weights[x & 3]; }
static int twice(int x)
{
  static int count;
  return scale(x) + scale(x) + ++count;
}
int serve(struct conn *c, int n)
{
  calls++;
  total += n;
  return twice(n) + weight(n) + flag_of(c) + limit + calls;
}
EOT
cat >main.c <<'EOT'
#include <stdio.h>
#include "conn.h"
extern int total;
int main(void)
{
  struct conn c = {1, 5};
  char line[64];
  while (fgets(line, sizeof line, stdin)) {
    int served = serve(&c, 1);
    printf("%d %d %d %d\n", served, total, other_total(), limited(3));
    fflush(stdout);
  }
}
EOT
cat >other.c <<'EOT'
#include "conn.h"
static int limit = 1000;
static int seen;
int limited(int x) { return x > limit ? limit : x; }
int other_total(void) { return ++seen; }
EOT
cp program.c program.c.0
cp other.c other.c.0
cp conn.h conn.h.0

# build MODE-FLAGS: from the first version of the sources.
build()
{
  for file in program.c other.c conn.h; do
    cp $file.0 $file
    touch -d '2001-01-01' $file
  done
  rm -f -- *.o program
  {
    echo "CC = $CC"
    echo "CFLAGS = $1 \$(MORE)"
    echo 'program: main.o program.o other.o'
    echo '	$(CC) -o $@ main.o program.o other.o'
    echo 'main.o program.o other.o: conn.h'
  } >Makefile
  make -s
}

# changed NAME FILE SED-SCRIPT ANSWER: a process of the first version gives ANSWER
# once the patch of the change is applied, and goes on as before when it is
# reverted.
changed()
{
  sed -i "$3" "$2"
  moves "$1" "$4"
}

# moves NAME ANSWER: the same of what was changed before.
moves()
{
  ok "$1: a patch is made" make_patch fix.so -- make
  start ./program
  first=$(answer)
  ok "$1: the patch is applied" applied
  ok "$1: the new code runs, with the program's data" answers_are "$2"
  ok "$1: the patch is reverted" reverted
  ok "$1: the program goes on" test "$(answer)" != "$first"
  for file in program.c other.c conn.h; do
    cp $file.0 $file
    touch -d '2001-01-01' $file
  done
}

for mode in baseline inline; do
  eval "flags=\$${mode}_flags"
  # shellcheck disable=SC2154 # set by eval
  ok "$mode: the program is built" build "$flags"
  # serve(): twice + weight + flag + limit + calls
  start ./program
  ok "$mode: the first answer" answers_are "23 1 1 3"
  ok "$mode: the second" answers_are "25 2 2 3"
  ok "$mode: nothing has changed" gives 3 "" make_patch fix.so -- make
  changed "$mode: a function with static variables" program.c \
    's/return twice(n)/return 1000 + twice(n)/' "1025 2 2 3"
  changed "$mode: a function that is called twice" program.c \
    's/return x \* 2/return x * 102/' "225 2 2 3"
  changed "$mode: a static variable of a function goes on" program.c \
    's/scale(x) + ++count/scale(x) + 100 * ++count/' "223 2 2 3"
  changed "$mode: a constant table" program.c \
    's/{1, 2, 3, 4}/{1, 202, 3, 4}/' "225 2 2 3"
  changed "$mode: a function with code and copies" program.c \
    's/return weights/return 200 + weights/' "225 2 2 3"
  changed "$mode: another file with a static of the same name" other.c \
    's/x > limit ? limit : x/x > limit ? limit : x + 50/' "25 2 2 53"
  changed "$mode: an inline function of a header" conn.h \
    's/c->flags & 7/c->flags \& 4/' "24 2 2 3"
  changed "$mode: a new static variable and function" program.c \
    's/^int serve/static int extra = 500;\nstatic int more(void) { return ++extra; }\n&/;s/total += n;/total += n + more();/' \
    "25 503 2 3"
  changed "$mode: the type of a static function" program.c \
    's/static int scale(int x) { return x \* 2; }/static int scale(long x) { return (int)x * 102; }/' \
    "225 2 2 3"
  changed "$mode: a static function that others may use now" program.c \
    's/static int scale(int x) { return x \* 2; }/int scale(int x) { return x * 102; }/' \
    "225 2 2 3"
  # From one file to another.
  sed -i '/^int limited/d' other.c
  echo 'int limited(int x) { return x > 1000 ? 1000 : x + 50; }' >>program.c
  moves "$mode: a function that has moved and changed" "25 2 2 53"
  sed -i 's/^int total;/extern int total;/;s/total += n;/total += n + 100;/' program.c
  echo 'int total;' >>other.c
  moves "$mode: a variable that has moved" "25 102 2 3"
  # A function of a header that becomes one of a file.
  sed -i 's/^static inline int flag_of.*/int flag_of(const struct conn *c);/' conn.h
  echo 'int flag_of(const struct conn *c) { return 200 + c->flags; }' >>other.c
  moves "$mode: an inline function that is one of a file now" "225 2 2 3"
  sed -i '1i/* A comment. */' program.c
  ok "$mode: functions that only move are no change" gives 3 "" \
    make_patch fix.so -- make
done

# The same without what makes it work.
ending=c
misses "where copies are counts" 's/return weights/return 200 + weights/' holders \
  "225 2 2 3"
sed -i '/^int limited/d' other.c
misses "what has moved counts" \
  '$aint limited(int x) { return x > 1000 ? 1000 : x + 50; }' moved "25 2 2 53"
cp other.c.0 other.c
touch -d '2001-01-01' other.c program.c

# A tree without objects, as it comes from a version control system.
cp program.c.0 program.c
ok "the program is built again" build "$inline_flags"
mkdir fresh
cp main.c program.c other.c conn.h Makefile fresh/
sed -i 's/return x \* 2/return x * 102/' fresh/program.c
in_fresh_tree()
{
  (cd fresh && "$tools/hp-patch" --against ../program --name fix -o ../fix.so -- make)
}
ok "a tree without objects gives a patch" in_fresh_tree
ok "and stays without" test ! -e fresh/program.o -a ! -e fresh/program
start ./program
ok "the program runs" answer
ok "its patch is applied" applied
ok "and its code runs" answers_are "225 2 2 3"

# What the tree has stays as it is.
sed -i 's/return x \* 2/return x * 102/' program.c
sum=$(cat program program.o other.o | cksum)
ok "a patch is made" make_patch fix.so -- make
ok "a second time" make_patch fix2.so -- make -j 2
equals "both are the same" "$(sed 's/fix2/fix/' <fix2.so | wc -c)" "$(wc -c <fix.so)"
equals "the tree's files are as before" "$sum" "$(cat program program.o other.o | cksum)"
make -n >next
ok "make still knows what it has to do" grep -q 'program\.c' next

# A diff.
cp program.c.0 program.c
touch -d '2001-01-01' program.c
sed 's/return x \* 2/return x * 102/' program.c >changed.c
mkdir -p a b && cp program.c a/ && cp changed.c b/program.c
diff -u a/program.c b/program.c >fix.diff
ok "a diff gives a patch" make_patch fix.so --patch fix.diff -- make
ok "the tree is not changed" cmp -s program.c program.c.0
start ./program
ok "the program runs" answer
ok "its patch is applied" applied
ok "and its code runs" answers_are "225 2 2 3"
echo 'no diff' >bad.diff
ok "what is no diff is refused" gives 1 "bad.diff" make_patch fix.so --patch bad.diff -- make

# A database of commands.
cp changed.c program.c
printf '[{"directory":"%s","command":"%s %s -c -o program.o program.c","file":"program.c"},\n{"directory":"%s","arguments":["%s",%s"-c","-o","other.o","other.c"],"file":"other.c"},\n{"directory":"%s","command":"%s %s -c -o main.o main.c","file":"main.c"}]\n' \
  "$workdir" "$CC" "$inline_flags" "$workdir" "$CC" \
  "$(printf '"%s",' $inline_flags)" "$workdir" "$CC" "$inline_flags" >compile_commands.json
ok "compile_commands.json gives a patch" make_patch fix.so -p compile_commands.json
start ./program
ok "the program runs" answer
ok "its patch is applied" applied
ok "and its code runs" answers_are "225 2 2 3"

# What the program does not see.
cp program.c.0 program.c
echo 'int nobody_knows = 7;' >>program.c
sed -i 's/return x \* 2/return x * 102/' program.c
ok "new data that nothing refers to" gives 0 'nobody_knows is new, and nothing' \
  make_patch fix.so -- make

# What people ask about it.
ok "--explain names the lines" gives 0 "program.c:6" make_patch fix.so --explain scale -- make
ok "the report can be JSON" gives 0 '"name": "scale"' make_patch fix.so --json -- make
ok "the reason is given" grep -q 'contains' report
done_testing
