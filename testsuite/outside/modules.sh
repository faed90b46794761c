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


# --- Damage -------------------------------------------------------------------
# One image whose records are damaged, and one patch: each costs what it has
# itself.
cat >damage.c <<'END2'
#include <dlfcn.h>
#include <stdio.h>
#include <unistd.h>
__attribute__((hotpatch)) static int own(void) { return 1; }
int main(void)
{
  int (*sound)(void) = (int (*)(void))dlsym(dlopen("./sound.so", RTLD_NOW), "sound");
  int (*bad)(void) = (int (*)(void))dlsym(dlopen("./bad.so", RTLD_NOW), "bad");
  setbuf(stdout, 0);
  for (;; usleep(2000))
    printf("own %d sound %d bad %d\n", own(), sound(), bad());
}
END2
build_damage()
{
  "$CC" -O2 "-fplugin=$HP_PLUGIN" damage.c -o damage -ldl || return
  for name in sound bad; do
    echo "__attribute__((hotpatch)) int $name(void) { return 1; }" >$name.c &&
      cc -O2 -fPIC -shared $name.c -o $name.so || return
  done
  for name in own sound bad; do
    cat >for_$name.c <<END2 && cc -O2 -fPIC -shared for_$name.c -o for_$name.so ||
#include <hotpatch.h>
HP_PATCH("$name", 1, "");
HP_REPLACES("$name") static int other(void) { return 2; }
END2
      return
  done
  # The version of the first record, in the file.
  at=$(readelf -SW bad.so |
    sed -n 's/.* \.hotpatch  *[A-Z_]*  *[0-9a-f]*  *\([0-9a-f]*\) .*/\1/p')
  [ -n "$at" ] &&
    printf '\356' | dd of=bad.so bs=1 "seek=$((0x$at))" conv=notrunc 2>/dev/null &&
    gives 2 'hotpatch is damaged' "$hp_list" bad.so
}
ok "a library with damaged records is made" build_damage
warns()
{
  grep -q "warning: .*/bad.so: .hotpatch is damaged: record 0" output
}
# damage_is_passed_over APPLY
damage_is_passed_over()
{
  "$1" "$pid" for_sound.so >output 2>&1
  damage_status=$?
  cat output
  [ $damage_status -eq 0 ] && warns && "$1" "$pid" for_own.so &&
    says 'own 2 sound 2 bad 1'
}
begin ./damage
ok "other images are patched, with a warning" damage_is_passed_over "$hp_apply"
ok "its own functions are not, and the reason is given" gives 1 \
  'no patch site of that name.*an image could not be searched: .*bad.so' \
  "$hp_apply" "$pid" for_bad.so
ok "hp-status shows the patches" gives 0 'applied  *own' "$hp_status" "$pid"
ok "and warns" warns
ok "hp-revert warns" gives 0 'bad.so: .hotpatch is damaged' \
  "$hp_revert" "$pid" own
ok "and takes them away" says 'own 1 sound 2 bad 1'

# The state of a patch, in the memory of the process.
spoil_state()
{
  base=$(sed -n 's/-.*for_sound.so.*//p' "/proc/$pid/maps" | head -n 1)
  at=$(readelf -SW for_sound.so | sed -n 's/.* \.hotpatch\.state *[A-Z]* *\([0-9a-f]*\) .*/\1/p')
  [ -n "$base" ] && [ -n "$at" ] &&
    printf '\143' | dd of="/proc/$pid/mem" bs=1 conv=notrunc \
      "seek=$((0x$base + 0x$at))" 2>/dev/null
}
ok "the state of a patch is spoilt" spoil_state
ok "others are applied, with a warning" gives 0 \
  'warning: .*for_sound.so.*of a form that' "$hp_apply" "$pid" for_own.so
ok "hp-status shows them" gives 0 'applied  *own' "$hp_status" "$pid"
ok "hp-revert takes them away" "$hp_revert" "$pid" own
end
begin ./damage
ok "control: otherwise one image stands against all" not without \
  pass_over_damage damage_is_passed_over "$(control_tool hp-apply)"
end
done_testing
