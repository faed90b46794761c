#!/bin/sh
# Clients of a control socket that mean no good, see hostile.c.
#
# SPDX-License-Identifier: MIT
. "$HP_SRCDIR/testsuite/lib/common.sh"
. "$HP_SRCDIR/testsuite/outside/start.sh"
. "$HP_SRCDIR/testsuite/control/offering.sh"

build_offer || exit 99
offer open serve
descriptors()
{
  find "/proc/$pid/fd" -type l | wc -l
}
before=$(descriptors)
begin_with ./hostile "$(sed -n 's/^at //p' out)" fix.so \
  "${HOSTILE_ROUNDS:-200}" "${SEED:-$$}"
settles()
{
  tries=0
  until [ "$(descriptors)" -eq "$before" ]; do
    tries=$((tries + 1))
    [ $tries -lt 100 ] || return
    sleep 0.05
  done
}
ok "they leave no descriptors open" settles
"$hp_revert" "$pid" fix >output 2>&1
ok "the program is as it was" says 11012
ok "and was never wrong" all_well
end
done_testing
