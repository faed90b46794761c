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
#include <string>
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
int blocks(int x)
{
  int sum = x * 0;
  { static int n; n += 1; sum += n; }
  { static int n; n += 10; sum += n * 10; }
  return sum;
}
static int total;
int counted(int x)
{
  static std::string names[2] = {"a", "b"};
  return total += 3 * (int)names[0].size() + x * 0;
}
int main()
{
  char line[64];
  for (int i = 1; fgets(line, sizeof line, stdin); i++) {
    printf("%d %d %d %d\n", classes(i), unnamed(i), blocks(i), counted(i));
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
equals "the program's answers" "$(printf '5 8 101 3\n10 9 202 6')" "$(printf '\n\n' | ./program)"

works "a function of a local class" \
  's/at += 5/at += 10/' '15 9 202 6'
works "a local class after another one" \
  's/return first->next() + x \* 0/{ struct by_five : step { int next() override { return 100; } } other; if (x < 0) return other.next(); }\n  return first->next() + x * 100/' '210 9 202 6'
refused "a local class before another one" 'program.cc:9:.*by_five::next.*same name' \
  's/  static step\* first;/&\n  { struct by_five : step { int at = 0; int next() override { return at += 1000; } } other; if (x < 0) return other.next(); }/'
refused "a class without a name before another one" 'program.cc:.*unnamed struct.*same name' \
  's/  struct { int at;.*/  struct { int next() { return 1000; } } other;\n  if (x < 0) return other.next();\n&/'
misses "local classes are told apart" \
  's/  static step\* first;/&\n  { struct by_five : step { int at = 0; int next() override { return at += 1000; } } other; if (x < 0) return other.next(); }/' \
  local-classes '10 9 202 6'

# Static variables of one name.
swap='/n += 1;/{h;d};/n += 10;/{G}'
works "two static variables that change places" "$swap" '10 9 202 6'
works "a static variable before another one" \
  's/  { static int n; n += 1;/  { static int n; n += 100; sum += n * 100; }\n&/' '10 9 10202 6'
works "a static variable that has gone" '/n += 1;/d' '10 9 200 6'
works "a static variable whose uses change" 's/n += 1;/n += 2;/' '10 9 203 6'
refused "static variables that look alike" 'program.cc:2[0-9]:.*they look alike' \
  's/  { static int n; n += 1;.*/&\n&/'
misses "static variables are told apart" "$swap" statics '10 9 202 6'
works "a static object before another one" \
  's/^int classes/int objects() { static std::string more[2] = {"c", "d"}; return (int)more[1].size(); }\n&/;s/return total += \(.*\);/return objects() * 100 + (total += \1);/' \
  '10 9 202 106'

# Another name.
sed -i 's/\<total\>/amount/g' program.cc
ok "a static variable with another name is warned of" \
  gives 0 'program.cc:.*amount is new.*total, which has the same type' \
  make_patch fix.so -- make
ok "control: the warning is one" \
  not gives 0 'amount is new' make_patch fix.so -- make MORE=-fplugin-arg-hotpatch-without=renamed-data
done_testing
