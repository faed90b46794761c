#!/bin/sh
# Debian's source packages of real programs, ready to be compiled.
#
#     sources.sh PROGRAM DIRECTORY    lua, sqlite, memcached, leveldb, python
#                                   or postgresql
#
# Leaves with 77 and the reason on the standard error if it cannot be had.
#
# SPDX-License-Identifier: MIT
set -eu
: "${HP_SRCDIR:?run make bench}" "${HP_BUILDDIR:?}" "${CC:=gcc}"

skip_all()
{
  echo "$1" >&2
  exit 77
}
# shellcheck source=../../testsuite/real/fetch.sh
. "$HP_SRCDIR/testsuite/real/fetch.sh"

# default_of PACKAGE: the versioned package that it stands for in this release.
default_of()
{
  apt-cache depends "$1" | sed -n "s/.*Depends: \\($1[-0-9.]*\\)\$/\\1/p" |
    grep -m 1 '[0-9]' || skip_all "apt knows no package $1"
}

[ ! -e "$2/ready" ] || exit 0
rm -rf "$2"
mkdir -p "$2"
cd "$2"
case $1 in
  lua)
    fetch_source lua5.4 ;;
  sqlite)
    command -v tclsh >/dev/null ||
      skip_all "tclsh, which makes SQLite one file, is not installed"
    fetch_source sqlite3
    mkdir one
    (cd one && ../source/configure --disable-tcl && make sqlite3.c) \
      >make.log 2>&1 || skip_all "SQLite: $(tail -n 1 make.log)" ;;
  memcached)
    echo '#include <event.h>' | $CC -E -x c - >/dev/null 2>&1 ||
      skip_all "libevent-dev is not installed"
    fetch_source memcached
    (cd source && ./configure -q --disable-docs CC="$CC" &&
      make -s -j 2 memcached) >make.log 2>&1 ||
      skip_all "memcached: $(tail -n 1 make.log)" ;;
  leveldb)
    fetch_source leveldb ;;
  python)
    fetch_source "$(default_of python3)" ;;
  postgresql)
    fetch_source "$(default_of postgresql)" ;;
esac
touch ready
