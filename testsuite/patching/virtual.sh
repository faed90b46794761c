#!/bin/sh
# Virtual functions and destructors that change, where inlining is allowed: calls
# through thunks and all bodies of a destructor reach the new code.
#
# SPDX-License-Identifier: MIT
# shellcheck disable=SC2034,SC2154 # used and set in common.sh
. "$HP_SRCDIR/testsuite/patching/common.sh"
ending=cc

cat >program.cc <<'EOT'
#include <cstdio>
struct first { int a = 1; virtual int one() { return a; } virtual ~first() {} };
struct second { int b = 2; virtual int two() { return b; } virtual ~second() {} };
struct third { int c = 3; virtual int three() { return c; } virtual ~third() {} };
static int gone;
struct all : first, second, virtual third {
  int two() override { return b + 2; }
  int three() override { return c + 3; }
  ~all() { gone += 1; }
};
static second* by_second = new all;
static third* by_third = new all;
int destroyed()
{
  second* const last = new all;
  delete last;
  return gone;
}
int main()
{
  char line[64];
  while (fgets(line, sizeof line, stdin)) {
    printf("%d %d %d\n", by_second->two(), by_third->three(), destroyed());
    fflush(stdout);
  }
}
EOT
touch -d '2001-01-01' program.cc
{
  echo "CXX = $CXX"
  echo "CXXFLAGS = $inline_flags \$(MORE)"
  echo 'program: program.o'
  echo '	$(CXX) -o $@ program.o'
} >Makefile
ok "the program is built" make -s
equals "its answers" "$(printf '4 6 1\n4 6 2')" "$(printf '\n\n' | ./program)"
works "a function that is called through a thunk" 's/b + 2/b + 20/' '22 6 2'
works "a function that is called through a virtual base's thunk" 's/c + 3/c + 30/' '4 33 2'
works "a virtual destructor" 's/gone += 1/gone += 10/' '4 6 11'
misses "all bodies of a destructor count" 's/gone += 1/gone += 10/' holders '4 6 11'

touch program.cc
ok "the program is built with copies in its thunks" \
  make -s MORE=-fplugin-arg-hotpatch-without=thunks
touch -d '2001-01-01' program.cc
sed -i 's/b + 2/b + 20/' program.cc
ok "control: these would not reach the new code" gives 1 'thunk' \
  make_patch fix.so -- make MORE=-fplugin-arg-hotpatch-without=thunks
done_testing
