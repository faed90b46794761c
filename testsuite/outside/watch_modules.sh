#!/bin/sh
# hp-watch applies a patch for a module when a process loads the module, also
# long after its start, and again when it is loaded again.
#
# SPDX-License-Identifier: MIT
. "$HP_SRCDIR/testsuite/lib/common.sh"
. "$HP_SRCDIR/testsuite/lib/controls.sh"
. "$HP_SRCDIR/testsuite/outside/start.sh"
hp_watch=$HP_BUILDDIR/tools/hp-watch
umask 022
watcher=
# shellcheck disable=SC2086  # lists of processes
trap 'kill -9 $pid $watcher 2>/dev/null; remove_workdir' EXIT

build_modules()
{
  id=$(od -An -N20 -tx1 /dev/urandom | tr -d ' \n') &&
    echo '__attribute__((hotpatch)) int module(void) { return 1; }' >module.c &&
    cc -O2 -fPIC -shared "-Wl,--build-id=0x$id" module.c -o module.so &&
    "$CC" -O2 -pthread "-fplugin=$HP_PLUGIN" "$here/reloads.c" -o reloads &&
    cat >patch.c <<END &&
#include <hotpatch.h>
HP_PATCH("part", 1, "A function of a module");
HP_PATCH_BUILD("$id");
HP_REPLACES("module") static int new_module(void) { return 200; }
END
    mkdir patches && cc -O2 -fPIC -shared patch.c -o patches/patch.so
}
ok "a program, its module and a patch are compiled" build_modules
[ -e patches/patch.so ] || done_testing

watch()
{
  "$@" --interval=0.1 patches >told 2>complaints &
  watcher=$!
}
# module_is NUMBER [TRIES]: soon.
module_is()
{
  tries=${2-400}
  until [ "$(tail -n 1 out)" = "slow 1 module $1" ]; do
    tries=$((tries - 1))
    [ $tries -gt 0 ] && sleep 0.05 || {
      tail -n 2 out
      cat told complaints
      return 1
    }
  done
}
# reload SIGNAL: and wait until it is done.
reload()
{
  reloads=$(grep -c reloaded out)
  kill "-$1" "$pid"
  until [ "$(grep -c reloaded out)" -gt "$reloads" ]; do
    kill -0 "$pid" || return
    sleep 0.01
  done
}

begin ./reloads
watch "$hp_watch"
ok "the module is there: it is patched" module_is 200
reload USR2
ok "it is unloaded" module_is 0
# The process is no longer young (hp-watch(1)).
sleep 3.5
reload HUP
ok "it is loaded again: it is patched again" module_is 200
reload HUP
ok "once more, at another place" module_is 200
reload USR1
ok "at the same place" module_is 200
ok "nothing went wrong" not test -s complaints
kill "$watcher"
wait "$watcher"

reload USR2
watch_without()
{
  # By env, so that the watcher, and no shell around it, is what is killed.
  build_controls && watch env \
    HP_WITHOUT=watch_loaded_modules,watch_lost_patches \
    "$(control_tool hp-watch)" && sleep 4 && reload HUP && ! module_is 200 60
}
ok "control: without a look at what is loaded it stays unpatched" watch_without
kill "$watcher"
wait "$watcher"
watcher=
end
done_testing
