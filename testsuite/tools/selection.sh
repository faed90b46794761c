#!/bin/sh
# Which sites are shown, in which order, and how many they are.
#
# SPDX-License-Identifier: MIT
. "$HP_SRCDIR/testsuite/lib/common.sh"
. "$HP_SRCDIR/testsuite/tools/sites.sh"

cat >sites.s <<'EOF'
.include "site.inc"
site begin, "b.c", 30
site zoo, "a.c", 20
site _ZN3app3runEi, "b.c", 10
site _ZN3app4stopEv, "a.c", 20
further_name stop_now, _ZN3app4stopEv
EOF
assemble sites.s
link server -static

# shown OPTION...: the names in the order of the table, aliases in brackets.
shown()
{
  "$hp_list" "$@" server |
    awk 'NR > 1 { printf $3 == "alias" ? "(%s) " : "%s ", $5 } END { print "" }'
}

# is EXPECTED OPTION...
is()
{
  wanted=$1
  shift
  got=$(shown "$@")
  echo "got: $got"
  [ "$got" = "$wanted " ]
}

all='begin zoo _ZN3app3runEi _ZN3app4stopEv (stop_now)'
ok "by address, as the linker left them" is "$all"
ok "--sort=address" is "$all" --sort=address
ok "--reverse" is '_ZN3app4stopEv (stop_now) _ZN3app3runEi zoo begin' -r
ok "--sort=name" \
  is '_ZN3app3runEi _ZN3app4stopEv (stop_now) begin zoo' --sort=name
ok "--sort=name --demangle sorts what is shown" \
  is 'app::run(int) app::stop() (stop_now) begin zoo' -C --sort=name
ok "--sort=file is by line within a file, and stable" \
  is 'zoo _ZN3app4stopEv (stop_now) _ZN3app3runEi begin' --sort=file
ok "--sort=size is stable" is "$all" --sort=size
# The end of begin's body is at byte 16 of its record.
add_to server 16 2
ok "--sort=size puts the smallest first" \
  is 'zoo _ZN3app3runEi _ZN3app4stopEv (stop_now) begin' --sort=size

cat >disorder.s <<'EOF'
.include "site.inc"
.section .text.second, "ax", @progbits
site first
site second
EOF
assemble disorder.s
in_order()
{
  "$hp_list" disorder.o | awk 'NR > 1 { print $1 }' >actual
  cat actual
  [ "$(wc -l <actual)" -eq 2 ] && sort -c actual
}
ok "by address even where the records are not" in_order

ok "--match takes an assembler name" is 'zoo' --match zoo
ok "--match takes a glob" is 'begin zoo' --match 'b*n' --match '[z]oo' --match 'no such'
ok "--match takes a demangled signature" is '_ZN3app3runEi' -m 'app::run(int)'
ok "--match takes a demangled name without parameters" \
  is '_ZN3app4stopEv (stop_now)' -m 'app::stop'
ok "--match takes a further name" is '_ZN3app4stopEv (stop_now)' -m stop_now
ok "--match takes a source file" is 'begin _ZN3app3runEi' -m 'b.c'
ok "--match takes file and name" is '_ZN3app3runEi' -m 'b.c:app::*'
ok "--match takes a file only with a dot or slash" \
  fails 1 "no site matches" "$hp_list" -m 'b?c' server
ok "--match may be repeated" is 'begin zoo' -m zoo -m begin
ok "nothing matches: said, exit status 1" \
  fails 1 "server: no site matches" "$hp_list" -m nothing server

# counts EXPECTED ARGUMENT...
counts()
{
  wanted=$1
  shift
  "$hp_list" --count "$@" >actual || return
  cat actual
  [ "$(cat actual)" = "$wanted" ]
}
cp server other
ok "--count counts sites, not names" counts 4 server
ok "--count of several files" counts 'server: 4
other: 4' server other
ok "--count with --match" counts 2 -m 'app::*' server

done_testing
