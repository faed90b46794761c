#!/bin/sh
# What an object depends on beside its sources: make, ccache and other tools that
# build again when something has changed see the lists of functions, and ccache
# the plugin itself.
#
# SPDX-License-Identifier: MIT
# shellcheck disable=SC2086,SC2154 # lists of options; set in sites.sh
. "$HP_SRCDIR/testsuite/plugin/sites.sh"
list=-fplugin-arg-hotpatch-list

cat >a.c <<'EOT'
#include "a.h"
int one(int n) { return n; }
int two(int n) { return n + one(n); }
EOT
cp a.c a.cc
: >a.h
echo one >names
echo two >'more $names'

# --- The rules of -M and its relatives ----------------------------------------

# rule FILE: its prerequisites, in a row.
rule()
{
  sed -e :a -e '/\\$/{N;s/\\\n//;ta' -e '}' "$1" | sed -n '1s/^[^:]*://p' |
    tr -s ' ' '\n' |
    sed '/^$/d; /stdc-predef/d' | tr '\n' ' '
}
# depends FILE COMMAND...: the rule in FILE begins with the source and ends with
# the list.
depends()
{
  depends_file=$1
  shift
  rm -f ./*.d
  "$@" >stdout || return
  [ "$depends_file" != - ] || depends_file=stdout
  cat "$depends_file"
  case $(rule "$depends_file") in
    'a.c a.h names ' | 'a.cc a.h names ' | 'a.c names ' | 'a.cc names ') ;;
    *) return 1 ;;
  esac
}
for language in cc cxx; do
  source=a.c
  [ $language = cc ] || source=a.cc
  set -- $language -c $source -o a.o $list=names
  ok "$language: -MD" depends a.d "$@" -MD
  ok "$language: -MMD" depends a.d "$@" -MMD
  ok "$language: -MMD with -MF" depends b.d "$@" -MMD -MF b.d
  ok "$language: -MD with -MT" depends a.d "$@" -MD -MT target
  ok "$language: -MD with -MQ" depends a.d "$@" -MD -MQ target
  ok "$language: -M" depends - $language -M $source $list=names
  ok "$language: -MM" depends - $language -MM $source $list=names
  ok "$language: -MM with -MG" depends - $language -MM -MG $source $list=names
  ok "$language: -MM with -MF" depends b.d $language -MM -MF b.d $source \
    $list=names
  ok "$language: -MD while preprocessing" depends a.d $language -E -MD \
    -MF a.d $source -o a.i $list=names
  ok "$language: -MP" depends a.d "$@" -MMD -MP
  ok "$language: -MP has a rule for the list" grep -qx 'names:' a.d
  ok "$language: -MP has none for the source" not grep -q "^$source:" a.d
done
ok "-Wp,-MD" depends b.d cc -c a.c $list=names -Wp,-MMD,b.d
two_lists()
{
  cc -c a.c -MMD -MF a.d $list=names "$list=more \$names" && cat a.d &&
    grep -q 'names more\\ $$names$' a.d
}
ok "two lists, one with a name that make has to be told of" two_lists
no_list()
{
  cc -c a.c -MMD -MF a.d $all && cat a.d && [ "$(rule a.d)" = 'a.c a.h ' ]
}
ok "without a list nothing is added" no_list

# has SITE...: they are all that a.o has.
has()
{
  $CC -shared a.o -o a.so
  sites a.so | sed 's/^name=\([^ ]*\).*/\1/' | sort | tr '\n' ' ' >has.out
  cat has.out
  [ "$(cat has.out)" = "$* " ]
}
cat >Makefile <<'EOT'
a.o: a.c ; $(COMMAND) -fPIC -MMD -c a.c -o a.o
-include a.d
EOT
build()
{
  make -s "COMMAND=$* -fplugin=$HP_PLUGIN $list=names"
}
built()
{
  echo one >names
  rm -f a.o a.d
  build $CC && has one
}
ok "make: a build" built
rebuilt()
{
  echo two >names
  touch -d '+2 seconds' names
  build $CC && has two
}
ok "make builds again when the list has changed" rebuilt

# --- The preprocessor's output ------------------------------------------------

marked()
{
  cc -E a.c -o "$1" $list=names && cc -E a.c $list=names >a.stdout &&
    cmp "$1" a.stdout && tail -n 1 "$1" | grep '^# [1-9][0-9]* "names"$'
}
ok "the preprocessed text ends with a line about the list" marked first.i
echo one >names
ok "which is another one" marked second.i
ok "when the list has changed" not cmp first.i second.i
saved()
{
  cc -fPIC -c a.c -save-temps $list=names -o a.o && has one
}
ok "and does not hinder the compiler" saved
unmarked()
{
  cc -E -P a.c $list=names >a.i && ! grep names a.i &&
    cc -E -dM a.c $list=names >a.i && ! grep names a.i
}
ok "no line where none was asked for (-P, -dM)" unmarked

# --- ccache -------------------------------------------------------------------

if ! command -v ccache >/dev/null; then
  skip "ccache" "ccache is not installed"
  done_testing
fi
CCACHE_DIR=$workdir/cache
CCACHE_CONFIGPATH=$workdir/ccache.conf
: >ccache.conf
export CCACHE_DIR CCACHE_CONFIGPATH
# cached OPTION...: compiles a.c through ccache.  hit: the last time it did not.
cached()
{
  ccache -z >/dev/null
  rm -f a.o
  ccache $CC -fPIC -c a.c -o a.o "$@"
}
hit()
{
  ccache --print-stats | grep -E '^(direct|preprocessed)_cache_hit' |
    grep -q '[1-9]$'
}
# follows OPTION...: the object is new when the list is, and only then.
follows()
{
  rm -rf cache
  echo one >names
  set -- "$@" -fplugin="$HP_PLUGIN" $list=names
  cached "$@" && has one && cached "$@" && hit && has one || return
  echo two >names
  cached "$@" && has two || return
  echo one >names
  cached "$@" && hit && has one
}
# What was written in this second ccache takes for unfinished.
sleep 1
sloppy="CCACHE_SLOPPINESS=include_file_mtime,include_file_ctime"
for mode in CCACHE_DIRECT=1 CCACHE_NODIRECT=1 CCACHE_DEPEND=1; do
  ok "ccache, $mode: a list that has changed" eval \
    "(export $mode $sloppy; follows -MMD)"
done
# With its own copies, to change them.
served=gcc-$($CC -dumpversion | cut -d. -f1)
real=copy/$served/hotpatch.so
mkdir -p "copy/$served"
cp "$HP_PLUGIN" copy/
cp "$(dirname "$HP_PLUGIN")/$served/hotpatch.so" "$real"
# shellcheck disable=SC2086 # a list
names_what_it_loads()
{
  (cd "$HP_BUILDDIR/plugin" &&
    others=$(find .libs/gcc-[0-9]*/hotpatch.so | grep -v "/$served/" | sort);
    cat gcc/.libs/hotpatch.so $others) | cksum >sum
  cat sum
  grep -q "hotpatch hands over to $(cat sum)" "$HP_PLUGIN"
}
ok "hotpatch.so contains what it hands over to" names_what_it_loads
# plugin_change COMMAND: after it, ccache does not take the old object.
plugin_change()
{
  rm -rf cache
  cached -fplugin=copy/hotpatch.so $all && cached -fplugin=copy/hotpatch.so \
    $all && hit || return
  eval "$1"
  cached -fplugin=copy/hotpatch.so $all && ! hit
}
# As a build with another plugin does.
new_loader()
{
  sed -i 's/hotpatch hands over to ./hotpatch hands over to x/' \
    copy/hotpatch.so
}
CCACHE_COMPILERCHECK=content
export CCACHE_COMPILERCHECK
ok "ccache: a new hotpatch.so" plugin_change new_loader
ok "ccache: one after it alone is not seen" not plugin_change \
  'echo >>$real'
CCACHE_EXTRAFILES=$real
export CCACHE_EXTRAFILES
ok "ccache: it is with CCACHE_EXTRAFILES" plugin_change 'echo >>$real'
done_testing
