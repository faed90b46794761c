#!/bin/sh
# Compiles a program with every optimisation level and many options, lists its
# sites with hp-list, and replaces its functions while it runs.
#
#   options.sh             each option once in C and once in C++, with the
#                          levels taken in turn
#   options.sh all FILE    everything; writes a table of the results to FILE
#
# SPDX-License-Identifier: MIT
here=$(cd "$(dirname "$0")" && pwd)
mode=${1:-share}
table=${2:-}
case $table in
  "" | /*) ;;
  *) table=$PWD/$table ;;
esac
# shellcheck source=../lib/common.sh
. "$HP_SRCDIR/testsuite/lib/common.sh"

levels='-O0 -O1 -O2 -O3 -Os -Og'
# Each is given to the compiler and to the linker, but see set_flags.
variants='plain
-fcf-protection=full
-flto
-fPIC -shared
-static
-static-pie
-no-pie
-ffunction-sections -Wl,--gc-sections
-g
-pg
-mcmodel=large
-fsanitize=address
-fsanitize=thread
-fsanitize=undefined'

library="$HP_BUILDDIR/runtime/.libs"
hp_list="$HP_BUILDDIR/tools/hp-list"
# The build tree's own .pc file, with what a static program needs besides.
static_libraries=$(PKG_CONFIG_PATH="$HP_BUILDDIR/runtime" \
  pkg-config --static --libs hotpatch)

# What a variant's name means for the compiler and the linker.
set_flags()
{
  compile=$1
  link=$1
  libraries="-L$library -Wl,-rpath,$library -lhotpatch"
  case $1 in
    plain) compile='' link='' ;;
    "-fPIC -shared") compile=-fPIC ;;
    -static) libraries=$static_libraries compile='' ;;
    -static-pie) libraries=$static_libraries compile=-fPIE ;;
    -no-pie) compile=-fno-pie ;;
    *gc-sections) compile=-ffunction-sections ;;
    -flto) link="-flto -fplugin=$HP_PLUGIN" ;;
  esac
}

# The names of the sites in the output of hp-list --json.
names()
{
  python3 -c '
import json, sys
for image in json.load(sys.stdin)["images"]:
    for site in image["sites"]:
        print(site["name"])'
}

# The sites that a program has: without those that the linker drops.
expected()
{
  case $2 in
    *gc-sections) grep -v unreferenced "$here/sites-$1.txt" ;;
    *) cat "$here/sites-$1.txt" ;;
  esac
}

# try LANGUAGE LEVEL VARIANT: one program.  The lists of words are split on
# purpose.
# shellcheck disable=SC2086
try()
{
  case $1 in
    c) compiler=$CC suffix=c ;;
    *) compiler=$CXX suffix=cc ;;
  esac
  set_flags "$3"
  common="$2 -Wall -Wextra -Werror -I$HP_SRCDIR/runtime/include -I$here"
  rm -f subject.o driver.o program libsubject.so
  $compiler $common $compile "-fplugin=$HP_PLUGIN" \
    -fplugin-arg-hotpatch-all -c "$here/subject.$suffix" -o subject.o &&
    $compiler $common $compile -c "$here/driver.$suffix" -o driver.o ||
    return
  target=program
  if [ "$3" = "-fPIC -shared" ]; then
    target=libsubject.so
    $compiler $2 -shared subject.o -o libsubject.so &&
      $compiler $2 driver.o -o program -L. -Wl,-rpath,. -lsubject $libraries ||
      return
  else
    $compiler $2 $link subject.o driver.o -o program $libraries || return
  fi
  expected "$1" "$3" >expected
  "$hp_list" --json "$target" | names | LC_ALL=C sort >listed
  diff expected listed || return
  ./program >run.out
  status=$?
  sed -n 's/^site //p' run.out | LC_ALL=C sort | diff expected - || return
  grep -v '^site ' run.out
  return "$status"
}

# Whether the level is this cell's turn in a share of the matrix.
in_turn()
{
  [ "$mode" = all ] || [ $((row % 6)) -eq "$column" ]
}

cell()
{
  failures=$tap_failed
  name="$1 $2 $3"
  case $3 in
    -static*)
      if [ ! -f "$library/libhotpatch.a" ]; then
        skip "$name" "libhotpatch.a was not built (--enable-static)"
        printf ' skipped |' >>rows
        return
      fi ;;
  esac
  ok "$name" try "$1" "$2" "$3"
  if [ "$tap_failed" -eq "$failures" ]; then
    printf ' ok |' >>rows
  else
    printf ' **fails** |' >>rows
  fi
}

row=0
: >rows
for language in c c++; do
  while IFS= read -r variant <&3; do
    printf '| %s | `%s` |' "$language" "$variant" >>rows
    column=0
    for level in $levels; do
      ! in_turn || cell "$language" "$level" "$variant"
      column=$((column + 1))
    done
    echo >>rows
    row=$((row + 1))
  done 3<<VARIANTS
$variants
VARIANTS
done

if [ -n "$table" ]; then
  {
    echo "# What works with which options"
    echo
    echo "Made by \`make options-matrix\` with $($CC --version | head -n 1)."
    echo "ok: compiles without a warning, has exactly the sites expected, and"
    echo "each function is replaced and reverted in the running program."
    echo
    echo "| | | $(echo "$levels" | sed 's/ / | /g') |"
    echo "|---|---|$(echo "$levels" | sed 's/-[^ ]* */---|/g')"
    cat rows
  } >"$table"
fi
done_testing
