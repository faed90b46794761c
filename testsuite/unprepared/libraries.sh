#!/bin/sh
# Every function of this system's libraries that can be replaced without a site is
# replaced at the same time as all others, called, and reverted to its bytes.
#
# HP_EVERY (8) says that only each eighth is taken of the large ones: to see all
# takes a minute.
#
# SPDX-License-Identifier: MIT
# shellcheck disable=SC2086 # CC may be several words
. "$HP_SRCDIR/testsuite/lib/common.sh"
. "$HP_SRCDIR/testsuite/unprepared/analysis.sh"

built=$HP_BUILDDIR/runtime/.libs
LD_LIBRARY_PATH=$built:$LD_LIBRARY_PATH
every=${HP_EVERY-8}

# list SONAME EACH: "FORM SONAME!NAME" for each EACH-th function, those of one name
# with their numbers.
list()
{
  path=$(ldconfig -p | awk -v name="$1" '$1 == name && /x86-64/ { print $NF; exit }')
  [ -n "$path" ] || return
  "$hp_list" --unprepared "$path" |
    awk -v library="$1" -v each="$2" '
      $1 ~ /^[0-9a-f]+$/ {
        form[++n] = $3; name[n] = $4; number[n] = ++total[$4]
      }
      END {
        for (i = 1; i <= n; ++i)
          if (form[i] ~ /^(one-store|short-jump|several)$/ && ++kept % each == 0)
            print form[i], library "!" name[i] \
              (total[name[i]] > 1 ? "#" number[i] : "")
      }'
}

$CC -O2 -Wall -Wextra "-I$HP_SRCDIR/runtime/include" \
  "$HP_SRCDIR/testsuite/unprepared/libraries.c" -o libraries \
  "-L$built" -lhotpatch -lm -lpthread || exit 99

# all_of NAME EACH [COMMAND...]: as the program says it.
all_of()
{
  name=$1
  list "$1" "$2" >list
  shift 2
  if ! [ -s list ]; then
    skip "$name" "it is not installed"
    return
  fi
  "$@" ./libraries list >told
  grep '^#' told
  for property in "can be prepared" "can be replaced" "sample calls work" \
    "all bytes are as they were"; do
    ok "$name: $property" grep "^ok .*$property" told
  done
}

all_of libm.so.6 1
all_of ld-linux-x86-64.so.2 1
all_of libc.so.6 "$every"
crypto=$(ldconfig -p | awk '$1 == "libcrypto.so.3" && /x86-64/ { print $NF; exit }')
stdcxx=$(ldconfig -p | awk '$1 == "libstdc++.so.6" && /x86-64/ { print $NF; exit }')
all_of libstdc++.so.6 "$every" env LD_PRELOAD="$stdcxx"
all_of libcrypto.so.3 "$every" env LD_PRELOAD="$crypto"
done_testing
