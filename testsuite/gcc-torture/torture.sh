#!/bin/sh
# GCC's own C and C++ torture tests, without and with the plugin: they must
# behave the same.
#
#   torture.sh            a share of them, evenly spread
#   torture.sh all FILE   all; writes a table of the counts into FILE
#
#   HP_TORTURE            further options of run.py
#
# SPDX-License-Identifier: MIT
here=$(cd "$(dirname "$0")" && pwd)
table=${2:-}
case $table in
  "" | /*) ;;
  *) table=$PWD/$table ;;
esac
# shellcheck source=../lib/common.sh
. "$HP_SRCDIR/testsuite/lib/common.sh"

command -v python3 >/dev/null || skip_all "python3 is not installed"
major=$($CC -dumpversion | cut -d. -f1)
tests=$("$here/fetch.sh" "$major" \
  "$HP_BUILDDIR/testsuite/gcc-torture.cache" 2>reason) ||
  skip_all "$(tail -n 1 reason)"

case ${1:-share} in
  all) set -- ${table:+--results "$table"} ;;
  *) set -- --share 150 ;;
esac
# configure's -std=c++20 is not for these tests.
# shellcheck disable=SC2086 # HP_TORTURE is a list of options
python3 -B "$here/run.py" "$tests" --plugin "$HP_PLUGIN" --cc "$CC" \
  --cxx "${CXX%% -std=*}" --known "$here/known.txt" "$@" ${HP_TORTURE:-}
