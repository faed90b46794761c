#!/bin/sh
# What the plugin costs where it is given -all: time and memory of the compiler
# on SQLite in one file, and the size of SQLite and of the Lua interpreter.
# Both come from Debian's source packages.
#
#     make -C bench compile_cost
#     PAIRS=20 LEVELS="-O0 -O2" make -C bench compile_cost
#
# SPDX-License-Identifier: MIT
set -eu
: "${HP_SRCDIR:?run make compile_cost}" "${HP_BUILDDIR:?}" "${CC:=gcc}"
: "${PAIRS:=5}" "${LEVELS:=-O0 -O2}"

skip_all()
{
  echo "compile_cost: skipped, $1"
  exit 0
}
# shellcheck source=../testsuite/real/fetch.sh
. "$HP_SRCDIR/testsuite/real/fetch.sh"

directory=$(mktemp -d "${TMPDIR:-/tmp}/hotpatch-bench.XXXXXX")
trap 'rm -rf "$directory"' EXIT
cd "$directory"
command -v python3 >/dev/null || skip_all "python3 is not installed"
command -v tclsh >/dev/null ||
  skip_all "tclsh, which makes SQLite one file, is not installed"

fetch_source sqlite3
mv source sqlite
mkdir one
(cd one && ../sqlite/configure --disable-tcl && make sqlite3.c) \
  >sqlite.log 2>&1 || skip_all "SQLite: $(tail -n 1 sqlite.log)"
fetch_source lua5.4

plugin="-fplugin=$HP_BUILDDIR/plugin/.libs/hotpatch.so"
all=-fplugin-arg-hotpatch-all
for level in $LEVELS; do
  echo "$CC $level, SQLite in one file"
  python3 "$HP_SRCDIR/bench/compile_cost.py" "$PAIRS" \
    "$CC $level -w -c one/sqlite3.c -o sqlite.o" \
    "$CC $level -w -c one/sqlite3.c -o sqlite_all.o $plugin $all"
done

# sizes NAME FILE FILE_ALL
sizes()
{
  for sizes_file in "$2" "$3"; do
    size "$sizes_file" | tail -n 1 | awk -v name="$1" \
      -v file="$(stat -c %s "$sizes_file")" -v all="$sizes_file" \
      '{ print name, $1, $2 + $3, file, all }'
  done | awk '{ text[NR] = $2; data[NR] = $3; file[NR] = $4; name = $1 }
    END { printf "  %-8s text %+.1f %% (%d to %d), data %+d, file %+.1f %%\n",
            name, (text[2] / text[1] - 1) * 100, text[1], text[2],
            data[2] - data[1], (file[2] / file[1] - 1) * 100 }'
}
# build_lua NAME OPTION...: the interpreter as the file NAME.
build_lua()
{
  build_lua_name=$1
  shift
  make -s -C source/src clean >/dev/null
  make -s -C source/src linux CC="$CC -std=gnu99" MYCFLAGS="-w $*" \
    >lua.log 2>&1
  cp source/src/lua "$build_lua_name"
}
echo "Size with -all, to that without (-O2; text is all that is read-only)"
# shellcheck disable=SC2086 # several words
{
  $CC -O2 -w -fPIC -shared one/sqlite3.c -o sqlite.so
  $CC -O2 -w -fPIC -shared one/sqlite3.c -o sqlite_all.so $plugin $all
}
build_lua lua
build_lua lua_all "$plugin" "$all"
sizes SQLite sqlite.so sqlite_all.so
sizes Lua lua lua_all

# In "size", text is whatever is read-only; here are its parts.
# part FILE SECTION: bytes
part()
{
  readelf -SW "$1" | sed 's/^ *\[ *[0-9]*] //' |
    awk -v name="$2" '$1 == name { print $5 }' | sed 's/^/0x/'
}
for program in sqlite_all.so lua_all; do
  without=${program%_all*}${program#*_all}
  sites=$(($(part "$program" .hotpatch) / 64))
  printf '  %-14s %d sites: code %+d bytes a site, records 64, strings %d\n' \
    "$program" "$sites" \
    "$((($(part "$program" .text) - $(part "$without" .text)) / sites))" \
    "$(($(part "$program" .hotpatch.str) / sites))"
done
