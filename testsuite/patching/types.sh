#!/bin/sh
# Functions whose type changes: what is compiled again calls the new version,
# and nothing calls code with arguments of the other type.
#
# SPDX-License-Identifier: MIT
# shellcheck disable=SC2034,SC2154 # used and set in common.sh
. "$HP_SRCDIR/testsuite/patching/common.sh"

cat >types.h.0 <<'EOT'
struct op { int (*run)(int); };
int scaled(int x);
int other(int x);
int serve(int x);
EOT
cat >scaled.c.0 <<'EOT'
#include "types.h"
int calls;
int scaled(int x) { return x * 2 + 0 * ++calls; }
EOT
cat >other.c.0 <<'EOT'
#include "types.h"
int other(int x) { return scaled(x) + 10; }
EOT
# It does not include the header, so it is not compiled again.
cat >own.c.0 <<'EOT'
int scaled(int x);
int own(int x) { return scaled(x) + 100; }
EOT
cat >serve.c.0 <<'EOT'
#include "types.h"
int serve(int x) { return other(x) + scaled(x); }
EOT
cat >main.c.0 <<'EOT'
#include <stdio.h>
int serve(int x);
int own(int x);
int main(void)
{
  char line[64];
  while (fgets(line, sizeof line, stdin)) {
    int served = serve(1);
    printf("%d %d\n", served, own(1));
    fflush(stdout);
  }
}
EOT
restore()
{
  for file in *.0; do
    cp "$file" "${file%.0}"
    touch -d '2001-01-01' "${file%.0}"
  done
}
restore
{
  echo "CC = $CC"
  echo "CFLAGS = $baseline_flags \$(MORE)"
  echo 'objects = main.o scaled.o other.o own.o serve.o'
  echo 'program: $(objects)'
  echo '	$(CC) -rdynamic -o $@ $(objects)'
  echo 'scaled.o other.o serve.o: types.h'
} >Makefile
ok "the program is built" make -s

# works NAME ANSWER, for what was changed before.
works()
{
  ok "$1: a patch is made" make_patch fix.so -- make
  start ./program
  ok "$1: before" answers_are "14 102"
  ok "$1: the patch is applied" applied
  ok "$1: the new version has its callers" answers_are "$2"
  ok "$1: the patch is reverted" reverted
  ok "$1: after" answers_are "14 102"
  restore
}

sed -i 's/int scaled(int x)/int scaled(long x, int y)/' types.h
sed -i 's/int scaled(int x) { return x \* 2/int scaled(long x, int y) { return (int)x * y/' scaled.c
sed -i 's/scaled(x)/scaled(x, 1000)/' other.c serve.c
works "an argument more" "2010 102"
sed -i 's/int scaled(int x)/int scaled(double x)/' types.h scaled.c
sed -i 's/return x \* 2/return (int)(x * 2000)/' scaled.c
works "another type, with callers that look the same" "4010 102"

# unsafe NAME WORDS: no patch of what was changed before.
unsafe()
{
  rm -f fix.so
  ok "$1 is refused" gives 1 "$2" make_patch fix.so -- make
  ok "$1: nothing is made" not test -e fix.so
  restore
}
# Its address is in the data of another file, behind another type.
echo 'void *const held = (void *)scaled; void *table[] = {(void *)scaled};' >>other.c.0
restore
rm -f -- *.o program
ok "a program with the address in a table" make -s
sed -i 's/int scaled(int x)/int scaled(double x)/' types.h scaled.c
sed -i 's/return x \* 2/return (int)(x * 2000)/' scaled.c
unsafe "a function whose address is in a table" 'other.c:.*has changed'

# Only main calls it, and main stays.
sed -i '$d' other.c.0
cat >>main.c.0 <<'EOT'
int typed(int x);
int (*volatile keep)(int) = 0;
EOT
restore
rm -f -- *.o program
ok "a program" make -s
sed -i 's/int scaled(int x)/int scaled(double x)/' types.h scaled.c
sed -i 's/int other(int x)/int other(long x)/' types.h other.c
works "two functions" "14 102"
done_testing
