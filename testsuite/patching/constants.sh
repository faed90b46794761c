#!/bin/sh
# Constants and initial values that change: all that uses a constant is replaced,
# and what the program may have written is refused.
#
# SPDX-License-Identifier: MIT
# shellcheck disable=SC2034,SC2154 # used and set in common.sh
. "$HP_SRCDIR/testsuite/patching/common.sh"

# built COMPILER ENDING
built()
{
  ending=$2
  rm -f program program.o
  touch -d '2001-01-01' program.$ending
  {
    echo "COMPILE = $1 $baseline_flags \$(MORE)"
    echo "program: program.$ending"
    echo "	\$(COMPILE) -c -o program.o program.$ending"
    echo "	$1 -o \$@ program.o"
  } >Makefile
  make -s
}

cat >program.c <<'EOT'
#include <stdio.h>
static const int weights[] = {1, 2, 3};
static int add(int x) { return x + 1; }
static int take(int x) { return x - 1; }
__attribute__((noinline, no_hotpatch)) static int held(int x) { return x * 2; }
struct command { const char *name; int (*run)(int); };
static const struct command commands[] = {{"add", add}, {"take", take}};
static int (*const fixed[2])(int) = {held, held};
struct rule { int limit; const struct rule *next; };
static const struct rule *const rules = &(const struct rule){10, &(const struct rule){20, 0}};
static int *const count = (int[]){0};
static int *const other = (int[]){0};
static const struct command plain = {"plain", add};
static const struct command *current;
int weigh(int x) { return weights[x % (int)(sizeof weights / sizeof *weights)]; }
int run(int x)
{
  int sum = 0;
  for (unsigned i = 0; i < sizeof commands / sizeof *commands; i++)
    sum += commands[i].run(x);
  return sum + fixed[x & 1](x);
}
int limits(void) { return rules->limit + rules->next->limit; }
int counted(void)
{
  *other += 100;
  return ++*count;
}
int held_one(int x)
{
  if (!current)
    current = &plain;
  return current->run(x);
}
int main(void)
{
  char line[64];
  for (int i = 1; fgets(line, sizeof line, stdin); i++) {
    printf("%d %d %d %d %d\n", weigh(3), run(1), limits(), counted(), held_one(1));
    fflush(stdout);
  }
}
EOT
ok "the C program is built" built "$CC" c
equals "its answers" "$(printf '1 4 30 1 2\n1 4 30 2 2')" "$(printf '\n\n' | ./program)"
works "a table that has grown" 's/{1, 2, 3}/{1, 2, 3, 4}/' '4 4 30 2 2'
works "a new command in a table" \
  's/^struct command/static int ten(int x) { return x * 10; }\n&/;s/{"take", take}}/{"take", take}, {"ten", ten}}/' \
  '1 14 30 2 2'
works "a function without a site in a constant table" 's/return x \* 2/return x * 3/' '1 5 30 2 2'
works "a constant in a compound literal" 's/{20, 0}/{25, 0}/' '1 4 35 2 2'
works "a compound literal before others" \
  's/^static int \*const count/static int *const more = (int[]){0};\n&/;s/++\*count/1000 + ++*count + ++*more * 0/' \
  '1 4 30 1002 2'
refused "a compound literal that the program has written to" \
  'program.c:11:.*compound literal of count' 's/count = (int\[\]){0}/count = (int[]){7}/'
misses "compound literals are told apart" \
  's/^static int \*const count/static int *const more = (int[]){0};\n&/;s/++\*count/1000 + ++*count + ++*more * 0/' \
  literals '1 4 30 1002 2'
sed -i 's/{"plain", add}/{"plain", take}/' program.c
ok "a constant whose address is kept is warned of" \
  gives 0 'program.c:13:.*plain are replaced.*still has the old one' \
  make_patch fix.so -- make

cat >program.cc <<'EOT'
#include <cstdio>
inline const int weights[] = {1, 2, 3};
template <class T> struct table { static const T all[2]; };
template <class T> const T table<T>::all[2] = {5, 6};
inline int local(int x) { static const int all[] = {7, 8}; return all[x & 1]; }
int sum(int x) { return weights[x % 3] * 100 + table<int>::all[x & 1] * 10 + local(x); }
int main()
{
  char line[64];
  for (int i = 1; fgets(line, sizeof line, stdin); i++) {
    printf("%d\n", sum(1));
    fflush(stdout);
  }
}
EOT
ok "the C++ program is built" built "$CXX" cc
works "a constant of a header" 's/{1, 2, 3}/{1, 4, 3}/' 468
works "a constant of a template" 's/{5, 6}/{5, 7}/' 278
works "a constant of an inline function" 's/{7, 8}/{7, 9}/' 269
done_testing
