#!/bin/sh
# How much of the libraries of this system can be replaced, and how.  What was
# measured once must not get less.
#
# SPDX-License-Identifier: MIT
. "$HP_SRCDIR/testsuite/lib/common.sh"
. "$HP_SRCDIR/testsuite/unprepared/analysis.sh"

command -v python3 >/dev/null || skip_all "python3 is not installed"

# path_of SONAME: empty if it is not there.
path_of()
{
  for folder in /lib/x86_64-linux-gnu /usr/lib/x86_64-linux-gnu /lib64 /usr/lib64; do
    [ -e "$folder/$1" ] && readlink -f "$folder/$1" && return
  done
}

# share FILE: how many functions it has, and, per mille of them, whose bytes allow
# one store, any form, and which can be replaced, whatever else there is to say.
share()
{
  "$hp_list" --unprepared --json "$1" >document || return
  python3 - document <<'END'
import json, sys
functions = json.load(open(sys.argv[1]))["images"][0]["functions"]
store = sum(f["possible"] in ("one-store", "short-jump") for f in functions)
any_form = sum(f["possible"] is not None for f in functions)
replaced = sum(f["form"] is not None for f in functions)
print(len(functions),
      *(1000 * n // len(functions) for n in (store, any_form, replaced)))
END
}

# at_least LEAST VALUE
at_least()
{
  [ "$2" -ge "$1" ]
}

# library SONAME STORE ALL REPLACED: the least, per mille.  The names of static
# functions are in debug files; without them other functions are counted.
library()
{
  path=$(path_of "$1")
  if [ -z "$path" ]; then
    skip "$1" "it is not installed"
    return
  fi
  # shellcheck disable=SC2046 # four numbers
  set -- "$@" $(share "$path")
  echo "# $1: ${5:-0} functions; per mille: ${6:-0} in one store, ${7:-0} in any" \
    "form, ${8:-0} can be replaced"
  ok "$1: the bytes allow one store" at_least "$2" "${6:-0}"
  ok "$1: the bytes allow some form" at_least "$3" "${7:-0}"
  ok "$1: nothing else is against it" at_least "$4" "${8:-0}"
}

library libc.so.6 755 985 940
library libm.so.6 679 998 940
library libstdc++.so.6 650 990 990
library libcrypto.so.3 738 990 990
library ld-linux-x86-64.so.2 704 980 800
done_testing
