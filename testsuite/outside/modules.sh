#!/bin/sh
# Patches for functions of modules: whether they are in effect is seen by what
# the sites hold, not by what was once done.
#
# SPDX-License-Identifier: MIT
. "$HP_SRCDIR/testsuite/lib/common.sh"
. "$HP_SRCDIR/testsuite/lib/controls.sh"
. "$HP_SRCDIR/testsuite/outside/start.sh"
. "$HP_SRCDIR/testsuite/control/offering.sh"

hp_status=$HP_BUILDDIR/tools/hp-status

build_modules()
{
  echo '__attribute__((hotpatch)) int module(void) { return 1; }' >module.c &&
    cc -O2 -fPIC -shared module.c -o module.so &&
    "$CC" -O2 -pthread "-fplugin=$HP_PLUGIN" "$here/reloads.c" -o reloads &&
    cc -O2 -pthread -DOFFERS "$here/reloads.c" -o offers "-L$built" -lhotpatch \
      "-Wl,-rpath,$built" || return
  cat >both.c <<END2
#include <hotpatch.h>
HP_PATCH("both", 1, "A function of the program, and one of a module");
HP_REPLACES("slow") static int new_slow(int waits) { return waits * 0 + 100; }
HP_REPLACES("module") static int new_module(void) { return 200; }
END2
  sed '/slow/d; s/"both"/"part"/' both.c >part.c &&
    sed 's/return 200/return 300/; s/"part"/"above"/' part.c >above.c &&
    for name in both part above; do
      cc -O2 -fPIC -shared $name.c -o $name.so || return
    done
}
ok "programs, modules and patches are compiled" build_modules
[ -e above.so ] || done_testing
ok "tools for controls are built" build_controls

# reload SIGNAL: and then it is done.
reload()
{
  count=$(grep -c '^reloaded' out)
  kill "-$1" "$pid"
  until [ "$(grep -c '^reloaded' out)" -gt "$count" ]; do
    kill -0 "$pid" || return
    sleep 0.005
  done
  ! grep 'not where' out
}
# shows STATUS WORDS: hp-status, with this exit status and these words.
shows()
{
  gives "$1" "$2" "$hp_status" -p "$patch" "$pid"
}
original='slow 1 module 1'

# lost_and_found HOW: `how` is what comes before the arguments of the tools.
lost_and_found()
{
  patch=part
  for place in USR1 HUP; do
    ok "$1: applied" $apply "$pid" part.so
    ok "$1: the new" says 'slow 1 module 200'
    ok "$1: hp-status: applied" shows 0 'applied  *part'
    ok "$1: the module is loaded again ($place)" reload $place
    ok "$1: it does the old" says "$original"
    ok "$1: hp-status: lost" shows 1 'lost  *part'
    ok "$1: applied again" gives 0 'part is applied, 1 function' \
      $apply "$pid" part.so
    ok "$1: the new again" says 'slow 1 module 200'
    ok "$1: hp-status: applied again" shows 0 'applied  *part'
    ok "$1: applied already" gives 0 'already' $apply "$pid" part.so
    ok "$1: reverted" $revert "$pid" part
    ok "$1: the old" says "$original"
  done

  # Of two functions one is lost; the other one goes on.
  patch=both
  ok "$1: both applied" $apply "$pid" both.so
  ok "$1: the new of both" says 'slow 100 module 200'
  ok "$1: the module is loaded again" reload HUP
  ok "$1: one is lost" says 'slow 100 module 1'
  ok "$1: hp-status: lost as a whole" shows 1 'lost  *both'
  ok "$1: both again" $apply "$pid" both.so
  ok "$1: the new of both again" says 'slow 100 module 200'
  ok "$1: lost once more" reload HUP
  ok "$1: what is left is reverted" $revert "$pid" both
  ok "$1: the old of both" says "$original"
}

begin ./reloads
apply=$hp_apply revert=$hp_revert
lost_and_found tracing

# Below a newer one nothing is told by the site.
ok "a patch" "$hp_apply" "$pid" part.so
ok "is lost" reload USR1
ok "one above it" "$hp_apply" "$pid" above.so
ok "the one above" says 'slow 1 module 300'
ok "taken away" "$hp_revert" "$pid" above
ok "the one that was lost does not come back with the module that it was for" \
  says "$original"
ok "taken away, too" "$hp_revert" "$pid" part

believes_the_note()
{
  "$hp_apply" "$pid" part.so && reload USR1 &&
    without sites_tell "$(control_tool hp-status)" "$pid" >status.out
  cat status.out
  grep 'applied  *part' status.out
}
ok "control: by the note it is still applied" believes_the_note
ok "taken away" "$hp_revert" "$pid" part

# A module that is not there.
ok "the module is unloaded" reload USR2
ok "its function is not found, and why" \
  gives 1 'module (.*is it in a module that is not loaded' \
  "$hp_apply" "$pid" part.so
end

begin ./offers
apply=$hp_apply revert=$hp_revert
lost_and_found "control socket"
end
begin ./offers
apply="$hp_apply --trace" revert="$hp_revert --trace"
lost_and_found "tracing what has the library"
end

# --- By tracing, then by the program itself -------------------------------------

# turns FIRST SECOND: each applies and reverts twice, in turn, with far jumps.
turns()
{
  for how in "$1" "$2" "$1" "$2"; do
    $hp_apply $how "$pid" both.so && says 'slow 100 module 200' &&
      $hp_revert $how "$pid" both && says "$original" || return
  done
}
begin ./offers
ok "by tracing and by the program itself, in turn" turns --trace ''
end
begin ./offers
ok "the other way round" turns '' --trace
end

control_program outside/reloads.c offers_without -pthread -DOFFERS
own_pads_only()
{
  HP_WITHOUT=adopt_cells
  export HP_WITHOUT
  begin ./offers_without
  unset HP_WITHOUT
  "$hp_apply" --trace "$pid" both.so && "$hp_revert" --trace "$pid" both &&
    gives 1 'not the pad' "$hp_apply" "$pid" both.so
}
ok "control: otherwise the library refuses what was traced before" \
  own_pads_only
end

done_testing
