#!/bin/sh
# The shop under load, patched and reverted while it runs:
#
#   demo.sh [SECONDS]     how long each of its four parts takes (2.5)
#
# It builds in the current directory from the sources beside this script.
# hotpatch comes from pkg-config, hp-list from $HP_LIST or the PATH.  It ends
# with 0 only if every answer of the shop was the right one.
#
# SPDX-License-Identifier: MIT
set -eu

sources=$(cd "$(dirname "$0")" && pwd)
pause=${1:-2.5}
hp_list=${HP_LIST:-hp-list}

say()
{
  printf '\n== %s\n' "$*"
}

die()
{
  printf 'demo: %s\n' "$*" >&2
  exit 1
}

cleanup()
{
  rm -f shop.in shop.out load.in load.out
  # Both end with their standard input; this is for the way out in a hurry.
  # shellcheck disable=SC2086  # a list of process ids
  [ -z "$children" ] || kill $children 2>/dev/null || true
}
children=
trap cleanup EXIT
trap 'exit 1' INT TERM

# operator COMMAND: has it done by the shop's console.
operator()
{
  echo "$*" >&3
  read -r reply <&4 || die "the shop is gone"
  [ "$reply" = ok ] || die "$reply"
}

# expect TAX: what the customers take for right from now on.
expect()
{
  echo "$1" >&5
  read -r reply <&6 || die "the customers are gone"
}

[ "$sources" = "$PWD" ] || cp "$sources"/*.[ch] "$sources/Makefile" .
make -s all ${CC:+CC="$CC"}
rm -f shop.in shop.out load.in load.out reduced_tax.so
mkfifo shop.in shop.out load.in load.out

say "The functions of the shop that can be replaced (hp-list server)"
"$hp_list" server

say "The shop is open: 4 customers, tax 19 %"
./server <shop.in >shop.out &
server=$!
children=$server
exec 3>shop.in 4<shop.out
read -r port <&4
./load "$port" 4 <load.in 2>&1 >load.out 3>&- 4<&- &
load=$!
children="$children $load"
exec 5>load.in 6<load.out
sleep "$pause"

say "The tax becomes 7 %: a patch is compiled and applied, nothing stops"
make -s reduced_tax.so ${CC:+CC="$CC"}
expect any
operator apply with_tax ./reduced_tax.so with_reduced_tax
expect 7
sleep "$pause"

say "The running process (hp-list --pid $server)"
"$hp_list" --pid "$server"
sleep "$pause"

say "Back to 19 %: the patch is reverted"
expect any
operator revert with_tax
expect 19
sleep "$pause"

say "The shop closes"
echo quit >&5
wait "$load" || die "the shop gave wrong answers"
exec 3>&-
wait "$server" || die "the shop ended with status $?"
children=
