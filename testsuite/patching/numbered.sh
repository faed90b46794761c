#!/bin/sh
# What the compiler numbers, because several have one name in one place, is
# paired with the program's by what it is, not by its number.
#
# SPDX-License-Identifier: MIT
# shellcheck disable=SC2034,SC2154 # used and set in common.sh
. "$HP_SRCDIR/testsuite/patching/common.sh"
ending=cc

cat >program.cc <<'EOT'
#include <cstdio>
struct step {
  virtual int next() = 0;
};
int classes(int x)
{
  static step* first;
  {
    struct by_five : step { int at = 0; int next() override { return at += 5; } };
    if (!first)
      first = new by_five;
  }
  return first->next() + x * 0;
}
int unnamed(int x)
{
  struct { int at; __attribute__((noinline)) int next() { return at + 7; } } own = {x};
  return own.next();
}
int main()
{
  char line[64];
  for (int i = 1; fgets(line, sizeof line, stdin); i++) {
    printf("%d %d\n", classes(i), unnamed(i));
    fflush(stdout);
  }
}
EOT
touch -d '2001-01-01' program.cc
{
  echo "CXX = $CXX"
  echo "CXXFLAGS = $baseline_flags \$(MORE)"
  echo 'program: program.o'
  echo '	$(CXX) -o $@ program.o'
} >Makefile
ok "the program is built" make -s
equals "the program's answers" "$(printf '5 8\n10 9')" "$(printf '\n\n' | ./program)"

works "a function of a local class" \
  's/at += 5/at += 10/' '15 9'
works "a local class after another one" \
  's/return first->next/{ struct by_five : step { int next() override { return 100; } } other; if (x < 0) return other.next(); }\n  &/;s/x \* 0/x * 100/' '210 9'
refused "a local class before another one" 'program.cc:8:.*by_five::next.*same name' \
  's/  static step\* first;/&\n  { struct by_five : step { int at = 0; int next() override { return at += 1000; } } other; if (x < 0) return other.next(); }/'
refused "a class without a name before another one" 'program.cc:.*unnamed struct.*same name' \
  's/  struct { int at;.*/  struct { int next() { return 1000; } } other;\n  if (x < 0) return other.next();\n&/'
misses "local classes are told apart" \
  's/  static step\* first;/&\n  { struct by_five : step { int at = 0; int next() override { return at += 1000; } } other; if (x < 0) return other.next(); }/' \
  local-classes '10 9'
done_testing
