#!/bin/sh
# A process is patched through the control socket that it offers, without being
# traced.
#
# SPDX-License-Identifier: MIT
. "$HP_SRCDIR/testsuite/lib/common.sh"
. "$HP_SRCDIR/testsuite/lib/controls.sh"
. "$HP_SRCDIR/testsuite/outside/start.sh"
. "$HP_SRCDIR/testsuite/control/offering.sh"

ok "program, clients and patches are compiled" build_offer
[ -e fix3.so ] || done_testing

old=11012
new=110210

# --- From end to end ----------------------------------------------------------
offer open threads:2 serve
ok "it is offered in the usual place" test -S "$run/hotpatch/$pid.sock"
ok "no other user can reach it" \
  test "$(stat -c '%a %U' "$run/hotpatch/$pid.sock")" = "600 $(id -un)"
applied()
{
  applies "through its control socket, .*/$pid.sock" "$pid" fix.so &&
    grep "process $pid: fix is applied, 2 functions, by itself" output &&
    ! grep borrowed output
}
ok "a patch is applied" applied
ok "the new" says $new
ok "it is loaded under its own name" grep -q "$workdir/fix.so" "/proc/$pid/maps"
shows()
{
  "$hp_status" --json "$pid" >status &&
    grep -q '"name": *"fix"' status && grep -q '"state": *"applied"' status &&
    grep -q "$workdir/fix.so" status
}
hp_status=$HP_BUILDDIR/tools/hp-status
ok "hp-status shows it" shows
ok "a second time" gives 0 "fix was applied already" "$hp_apply" "$pid" fix.so
ok "a newer version" "$hp_apply" "$pid" fix2.so
ok "the newer" says 110320
ok "an older version is refused" refuses "applied in version 2, which is newer" "$pid" fix.so
ok "hp-revert --dry-run" gives 0 "fix can be reverted, 2 functions" \
  "$hp_revert" -n "$pid" fix
ok "changes nothing" says 110320
ok "reverted" "$hp_revert" "$pid" fix
ok "the old" says $old
ok "its code is gone" not grep -q fix2.so "/proc/$pid/maps"
"$hp_revert" "$pid" fix >output 2>&1
ok "a patch that is not there" gives 1 "has no patch named" "$hp_revert" \
  "$pid" fix
ok "nothing was ever wrong" all_well
end
offer open serve
for level in immediate strict quiescent; do
  ok "at level $level" "$hp_apply" --level=$level "$pid" fix.so
  ok "the new, $level" says $new
  ok "reverted, $level" "$hp_revert" --level=$level "$pid" fix
  ok "the old, $level" says $old
done
"$hp_revert" "$pid" fix >output 2>&1

cat >wrong.c <<'END'
#include <hotpatch.h>
struct request { long size; long limit; };
extern int nothing HP_IMPORT("offer.c:nothing");
HP_REPLACES("first") static long wrong_first(long x) { return x + nothing; }
HP_REPLACES("missing") static int missing(int x) { return x; }
HP_REPLACES("parse") static int parse(const struct request* request)
{
  return (int)request->size;
}
END
cc -O2 -fPIC -shared wrong.c -o wrong.so
report()
{
  refuses "first: the program has int (int), the patch long (long)" \
    --dry-run "$pid" wrong.so &&
    grep "missing.*no patch site" output && grep "offer.c:nothing" output &&
    grep "struct request: member size" output
}
ok "--dry-run tells all that does not fit" report
ok "--dry-run of what fits" gives 0 "fix can be applied, 2 functions" \
  "$hp_apply" --dry-run "$pid" fix.so
ok "changes nothing" says $old
ok "what does not fit is refused" refuses "the program has int (int)" "$pid" \
  wrong.so
ok "nothing of it is left" not grep -q wrong.so "/proc/$pid/maps"
for n in 1 2 3; do
  sed "s/x + 2/x + $n/; s/counter;/counter; return $n;/" \
    "$HP_SRCDIR/testsuite/control/fix.c" >same.c
  cc -O2 -fPIC -shared same.c -o same$n.so
  mv same$n.so same.so
  ok "file $n of the same name: applied" "$hp_apply" "$pid" same.so
  ok "file $n: the new" says $n
  ok "file $n: reverted" "$hp_revert" --level=immediate "$pid" fix
done
ok "--trace: from outside" applies borrowed --trace "$pid" fix.so
ok "the new" says $new
ok "hp-revert finds out by itself who applied it" gives 0 borrowed \
  "$hp_revert" -v "$pid" fix
ok "other levels need the socket" refuses "knows only the levels" --trace \
  --level=strict "$pid" fix.so
end
ok "who is killed leaves the path" ls "$run/hotpatch"/*.sock

# --- Places -------------------------------------------------------------------
offer "open:$workdir/here.sock" serve
ok "a path of the program's choice" "$hp_apply" "--control=$workdir/here.sock" \
  "$pid" fix.so
ok "the new" says $new
ok "without telling the tool it is traced" \
  applies "offers no control socket; falling back to ptrace" "$pid" fix.so
ok "another path" refuses "offers no control socket at" \
  "--control=$workdir/there.sock" "$pid" fix.so
other=$pid
offer open serve
ok "another process's socket is not taken for its own" refuses \
  "offers no control socket at" "--control=$workdir/here.sock" "$pid" fix.so
end
pid=$other
end
offer "open:$workdir/here.sock" serve
ok "what a killed process has left is taken over" grep -q 'open: HP_OK' out
both()
{
  ./offer "open:$workdir/here.sock" >second &&
    grep 'HP_BUSY: .*here.sock: is there already' second
}
ok "what another one uses is not" both
end
told()
{
  ./offer "$@" >told.out 2>&1
  cat told.out
}
touch file
file_stays()
{
  told "open:$workdir/file" | grep HP_BUSY && test -f file
}
ok "a file in its place stays" file_stays
refused_paths()
{
  told open:here | grep HP_INVALID && told open: | grep HP_INVALID &&
    told "open:/$(printf '%0200d' 0)" | grep HP_INVALID &&
    told "open:$workdir/nowhere/here.sock" | grep HP_DENIED
}
ok "paths that cannot be" refused_paths
twice()
{
  told open open close close | tr '\n' ' ' |
    grep "HP_OK.*HP_INVALID: .*offered already.*HP_OK.*HP_INVALID: no control"
}
ok "opened and closed twice" twice
leaves_nothing()
{
  rm -f "$run/hotpatch"/*.sock
  told open exit && told open close && ! ls "$run/hotpatch"/*.sock
}
ok "the end of the program takes it away" leaves_nothing
elsewhere()
{
  (
    unset XDG_RUNTIME_DIR
    told open
  ) | grep -E "^at (/run/hotpatch|/run/user/$(id -u)/hotpatch|/tmp/hotpatch-$(id -u))/[0-9]+.sock"
}
ok "without XDG_RUNTIME_DIR" elsewhere
mkdir everybodys && chmod 777 everybodys
not_everybodys()
{
  env "XDG_RUNTIME_DIR=$workdir/everybodys" ./offer open >at.out
  cat at.out
  grep '^at' at.out && ! grep everybodys at.out
}
ok "a directory where others may write is passed over" not_everybodys
ok "the environment variable" env HOTPATCH_CONTROL=1 ./offer close
ok "without it there is none" says_invalid
ok "another value means nothing" says_invalid HOTPATCH_CONTROL=0

# --- Threads, signals, forks --------------------------------------------------
ok "the thread can be stopped" stops open stop close
ok "by another signal, too" stops open stop signal:40 stop signal:0 signal:50 \
  stop close
# The answer is larger than what the pipe and the socket hold, so the thread waits
# for the reader, and is stopped meanwhile.
whole_answer()
{
  path=$(sed -n 's/^at //p' out)
  ./ask "$path" 'hotpatch 1 status\n' | { sleep 0.7; cat; } >answer
  grep -c '^patch n' answer
  [ "$(grep -c '^patch n' answer)" = 2000 ] && grep '^done 0' answer
}
offer open patches:2000 stops serve
ok "stopped while it answers, it answers on" whole_answer
end
stop_control()
{
  build_control_library && control_program control/offer.c controlled &&
    without accept_stop_signal ./controlled open stop exit >edited.out
  cat edited.out
  grep 'stop: HP_BUSY: .*(hotpatch) blocks signal' edited.out
}
ok "control: with that signal blocked it could not be stopped" stop_control
ok "signals for the program reach it" outputs "signal: came" open \
  wait-for-signal
signal_control()
{
  build_control_library && control_program control/offer.c controlled || return
  ! without block_program_signals ./controlled open wait-for-signal | grep came
}
ok "control: a thread that blocks nothing takes them" signal_control
forked()
{
  told open fork open stop close exit | tr '\n' ' ' |
    grep 'child: path "" open: HP_OK.*stop: HP_OK.*close: HP_OK'
}
ok "a forked child has none, and can have its own" forked
parent_keeps()
{
  # The child serves, and its parent waits: the path is still the parent's.
  offer open fork serve
  path=$(sed -n 's/^at //p' out)
  kill -9 "$(pgrep -P "$pid")"
  until grep -q 'child ended' out; do
    sleep 0.01
  done
  ls "$path"
}
ok "its end does not take the parent's away" parent_keeps
end

# --- Where nothing may be traced ------------------------------------------------
offer no-ptrace open threads:1 serve
if grep -q 'no filters' out; then
  skip "under a seccomp filter" "this system has none"
else
  ok "under a seccomp filter: not from outside" \
    refuses "seccomp filter" --trace --timeout=0.2 "$pid" fix.so
  ok "under a seccomp filter: by itself" "$hp_apply" "$pid" fix.so
  ok "under a seccomp filter: the new" says $new
fi
end

# A process that lets no client in, or another one that made its socket.
offer deaf threads:1 serve
ok "a socket that lets no client in: traced" \
  gives 0 'offers no control socket; falling back to ptrace' \
  timeout 30 "$hp_apply" -v "$pid" fix.so
ok "a socket that lets no client in: the new" says $new
end

# --- Interrupted clients ----------------------------------------------------------
"$CC" -O2 "$here/steps.c" -o steps || exit 99
killed_everywhere()
{
  step=0
  while ./steps kill $step "$hp_apply" "$pid" fix.so >where 2>errors; do
    "$hp_apply" "$pid" fix.so >output 2>&1 || {
      echo "killed at step $step"
      cat where output
      return 1
    }
    says $new || return
    while ./steps kill $step "$hp_revert" "$pid" fix >where 2>errors; do
      "$hp_revert" "$pid" fix >output 2>&1 ||
        grep -q 'has no patch' output || return
      says $old || return
      "$hp_apply" "$pid" fix.so >output 2>&1 || return
      break
    done
    "$hp_revert" "$pid" fix >output 2>&1
    says $old || return
    step=$((step + 1))
  done
  echo "$step steps"
  [ "$step" -gt 8 ]
}
offer open threads:1 serve
ok "hp-apply and hp-revert are killed at every step" killed_everywhere
ok "and nothing was ever wrong" all_well
end
done_testing
