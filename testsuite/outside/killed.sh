#!/bin/sh
# hp-apply and hp-revert are killed at every step: the process goes on unharmed,
# patched or not, and the next hp-apply finishes or hp-revert undoes.
#
# SPDX-License-Identifier: MIT
. "$HP_SRCDIR/testsuite/lib/common.sh"
. "$HP_SRCDIR/testsuite/outside/start.sh"

ok "target and patches are compiled" build_all
[ -e fix.so ] || done_testing
"$CC" -O2 "$here/steps.c" -o steps || exit 99

old=11012
new=110210

# A killed command leaves interrupted system calls to the kernel, which ends
# epoll_wait(2), and what it has restarted once before, with EINTR (signal(7),
# restart_syscall(2)).  That alone is forgiven.
unharmed()
{
  grep -v 'Interrupted system call' out | sort | uniq -c
  kill -0 "$pid" &&
    ! grep -v 'Interrupted system call' out | grep 'mixed\|wrong'
}

# One of the two, for good.
is_whole()
{
  says "$old" || says "$new"
}

# Any run sees some of the steps; KILL_STRIDE=1 all of them.
#
# killed_everywhere STRIDE COMMAND...
killed_everywhere()
{
  stride=$1
  shift
  step=$(($(od -An -N2 -tu2 /dev/urandom) % stride))
  while ./steps kill $step "$@" >where 2>errors; do
    is_whole && unharmed >well || {
      echo "killed at step $step:"
      cat where errors well
      return 1
    }
    # Where hp-revert had come to its end but for unloading, it has no patch to
    # revert any more.
    "$@" >output 2>&1 || grep -q 'has no patch' output || {
      echo "killed at step $step: the second one did not finish"
      cat where output
      return 1
    }
    says "$result" || return
    $reset >output 2>&1 || {
      echo "killed at step $step: it cannot be undone"
      cat where output
      return 1
    }
    says "$before" || return
    step=$((step + stride))
  done
  echo "$step steps"
  [ "$step" -gt 100 ]
}

for arguments in alone 2; do
  start $arguments
  before=$old result=$new reset="$hp_revert $pid fix"
  ok "hp-apply, target $arguments" \
    killed_everywhere "${KILL_STRIDE:-13}" "$hp_apply" "$pid" fix.so
  # The same for hp-revert: what resets is hp-apply.
  "$hp_apply" "$pid" fix.so >output 2>&1
  before=$new result=$old reset="$hp_apply $pid fix.so"
  ok "hp-revert, target $arguments" \
    killed_everywhere "${KILL_STRIDE:-13}" "$hp_revert" "$pid" fix
  ok "nothing else went wrong, target $arguments" unharmed
  end
done

done_testing
