#!/bin/sh
# Finds or fetches the tests of GCC's source, which Debian and Ubuntu ship as
# a package, and prints the directory; or says on the standard error why not,
# and exits 1.  Needs no root.
#
#   fetch.sh MAJOR CACHE    CACHE keeps what was unpacked for the next time
#   HP_GCC_TESTSUITE        a directory to use instead (.../gcc/testsuite)
#
# SPDX-License-Identifier: MIT
set -u
major=$1
cache=$2
package=gcc-$major-source

fail()
{
  echo "$*" >&2
  exit 1
}

if [ -n "${HP_GCC_TESTSUITE:-}" ]; then
  [ -d "$HP_GCC_TESTSUITE/gcc.c-torture" ] ||
    fail "HP_GCC_TESTSUITE=$HP_GCC_TESTSUITE has no gcc.c-torture"
  echo "$HP_GCC_TESTSUITE"
  exit
fi

# Complete or absent: it gets its name when everything is in it.
tests=$cache/gcc-$major-testsuite
if [ -d "$tests" ]; then
  echo "$tests"
  exit
fi

mkdir -p "$cache" || fail "cannot write to $cache"
scratch=$(mktemp -d "$cache/fetch.XXXXXX") || fail "cannot write to $cache"
trap 'rm -rf "$scratch"' EXIT
cd "$scratch" || exit 1

set -- /usr/src/gcc-"$major"/gcc-"$major"*.tar.xz
if [ ! -f "$1" ]; then
  command -v apt-get >/dev/null && command -v dpkg-deb >/dev/null ||
    fail "no apt-get here to fetch $package with"
  timeout 300 apt-get -o Acquire::Retries=0 -o Acquire::http::Timeout=20 \
    download "$package" >apt.log 2>&1 ||
    fail "apt-get cannot fetch $package: $(grep '^E:' apt.log | tail -n 1)"
  dpkg-deb --fsys-tarfile "$package"_*.deb |
    tar -x --wildcards "./usr/src/gcc-$major/gcc-$major*.tar.xz" ||
    fail "$package has no source archive"
  set -- usr/src/gcc-"$major"/gcc-"$major"*.tar.xz
fi

tar -xJf "$1" --wildcards --strip-components=3 \
  '*/gcc/testsuite/gcc.c-torture/*' '*/gcc/testsuite/gcc.dg/*' \
  '*/gcc/testsuite/g++.dg/*' '*/gcc/testsuite/c-c++-common/*' ||
  fail "cannot unpack $1"
mkdir ready && mv gcc.c-torture gcc.dg g++.dg c-c++-common ready ||
  fail "$1 is not laid out as expected"
mv -T ready "$tests" 2>/dev/null || [ -d "$tests" ] || fail "cannot write $tests"
echo "$tests"
