#!/bin/sh
# Many sites: the threads that demangle and format them lose nothing and keep
# the order.
#
# SPDX-License-Identifier: MIT
. "$HP_SRCDIR/testsuite/lib/common.sh"
. "$HP_SRCDIR/testsuite/tools/sites.sh"

# Not a multiple of anything that a thread takes at once.
count=50001
ok "the generator" "$HP_BUILDDIR/bench/many_sites" "$count" many.so
same_as_nm()
{
  "$hp_list" "$@" many.so | awk 'NR > 1 { print $1, $5 }' >actual
  diff expected actual | head -n 5
  cmp -s expected actual
}
nm -n many.so | awk '{ print $1, $3 }' >expected
ok "nm knows all of them" test "$(wc -l <expected)" -eq "$count"
ok "the names and addresses that nm knows" same_as_nm
sort -k2,2 -s expected >by-name && mv by-name expected
ok "sorted by name" same_as_nm --sort=name
ok "counted" test "$("$hp_list" --count many.so)" -eq "$count"

nm -nC many.so | cut -d' ' -f3- >expected
"$hp_list" --demangle many.so | sed '1d; s/  src.*//; s/ *$//' |
  cut -c40- >actual
ok "demangled as nm does" cmp expected actual
if command -v python3 >/dev/null; then
  ok "the document has all, in order" sh -c "'$hp_list' --json many.so |
    python3 -c '
import json, sys
sites = json.load(sys.stdin)[\"images\"][0][\"sites\"]
assert len(sites) == $count
assert [s[\"id\"] for s in sites] == [\"0x%08x\" % i for i in range($count)]
'"
fi
first_lines()
{
  "$hp_list" --long many.so 2>errors | head -n 3
  cat errors
  [ ! -s errors ]
}
ok "a reader that has seen enough is no trouble" first_lines
done_testing
