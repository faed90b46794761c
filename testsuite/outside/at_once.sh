#!/bin/sh
# Several commands on one process at the same time, and what changes in the
# process while a command waits.
#
# SPDX-License-Identifier: MIT
. "$HP_SRCDIR/testsuite/lib/common.sh"
. "$HP_SRCDIR/testsuite/lib/controls.sh"
. "$HP_SRCDIR/testsuite/outside/start.sh"
. "$HP_SRCDIR/testsuite/control/offering.sh"

hp_status=$HP_BUILDDIR/tools/hp-status
waiting=
second=
squatter=
# shellcheck disable=SC2154,SC2086  # start.sh's; none may be running
trap 'kill -9 $pid $waiting $second $squatter 2>/dev/null; remove_workdir' \
  EXIT

build_plugins()
{
  for name in module other; do
    echo "__attribute__((hotpatch)) int $name(void) { return 1; }" >$name.c &&
      cc -O2 -fPIC -shared $name.c -o $name.so || return
  done
  "$CC" -O2 -pthread "-fplugin=$HP_PLUGIN" "$here/reloads.c" -o reloads &&
    cc -O2 -pthread -DOFFERS "$here/reloads.c" -o offers "-L$built" -lhotpatch \
      "-Wl,-rpath,$built" &&
    cat >both.c <<'END2' &&
#include <hotpatch.h>
HP_PATCH("both", 1, "A function that is long inside, and one of a module");
HP_REPLACES("slow") static int new_slow(int waits) { return waits * 0 + 100; }
HP_REPLACES("module") static int new_module(void) { return 200; }
END2
    sed '/slow/d; s/"both"/"part"/' both.c >part.c &&
    sed '/module/d; s/"both"/"slow"/' both.c >slow.c &&
    cc -O2 -fPIC -shared both.c -o both.so &&
    cc -O2 -fPIC -shared part.c -o part.so &&
    cc -O2 -fPIC -shared slow.c -o slow.so
}
ok "targets and patches are compiled" build_all
ok "programs that load modules are compiled" build_plugins
[ -e slow.so ] || done_testing

# --- Two commands -------------------------------------------------------------

# A thread is inside slow() as long as there is a file "inside".
enter()
{
  touch inside
  begin "${1-./reloads}"
  until grep -q '^slow' out; do
    sleep 0.01
  done
}

# waits COMMAND...: in the background, until it has said why it waits.
waits()
{
  "$@" >waiting.out 2>&1 &
  waiting=$!
  until grep -q 'has not left' waiting.out; do
    kill -0 $waiting || return
    sleep 0.01
  done
}

enter
ok "a command waits for a thread" waits "$hp_apply" -v -w "$pid" slow.so
names_the_first()
{
  gives 2 "process $pid is being changed by hp-apply, process $waiting of user \
$(id -u); nothing was changed" "$hp_apply" -t 0.1 "$pid" part.so &&
    gives 2 "by hp-apply, process $waiting" "$hp_revert" -t 0.1 "$pid" slow
}
ok "a second one is refused, and says which the first one is" names_the_first
kill -STOP $waiting
says_stopped()
{
  until grep -q '^State:.*T' /proc/$waiting/status; do
    sleep 0.01
  done
  gives 2 'which is stopped' "$hp_apply" -t 0.1 "$pid" part.so
}
ok "also that it stands" says_stopped
kill -CONT $waiting
kill -9 $waiting
ok "killed, it gives the process free" "$hp_apply" "$pid" part.so
ok "the second patch is in effect" wait_for_words 'module 200'

# Two that wait for each other's end: both come to it.
ok "a command waits again" waits "$hp_apply" -v -w "$pid" slow.so
"$hp_apply" -v -w "$pid" slow.so >second.out 2>&1 &
second=$!
until grep -q 'it is waited for' second.out; do
  sleep 0.01
done
rm inside
ok "the first one applies" wait $waiting
applied_already()
{
  wait $second && cat second.out && grep -q 'slow was applied already' second.out
}
ok "the same patch by the second one was applied already" applied_already
whole()
{
  "$hp_status" "$pid" >status.out
  cat status.out
  ! grep 'half' status.out && grep -q 'applied  *slow' status.out
}
ok "nothing is half applied" whole
end

# Also where the process patches itself.
enter ./offers
"$hp_apply" -w "$pid" slow.so >waiting.out 2>&1 &
waiting=$!
busy_with_itself()
{
  until gives 2 "being changed by hp-apply, process $waiting" \
    "$hp_apply" --trace -t 0.05 "$pid" part.so; do
    kill -0 $waiting || return
  done
}
ok "no tracing while the process patches itself for another command" \
  busy_with_itself
rm inside
ok "which comes to its end" wait $waiting
end

# In another mount of /proc, as in a container.
in_another_proc()
{
  unshare --mount sh -c 'mount -t proc proc /proc && exec "$@"' - "$@"
}
if in_another_proc true 2>/dev/null; then
  enter
  ok "a command in a namespace of its own waits" waits in_another_proc \
    "$hp_apply" -v -w "$pid" slow.so
  ok "one outside of it is refused" \
    gives 2 "being changed by hp-apply, process" \
    "$hp_apply" -t 0.1 "$pid" part.so
  rm inside
  ok "which comes to its end, too" wait $waiting
  end
else
  skip "a command in a namespace of its own" "unshare(1) is not allowed"
fi

# Without the lock: both plan upon a process that neither has changed, which the
# second plan in the stop would notice as well.
two_without()
{
  waits "$(control_tool hp-apply)" -v -w "$pid" slow.so
  "$(control_tool hp-apply)" -t 0.1 "$pid" part.so >second.out 2>&1
  answer=$?
  rm inside
  wait $waiting
  cat second.out waiting.out
  [ $answer -ne 2 ]
}
ok "tools for controls are built" build_controls
enter
ok "control: without the lock no command is refused" \
  without one_change_at_a_time,plan_again two_without
end

# Many at once, in the two directions: what is left is one of two states.
many()
{
  start 2
  for _ in 1 2 3 4 5; do
    "$hp_apply" -w "$pid" fix.so &
    "$hp_apply" -w "$pid" fix2.so &
    "$hp_revert" -w "$pid" fix &
  done >many.out 2>&1
  # shellcheck disable=SC2046
  for each in $(jobs -p); do
    [ "$each" = "$pid" ] || wait "$each"
  done
  cat many.out
  "$hp_status" "$pid" >status.out
  cat status.out
  ! grep half status.out && all_well
}
ok "fifteen commands at once leave the process whole" many
end

# Another user cannot keep anybody from patching: it cannot open the memory of
# the process, and its lock of a pidfd is passed over.
if [ "$(id -u)" = 0 ] && "$CC" -O2 "$here/squat.c" -o squat &&
  ./squat $$ true; then
  start alone
  chmod 755 .
  setpriv --reuid=65534 --regid=65534 --clear-groups ./squat "$pid" \
    sh -c 'echo; sleep 1000' >squat.out 2>&1 &
  squatter=$!
  until [ -s squat.out ]; do
    kill -0 $squatter || break
    sleep 0.01
  done
  ok "another user's lock is passed over, with its name" \
    gives 0 "process $squatter of user 65534, which has no right" \
    "$hp_apply" -v -t 1 "$pid" fix.so
  kill -9 $squatter
  end
else
  skip "another user's lock is passed over, with its name" \
    "not root, or the kernel's pidfds have no inodes of their own"
fi

# --- Meanwhile in the process ---------------------------------------------------

# reload_while_waiting HOW APPLY: modules are loaded and unloaded while the
# command waits for a thread.
reload_while_waiting()
{
  enter
  waits "$2" -v -w "$pid" both.so || return
  kill "-$1" "$pid"
  until grep -q '^reloaded' out; do
    kill -0 "$pid" || return
    sleep 0.01
  done
  rm inside
  wait $waiting
  answer=$?
  cat waiting.out
  sleep 0.05
  kill -0 "$pid" || return
}
new_address()
{
  reload_while_waiting HUP "$hp_apply" && [ $answer -eq 0 ] &&
    grep -q 'was loaded or unloaded meanwhile' waiting.out &&
    tail -n 1 out && tail -n 1 out | grep -q 'module 200'
}
ok "a module that was loaded again elsewhere is patched there" new_address
end
same_address()
{
  reload_while_waiting USR1 "$hp_apply" && [ $answer -eq 0 ] &&
    tail -n 1 out && tail -n 1 out | grep -q 'module 200'
}
ok "one that was loaded again at its place is patched, too" same_address
end
gone()
{
  reload_while_waiting USR2 "$hp_apply" && [ $answer -eq 1 ] &&
    grep -q 'module that is not loaded' waiting.out &&
    ! grep 'both' "/proc/$pid/maps" && tail -n 1 out | grep 'slow 1 '
}
ok "one that is gone: refused, and nothing was changed" gone
end
new_address_without()
{
  HP_WITHOUT=plan_again
  export HP_WITHOUT
  reload_while_waiting HUP "$(control_tool hp-apply)"
  unset HP_WITHOUT
  ! kill -0 "$pid" || ! tail -n 1 out | grep 'module 200'
}
ok "control: without a second plan the process dies or goes on unpatched" \
  new_address_without
end 2>/dev/null

# The process's own library changes the same function while hp-apply, which has
# loaded its patch, waits for a thread.
cat >for_answer.c <<'END2'
#include <hotpatch.h>
HP_PATCH("answer", 1, "Another one");
HP_REPLACES("answer") static int other(int x) { return 100 + x; }
HP_REPLACES("stay") static int no_stay(void) { return 2; }
END2
build_changes()
{
  cc -O2 -fPIC -shared for_answer.c -o for_answer.so && build_controls &&
    control_program outside/changes.c changes "-fplugin=$HP_PLUGIN" \
      "-I$HP_SRCDIR/runtime/include"
}
ok "a program that is held in the middle of a change is compiled" build_changes
# until_said FILE WORDS: while hp-apply waits.
until_said()
{
  until grep -q "$2" "$1"; do
    kill -0 "$pid" && kill -0 $waiting || return
    sleep 0.01
  done
}
# What hp-apply says is true in the end.
ends_as_said()
{
  rm -f begin go leave
  begin ./changes
  waits "$hp_apply" -v -w "$pid" for_answer.so || return
  touch begin
  until_said out '^in the middle' && touch leave || return
  until_said waiting.out 'its own library is in the middle of a change'
  touch go
  wait $waiting
  answer=$?
  cat waiting.out
  until grep '^changed: HP_OK' out; do
    kill -0 "$pid" || return
    sleep 0.01
  done
  case $answer in
    0) says 'answer 102' ;;
    1) grep -q 'answer is replaced by the program itself' waiting.out &&
      says 'answer 6' ;;
    *) false ;;
  esac
}
ok "hp-apply lets the process's own library end its change" ends_as_said
end
HP_WITHOUT=note_changing
export HP_WITHOUT
ok "control: without a note both write to the same words" not ends_as_said
unset HP_WITHOUT
end 2>/dev/null
done_testing
