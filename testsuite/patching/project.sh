# A small project with a Makefile: a program of two sources and a header.
#
# SPDX-License-Identifier: MIT
# shellcheck shell=sh
: "${HP_BUILDDIR:?}"

# shellcheck disable=SC2034 # of those who include this
hp_patch=$HP_BUILDDIR/tools/hp-patch
# shellcheck disable=SC2034
intercept=$HP_BUILDDIR/patching/intercept

# write_project DIRECTORY
write_project()
{
  mkdir -p "$1/src"
  cat >"$1/src/conn.c" <<'END'
#include "conn.h"
static int limit = 10;
static int calls;
static int check(int n) { return n < limit; }
int parse_header(int n)
{
  calls++;
  if (!check(n))
    return -1;
  return n * 2;
}
int count(void) { return calls; }
END
  cat >"$1/src/conn.h" <<'END'
int parse_header(int n);
int count(void);
END
  cat >"$1/src/main.c" <<'END'
#include <stdio.h>
#include <unistd.h>
#include "conn.h"
int main(void)
{
  for (int i = 0;; i++) {
    printf("%d %d %d\n", i, parse_header(i % 10), count());
    fflush(stdout);
    usleep(20000);
  }
}
END
  cat >"$1/Makefile" <<END
CC = $CC
CFLAGS = -O2
PLUGIN = -fplugin=$HP_PLUGIN -fplugin-arg-hotpatch-all \\
	-fplugin-arg-hotpatch-inline -fplugin-arg-hotpatch-baseline
server: src/conn.o src/main.o
	\$(CC) -o \$@ \$^
%.o: %.c src/conn.h
	\$(CC) \$(CFLAGS) \$(PLUGIN) -c -o \$@ \$<
END
}

# state_of DIRECTORY: each file of a tree with its contents and time.
state_of()
{
  (cd "$1" && find . -type f -printf '%p %T@ %s ' -exec md5sum {} \; | sort)
}

# No directory of hp-patch stays.  Each test has a TMPDIR of its own.
leaves_nothing()
{
  ls -A "$TMPDIR"
  [ -z "$(ls -A "$TMPDIR")" ]
}

TMPDIR=$PWD/tmp
export TMPDIR
mkdir -p "$TMPDIR"
