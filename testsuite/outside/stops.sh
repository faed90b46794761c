#!/bin/sh
# What a program sees of it when hp-apply and hp-watch stop its threads: no call
# that waits for longer, no long standstill, and no thread that stays stopped.
#
# SPDX-License-Identifier: MIT
. "$HP_SRCDIR/testsuite/lib/common.sh"
. "$HP_SRCDIR/testsuite/lib/controls.sh"
. "$HP_SRCDIR/testsuite/outside/start.sh"

cat >fix.c <<'END'
#include <hotpatch.h>
HP_PATCH("fix", 1, "Another number");
#ifdef BUILD
HP_PATCH_BUILD(BUILD);
#endif
HP_REPLACES("stay") static int fixed(int x) { return 2 + x; }
END
build()
{
  "$CC" -O2 -pthread "-fplugin=$HP_PLUGIN" "$here/waits.c" -o waits &&
    cc -O2 -fPIC -shared fix.c -o fix.so &&
    "$CC" -O2 "$here/suspend.c" -o suspend
}
ok "programs and patch are compiled" build
[ -e suspend ] || done_testing
ok "tools without countermeasures are built" build_controls
control_apply=$(control_tool hp-apply)

# --- Calls with limits ----------------------------------------------------------
# counts: what the program last said, a line for each call.
counts()
{
  grep '^poll' out | tail -n 1 | tr ' ' '\n' | paste - - | grep '[0-9]'
}
# Each call times out about as often as poll(2), which the kernel does alone,
# while something waits for the thread that never leaves.
#
# limits_hold COMMAND...
limits_hold()
{
  counts >before
  "$@"
  [ $? -eq 2 ] || return
  counts >after
  paste before after | awk '
    $1 == "poll" { all = $4 - $2 }
    { print $1, "timed out", $4 - $2, "times, poll", all
      if (2 * ($4 - $2) < all || all < 5) wrong = 1 }
    END { exit wrong }' &&
    ! grep wrong out
}
begin ./waits limits
ok "calls with limits time out while hp-apply waits" \
  limits_hold "$hp_apply" --timeout=2 "$pid" fix.so
ok "control: otherwise they do not" \
  not limits_hold without limits "$control_apply" --timeout=2 "$pid" fix.so
end

# --- vfork(2) --------------------------------------------------------------------
# stands_shorter_than MS
stands_shorter_than()
{
  sleep 0.05
  longest=$(grep -E '^[0-9]+$' out | tail -n 1)
  echo "it stood still for $longest ms"
  [ "$longest" -lt "$1" ]
}
waits_in_vfork()
{
  gives 2 'waits in vfork' "$@" --timeout=1.5 "$pid" fix.so
}
begin ./waits vfork 6000
ok "a thread in vfork(): busy, and why" waits_in_vfork "$hp_apply"
ok "a thread in vfork(): the others go on" stands_shorter_than 1000
late()
{
  gives 2 'in the kernel' without look_before "$control_apply" --timeout=1.5 \
    "$pid" fix.so
}
ok "a thread that does not stop: busy" late
ok "a thread that does not stop: the others go on" stands_shorter_than 1000
stands_long()
{
  without look_before,short_attempts "$control_apply" --timeout=1.5 "$pid" \
    fix.so
  not stands_shorter_than 1000
}
ok "control: with one long attempt they do not" stands_long
ok "the thread goes on" wait_for_words spawned
ok "then it is applied" "$hp_apply" "$pid" fix.so
end

# --- hp-watch ----------------------------------------------------------------------
id=$(readelf -n waits | sed -n 's/.*Build ID: //p')
mkdir patches
cc -O2 -fPIC -shared "-DBUILD=\"$id\"" fix.c -o patches/fix.so
chmod 755 . patches
watched=
trap 'kill -9 $pid $watched 2>/dev/null; remove_workdir' EXIT
# watch HP-WATCH
watch()
{
  "$1" --interval=0.01 --timeout=0.2 patches >told 2>&1 &
  watched=$!
}
unwatch()
{
  kill "$watched"
  wait "$watched" 2>/dev/null
  watched=
}
begin ./waits vfork 3000
watch "$hp_watch"
ok "hp-watch: a thread in vfork() goes on when its child has ended" \
  wait_for_words spawned
ok "hp-watch: and the process is patched" wait_for_file told "fix is applied"
unwatch
end
# A thread that is interrupted in vfork() and stops later is let go at once.
begin ./waits vfork 3000
export HP_WITHOUT=look_before
watch "$(control_tool hp-watch)"
unset HP_WITHOUT
ok "hp-watch: a thread that stops late goes on, too" wait_for_words spawned
unwatch
end

# goes_on: the program says something, again and again.
goes_on()
{
  round=0
  while [ $round -lt 20 ]; do
    wait_for_more || return
    round=$((round + 1))
  done
}
begin ./waits exec
watch "$hp_watch"
ok "hp-watch: a thread other than the first calls execve(2)" goes_on
unwatch
end
# hp-watch works in child processes, whose end lets go what they trace; here the
# tracer lives on.
# shellcheck disable=SC2086 # lists of options
$CXX -std=c++20 -pthread "-I$HP_SRCDIR" "$here/executed.cc" \
  "$HP_BUILDDIR/outside/libhpoutside_controls.a" \
  "$HP_BUILDDIR/processes/libhpprocesses_controls.a" $control_library -o executed
ok "a traced thread that executes another program is let go" \
  timeout 60 ./executed
ok "control: it stands if its new number is not followed" \
  gives 1 'it is still traced' without follow_exec timeout 60 ./executed

# --- Ctrl-Z ------------------------------------------------------------------------
begin ./waits limits
ok "Ctrl-Z: hp-apply stands only when it traces no thread" \
  ./suspend "$pid" "$hp_apply" --timeout=20 "$pid" fix.so
ok "control: otherwise a thread stands with it" \
  gives 1 'are traced' without no_job_control ./suspend "$pid" \
  "$control_apply" --timeout=20 "$pid" fix.so
end
done_testing
