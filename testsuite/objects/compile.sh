#!/bin/sh
# What the plugin makes of the words of patch objects, and what it says to those
# that are used wrongly.
#
# SPDX-License-Identifier: MIT
. "$HP_SRCDIR/testsuite/objects/objects.sh"
# shellcheck source=testsuite/plugin/sites.sh
. "$HP_SRCDIR/testsuite/plugin/sites.sh"

# symbol FILE NAME BIND: it is undefined and of that binding.
symbol()
{
  readelf -W --dyn-syms "$1" | sed 's/@.*//' | awk -v name="$2" -v bind="$3" \
    '$8 == name && $7 == "UND" { found = $5 == bind } END { exit !found }'
}

cat >own.h <<'EOT'
#ifndef OWN_H
#define OWN_H
extern int plain;
int function(int);
extern int soft __attribute__((weak));
#endif
EOT
cat >part.c <<'EOT'
#include "own.h"
#include <stdlib.h>
#include <hotpatch.h>
extern int renamed HP_IMPORT("file.c:name");
int part(void)
{
  return plain + function(1) + (&soft != 0) + renamed + (getenv("HOME") != 0);
}
HP_REPLACES("target") static int replacement(int x) { return part() + x; }
EOT
ok "a patch object" patch part
ok "what the program has is weak" symbol part.so plain WEAK
ok "functions, too" symbol part.so function WEAK
ok "under the name it has in the source" symbol part.so renamed WEAK
ok "a library's functions are left to the linkers" symbol part.so getenv GLOBAL
ok "a replacement is no site, also with -all" patch part $all
ok "others are" has_site part.so part
ok "not this one" has_no_site part.so replacement
sections()
{
  readelf -WS part.so | grep -c '\.hotpatch\.\(patch\|state\)' | grep -x 2
}
ok "there is one section of records and one state" sections
ok "stripping keeps them" strip part.so
ok "both" sections
cat >second.c <<'EOT'
#include <hotpatch.h>
HP_PATCH("two", 2, "Two sources");
HP_REPLACES("another") static int replacement(int x) { return x; }
EOT
state_size()
{
  readelf -WS two.so | awk '$2 == ".hotpatch.state" || $3 == ".hotpatch.state"' |
    grep ' 000040 '
}
for options in '' -flto '-flto -flto-partition=none' -ffunction-sections; do
  # shellcheck disable=SC2086
  ok "two sources $options" cc -O2 -fPIC -shared $options part.c second.c \
    -o two.so
  ok "have one state $options" state_size
done
cat >helper.c <<'EOT'
#include "own.h"
int helper(void) { return plain; }
EOT
cc -O2 -fPIC -shared helper.c -o helper.so
ok "other sources are what they are" symbol helper.so plain GLOBAL
cc -O2 -fPIC -shared -fplugin-arg-hotpatch-patch helper.c -o helper.so
ok "unless an option says they are part of a patch" symbol helper.so plain WEAK

# wrong MESSAGE SOURCE [OPTION...]: an error with a place.
wrong()
{
  wrong_text=$1
  printf '#include <hotpatch.h>\n%s\n' "$2" >wrong.c
  cp wrong.c wrong.cc
  shift 2
  ok "C: $wrong_text" says "wrong.c:2:" not cc -c "$@" wrong.c
  ok "in words" says "$wrong_text" not cc -c "$@" wrong.c
  ok "C++: $wrong_text" says "$wrong_text" not cxx -c "$@" wrong.cc
}
LC_ALL=C
export LC_ALL
wrong "attribute 'hotpatch_replaces' is for functions" \
  'HP_REPLACES("a") int variable;'
wrong "attribute 'hotpatch_replaces' wants a string that is not empty" \
  'HP_REPLACES("") int f(void) { return 1; }'
wrong "attribute 'hotpatch_replaces' wants a string" \
  'HP_REPLACES(1) int f(void) { return 1; }'
wrong "'f' is declared to be a part of a patch, but not defined in this file" \
  'HP_REPLACES("a") int f(int); int g(void) { return f(1); }' -Werror
wrong "wrong number of arguments" \
  '__attribute__((hotpatch_replaces)) int f(void) { return 1; }'
wrong "knows '\"unchecked\"' and no '\"other\"'" \
  '__attribute__((hotpatch_replaces("a", "other"))) int f(void) { return 1; }'
wrong "attribute 'hotpatch_import' is for extern declarations" \
  'static int x HP_IMPORT("a"); int f(void) { return x; }'
wrong "is defined here, so it cannot be what the program has" \
  'int x HP_IMPORT("a") = 1; int f(void) { return x; }'
wrong "is defined here, so it cannot be what the program has" \
  'int f(void) HP_ORIGINAL("a"); int f(void) { return 1; }'
wrong "attribute 'hotpatch_original' is for declarations of functions" \
  'extern int x HP_ORIGINAL("a");'
wrong "declared with a visibility other than default" \
  '_Pragma("GCC visibility push(hidden)") extern int x HP_IMPORT("a"); int f(void) { return x; }' -fPIC
wrong "attribute 'hotpatch_hook' knows 'before_apply'" \
  'HP_HOOK("sometimes") void f(void) {}'
wrong "it must be const char* (void), and return null or the reason" \
  'HP_HOOK("before_apply") void f(void) {}'
wrong "it must be void (void)" 'HP_HOOK("after_apply") void f(int x) {}'
wrong "attribute 'hotpatch_patch' wants a version from 0 to 4294967295" \
  'HP_PATCH("a", "1", "");'
wrong "attribute 'hotpatch_patch' wants a version from 0 to 4294967295" \
  'HP_PATCH("a", -1, "");'
wrong "attribute 'hotpatch_patch' says 'b', but 'a' was said before" \
  'HP_PATCH("a", 1, ""); HP_PATCH("b", 1, "");'
wrong "attribute 'hotpatch_build' wants a build-id as 'readelf -n' prints it" \
  'HP_PATCH_BUILD("XYZ");'
wrong "knows 'immediate', 'strict', 'quiescent' and 'safepoint', and no 'soon'" \
  'HP_PATCH_LEVEL("soon");'
done_testing
