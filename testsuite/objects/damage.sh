#!/bin/sh
# Damaged patch objects, and a system that fails: see damage.cc and faults.c.
#
# SPDX-License-Identifier: MIT
. "$HP_SRCDIR/testsuite/objects/objects.sh"

cat >small.c <<'EOT'
struct conn { int fd; struct conn* next; long timeout; };
int limit = 10;
static __thread int own;
__attribute__((hotpatch)) int parse(struct conn* c, int x)
{
  return x + limit + c->fd + own++;
}
int main(int argc, char** argv)
{
  struct conn c = {argc, 0, 0};
  limit += argc;
  return parse(&c, 1) + (argv == 0);
}
EOT
cc -O2 small.c -o small || exit 99
cat >fix.c <<'EOT'
#include <hotpatch.h>
struct conn { int fd; struct conn* next; long timeout; };
HP_PATCH("fix", 2, "A small one");
HP_PATCH_NEEDS("other", 1);
extern int limit;
extern __thread int own;
int old(struct conn*, int) HP_ORIGINAL("parse");
HP_HOOK("before_apply") static const char* before(void) { return 0; }
HP_REPLACES("parse") static int fixed(struct conn* c, int x)
{
  return old(c, x) + limit + own;
}
EOT
patch fix || exit 99
ok "every byte of the tables" "$HP_BUILDDIR/testsuite/objects/damage" ./small \
  ./fix.so

cat >faulty.c <<'EOT'
#include <hotpatch.h>
extern int limit;
extern int own HP_IMPORT("own");
int old(int) HP_ORIGINAL("first");
HP_REPLACES("first") static int one(int x) { return old(x) + 100; }
HP_REPLACES("second") static int two(int x) { return x + own + 10 * limit; }
EOT
patch faulty || exit 99
cc -O2 -fno-pie -no-pie "-I$HP_SRCDIR" "$HP_SRCDIR/testsuite/objects/faults.c" \
  -o faults $with_library -lpthread || exit 99
ok "every fault of the system" ./faults ./faulty.so
sed 's/^/# /' tap.out

# An image that cannot be read costs only its own functions.
cat >program.c <<'EOT'
#include "testsuite/objects/commands.h"
int good(void) { return 1; }
int bad(void);
static void call(void) { printf("%d %d\n", good(), bad()); }
int main(int argc, char** argv) { return run_commands(argc, argv, call); }
EOT
build_damaged()
{
  echo 'int bad(void) { return 1; }' >bad.c &&
    cc -O2 -fPIC -shared -fplugin-arg-hotpatch-all bad.c -o libbad.so &&
    program -fplugin-arg-hotpatch-all program.c -L. -lbad "-Wl,-rpath,$workdir" ||
    return
  # The version of the first record, in the file.
  at=$(readelf -SW libbad.so |
    sed -n 's/.* \.hotpatch  *[A-Z_]*  *[0-9a-f]*  *\([0-9a-f]*\) .*/\1/p')
  [ -n "$at" ] && printf '\356' |
    dd of=libbad.so bs=1 "seek=$((0x$at))" conv=notrunc 2>/dev/null || return
  for name in good bad; do
    cat >for_$name.c <<EOT
#include <hotpatch.h>
HP_REPLACES("$name") static int other(void) { return 2; }
EOT
    patch for_$name || return
  done
}
ok "a program with a damaged library is linked" build_damaged
ok "the program's functions are replaced" runs "1 1
load: HP_OK
2 1" call load:for_good.so call
ok "those of the library are not, and the reason is given" tells \
  "an image could not be searched: $workdir/libbad.so" load:for_bad.so
done_testing
