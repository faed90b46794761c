#!/bin/sh
# Patches on top of patches: each is compared with the program as the patches
# before it have left it, has only what is different since, and goes on with
# their data.
#
# SPDX-License-Identifier: MIT
# shellcheck disable=SC2034,SC2154 # used and set in common.sh
. "$HP_SRCDIR/testsuite/patching/common.sh"

cat >program.c.0 <<'EOT'
#include "program.h"
static int limit = 10;
static const int weights[] = {1, 2, 3, 4};
int weight(int x) { return weights[x & 3]; }
static int scale(int x) { return x * 2; }
static int twice(int x) { return scale(x) + scale(x); }
int serve(int n) { return twice(n) + limit++; }
EOT
cat >main.c.0 <<'EOT'
#include <stdio.h>
#include "program.h"
int main(void)
{
  char line[64];
  while (fgets(line, sizeof line, stdin)) {
    int served = serve(1);
    printf("%d %d %d\n", served, weight(1), other(1));
    fflush(stdout);
  }
}
EOT
cat >other.c.0 <<'EOT'
#include "program.h"
int other(int x) { return x; }
EOT
cat >program.h.0 <<'EOT'
int serve(int n);
int weight(int x);
int other(int x);
EOT
sources='program.c main.c other.c program.h'

# restore: the sources of the program.
restore()
{
  rm -f more.c
  for file in $sources; do
    cp $file.0 $file
    touch -d '2001-01-01' $file
  done
}
build()
{
  restore
  rm -f -- *.o program
  {
    echo "CC = $CC"
    echo "CFLAGS = $1 \$(MORE)"
    echo 'objects = main.o program.o other.o $(patsubst %.c,%.o,$(wildcard more.c))'
    echo 'program: $(objects)'
    echo '	$(CC) -o $@ $(objects)'
    echo '$(objects): program.h'
  } >Makefile
  make -s
}

# on_top NAME AGAINST OPTION...: NAME.so of what has changed since AGAINST, a list
# of patches.
on_top()
{
  on_top_name=$1
  against="--against program"
  for file in $2; do
    against="$against --against $file"
  done
  shift 2
  # shellcheck disable=SC2086 # a list of options
  "$tools/hp-patch" $against -o "$on_top_name.so" --name "$on_top_name" "$@" \
    >report 2>&1
  made_status=$?
  cat report
  return $made_status
}
apply() { "$tools/hp-apply" -t 20 $pid "$@"; }
revert() { "$tools/hp-revert" -t 20 $pid "$@"; }

# only FUNCTION...: the report names exactly these as replaced.
only()
{
  awk '/^  replaces / || /^ *replaced/ { print $2 }' report | sort >found.names
  printf '%s\n' "$@" | sort | cmp -s - found.names || {
    cat report
    return 1
  }
}

for mode in baseline inline; do
  eval "flags=\$${mode}_flags"
  # shellcheck disable=SC2154 # set by eval
  ok "$mode: the program is built" build "$flags"

  # A new variable, new functions of one file and of all, a table, a changed
  # function of another file.
  sed -i 's/^int serve.*/static int extra = 500;\
static int more(void) { return ++extra; }\
int fresh(int x) { static int calls; return x + 10000 * ++calls; }\
int serve(int n) { return twice(n) + limit++ + more() + fresh(0); }/
s/{1, 2, 3, 4}/{1, 20, 30, 40}/' program.c
  sed -i 's/return x;/return fresh(x);/' other.c
  echo 'int fresh(int x);' >>program.h
  ok "$mode: the first patch" on_top first '' -- make

  # Of what the first has added or changed, and of what it has not.
  cp program.c program.c.1
  sed -i 's/return twice(n)/return 100000 + twice(n)/' program.c
  ok "$mode: the second patch" on_top second first.so -- make
  ok "$mode: it has what changed since" grep -q 'serve' report
  ok "$mode: it has nothing else" not grep -q 'weight\|other' report
  cp program.c program.c.2
  sed -i 's/++extra/extra += 2/;s/x \* 2/x * 102/' program.c
  ok "$mode: the third patch" on_top third "first.so second.so" -- make
  cp program.c program.c.3
  sed -i 's/return weights\[/return 7000 + weights[/' program.c
  ok "$mode: the fourth patch" on_top fourth "first.so second.so third.so" -- make
  ok "$mode: nothing has changed since" gives 3 "" \
    on_top fifth "first.so second.so third.so fourth.so" -- make

  start ./program
  ok "$mode: the program" answers_are "14 2 1"
  ok "$mode: the second patch alone is refused" gives 1 first apply second.so
  ok "$mode: the first is applied" apply first.so
  ok "$mode: the first works" answers_are "10516 20 20001"
  ok "$mode: the second is applied" apply second.so
  ok "$mode: the second goes on with the data of the first" \
    answers_are "130518 20 40001"
  ok "$mode: the first cannot be reverted now" not revert first
  ok "$mode: the third is applied" apply third.so
  ok "$mode: the third changes what the first has added" \
    answers_are "150721 20 60001"
  ok "$mode: the fourth is applied" apply fourth.so
  ok "$mode: the fourth has the table of the first" \
    answers_are "170724 7020 80001"
  ok "$mode: the fourth is reverted" revert fourth
  ok "$mode: and the third" revert third
  ok "$mode: the second works again" answers_are "190526 20 100001"
  ok "$mode: the second is reverted" revert second
  ok "$mode: and the first" revert first
  ok "$mode: the program goes on" answers_are "20 2 1"

  ok "$mode: another order is refused" gives 1 "in that order" \
    on_top fifth "second.so first.so" -- make
  ok "$mode: without one between, too" gives 1 "in that order" \
    on_top fifth "first.so third.so" -- make
  ok "$mode: one patch of all changes" on_top whole '' -- make
  start ./program
  ok "$mode: the program" answers_are "14 2 1"
  ok "$mode: it is applied" apply whole.so
  ok "$mode: and has all changes" answers_are "110717 7020 20001"
done

# What the program's own builds have to say.
ok "the program is built" build "$inline_flags"
sed -i 's/x \* 2/x * 102/' program.c
ok "a patch" on_top first '' -- make
cp first.so stripped.so
strip stripped.so
ok "a patch without what it changes is refused" gives 1 \
  "does not say what it changes" on_top second stripped.so -- make
sed 's/limit = 10/limit = 11/' program.c.0 >program.c
make -s
ok "a patch of another build is refused" gives 1 \
  "make one patch of all changes against the program alone" \
  on_top second first.so -- make

# A new source.
ok "the program is built again" build "$inline_flags"
cat >more.c <<'EOT'
static int seen = 40;
int more(int x) { return x + ++seen; }
EOT
sed -i 's/return x;/return more(x);/' other.c
echo 'int more(int x);' >>program.h
ok "a patch with a new source" on_top first '' -- make
sed -i 's/return more(x)/return 100 + more(x)/' other.c
ok "one on top of it" on_top second first.so -- make
start ./program
ok "the program" answers_are "14 2 1"
ok "the first is applied" apply first.so
ok "the new source works" answers_are "15 2 42"
ok "the second is applied" apply second.so
ok "it uses the data of the first" answers_are "16 2 143"
sed -i 's/x + ++seen/x + 2 * ++seen/' more.c
ok "a change of what the first patch has added is refused" gives 1 \
  "patch site" on_top third "first.so second.so" -- make

# Lambdas have numbers instead of names.
rm -f program program.c more.c
cat >program.cc <<'EOT'
#include <cstdio>
__attribute__((noinline)) int serve(int n)
{
  auto last = [](int x) { static int calls; return x + ++calls; };
  return last(n);
}
int main()
{
  char line[64];
  while (std::fgets(line, sizeof line, stdin)) {
    std::printf("%d\n", serve(1));
    std::fflush(stdout);
  }
}
EOT
{
  echo "CXX = $CXX"
  echo "CXXFLAGS = $inline_flags"
} >Makefile
ok "a program with a lambda" make -s program
sed -i 's/^  return last/  auto other = [](int x) { return 100 + x; };\n  n = other(n);\n&/
s/^  auto last/  auto before = [](int x) { return 1000 * x; };\n  n = before(n);\n&/' program.cc
ok "a patch that gives it another number" on_top first '' -- make program
sed -i 's/100 + x/200 + x/' program.cc
ok "nothing can be on top of it" gives 1 "no patch can be made on top of it" \
  on_top second first.so -- make program
ok "one patch of all changes can" on_top second '' -- make program
done_testing
