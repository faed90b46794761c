#!/bin/sh
# Link-time optimisation: the choice travels in the objects, callers in other
# files learn nothing from a body, and a link without the plugin fails.
#
# SPDX-License-Identifier: MIT
. "$HP_SRCDIR/testsuite/plugin/sites.sh"
cp "$HP_SRCDIR/testsuite/plugin/raw_patch.h" .

cat >callee.cc <<'EOT'
[[gnu::hotpatch]] int f(int x) { return x + 1; }
static int hidden(int x) { return x + 2; }
int exported(int x) { return hidden(x); }
template <class T> T twice(T x) { return x + x; }
int uses(int x) { return twice(x); }
EOT
cat >caller.cc <<'EOT'
#include "raw_patch.h"
int f(int);
int exported(int);
int uses(int);
static int hidden(int x) { return x - 2; }
static int count;
static int throws(int x)
{
  if (++count == 4)
    throw x;
  return x;
}
[[gnu::noipa]] int four(int x)
{
  try {
    return f(x) + f(x) + f(x) + f(x);
  } catch (int caught) {
    return caught + 40;
  }
}
int main()
{
  if (four(1) != 8 || exported(1) + hidden(1) + uses(1) != 4)
    return 1;
  raw_patch((void*)f, (void*)throws);
  return four(1) != 41 || count != 4;
}
EOT
for options in '' -fcf-protection=full -ffat-lto-objects -flto-partition=none \
  -flto-partition=max -fPIE -g -ffunction-sections; do
  # shellcheck disable=SC2086 # a list
  set -- -O2 -flto -w $options
  ok "compiles -flto $options" cxx "$@" -c $all callee.cc caller.cc
  ok "links without repeating what was chosen" cxx "$@" callee.o caller.o -o program
  ok "callers know nothing of the body" ./program
  ok "the sites are there" has_site program _Z1fi main _Z4usesi _Z8exportedi
  ok "a static has its own name" has_site program _ZL6hiddeni
  ok "a link without the plugin fails and says why" says \
    "hotpatch: this was compiled with the hotpatch plugin; give -fplugin" \
    $CXX "$@" callee.o caller.o -o silent
  ok "and leaves no program" [ ! -e silent ]
done
fails_without()
{
  # shellcheck disable=SC2086
  ! $CXX -O2 -flto callee.o caller.o -o silent 2>/dev/null
}
ok "the link really fails" fails_without

mixed()
{
  # shellcheck disable=SC2086
  $CXX -O2 -flto -w -c caller.cc && cxx -O2 -flto callee.o caller.o -o program &&
    ./program && has_site program _Z1fi && has_no_site program main
}
ok "objects with and without sites" mixed
nothing_chosen()
{
  cxx -O2 -flto -w -c caller.cc && cxx -O2 -w -c callee.cc &&
    $CXX -O2 -flto caller.o callee.o -o program && ./program
}
ok "an object without a chosen function links without the plugin" nothing_chosen
fat()
{
  cxx -O2 -flto -ffat-lto-objects -w -c $all callee.cc caller.cc &&
    $CXX -O2 -fno-lto -fno-use-linker-plugin callee.o caller.o -o program && ./program &&
    has_site program _Z1fi _ZL6hiddeni main
}
ok "the machine code of a fat object needs no plugin" fat
relocatable()
{
  cxx -O2 -flto -w -c $all callee.cc caller.cc &&
    cxx -O2 -flto -r -flinker-output=nolto-rel callee.o caller.o -o joined.o &&
    $CXX joined.o -o program && ./program && has_site program _Z1fi main
}
ok "a relocatable link" relocatable
c_and_cxx()
{
  printf 'int g(int x) { return x; }\n' >c_part.c
  printf 'extern "C" int g(int); int main() { return g(0); }\n' >cxx_part.cc
  cc -O2 -flto $all -c c_part.c && cxx -O2 -flto $all -c cxx_part.cc &&
    cxx -O2 -flto c_part.o cxx_part.o -o program && ./program &&
    [ "$(site g program | field hash)" != "0000000000000000" ] &&
    has_flags program g ''
}
ok "C and C++ together" c_and_cxx
done_testing
