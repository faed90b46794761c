#!/bin/sh
# What happens in a process, crossed with every step of hp-apply and hp-revert.
#
# At a step of the command an event happens: the process forks, executes
# another program, loads or unloads a shared object, ends a thread, uses
# descriptors again; another command comes; the patch's file is replaced.  Then
# the command is killed, or its system call fails, or it goes on.  Whatever it
# is, the process lives and has all of the patch or nothing, the exit status
# says which, and the next command ends what was left.
#
# Each run here sees a share of the steps, in each combination other ones; `make
# crossing` sees all.  HP_CROSSING_STEPS: how many in each combination, 0: all.
#
# SPDX-License-Identifier: MIT
. "$HP_SRCDIR/testsuite/lib/common.sh"
. "$HP_SRCDIR/testsuite/lib/controls.sh"
. "$HP_SRCDIR/testsuite/outside/start.sh"

hp_status=$HP_BUILDDIR/tools/hp-status
: "${HP_CROSSING_STEPS:=2}" "${HP_CROSSING_ERRORS:=5}"

build_crossed()
{
  "$CC" -O2 -pthread "-fplugin=$HP_PLUGIN" "$here/crossed.c" -o crossed &&
    "$CC" -O2 "$here/steps.c" -o steps &&
    echo 'int other(void) { return 1; }' >other.c &&
    "$CC" -O2 -fPIC -shared other.c -o other.so || return
  for version in 1 2; do
    cat >crossing.c <<END2 &&
#include <hotpatch.h>
HP_PATCH("crossing", $version, "Both");
HP_REPLACES("part") static int new_part(void) { return $((version + 1)); }
extern int part(void) HP_IMPORT("part");
HP_REPLACES("whole") static int new_whole(void)
{
  return $((version + 1))000 + part();
}
END2
      cc -O2 -fPIC -shared crossing.c -o crossing$version.so || return
  done
}
ok "programs and patches are compiled" build_crossed
[ -e crossing2.so ] || done_testing

# An event, as a script that `steps` runs: it does not wait for long, because the
# process may stand.
cat >happen <<'END2'
#!/bin/sh
case $1 in
  command)
    "$hp_apply" -t 0.02 "$2" crossing2.so >command.out 2>&1
    ;;
  file)
    cp crossing2.so new.so && mv new.so crossing.so
    ;;
  *)
    echo "$1" >event.new && mv event.new event
    for _ in 1 2 3 4 5; do
      [ -e event ] || exit
      sleep 0.004
    done
    ;;
esac
END2
chmod +x happen

fresh()
{
  [ -z "$pid" ] || end
  rm -f event
  cp crossing1.so crossing.so
  begin ./crossed
}

# value: what it says now.
value()
{
  lines=$(wc -l <out)
  until [ "$(wc -l <out)" -gt $((lines + 2)) ]; do
    kill -0 "$pid" || return
    sleep 0.002
  done
  tail -n 1 out
}

# So that the command has something to do, whatever was left.
set_up()
{
  [ "$event" != file ] || { cp crossing1.so new.so && mv new.so crossing.so; }
  until [ ! -e event ]; do
    kill -0 "$pid" || return
    sleep 0.002
  done
  "$hp_revert" -w "$pid" crossing >set_up.out 2>&1 ||
    grep -q 'has no patch' set_up.out || return
  case $command in
    revert) "$hp_apply" -w "$pid" crossing.so >set_up.out 2>&1 ;;
  esac
}

# judge: of what happened at one step.
judge()
{
  kill -0 "$pid" || return
  if grep -h 'mixed\|wrong' out child.out; then
    return 1
  fi
  now=$(value) || return
  case $now in
    1001 | 2002 | 3003) ;;
    *) echo "it says $now" && return 1 ;;
  esac
  how=$(tail -n 1 where)
  case "$action:$how" in
    kill:signal\ 9 | *:status\ [012]) ;;
    fails=*:status\ 4)
      grep -q "crossing is half .*(.*), and its code stays loaded" said && return
      cat said && return 1
      ;;
    *) echo "the command ended with $how" && return 1 ;;
  esac
  # Another program has no patch; another command may have brought one.
  case $event:$command:$how in
    exec*:* | command:*) ;;
    *:apply:status\ 0) [ "$now" != 1001 ] ;;
    *:revert:status\ 0) [ "$now" = 1001 ] ;;
    *:apply:status\ *) [ "$now" = 1001 ] ;;
    *:revert:status\ *) [ "$now" = 2002 ] ;;
  esac || {
    echo "it says $now, and the command ended with $how"
    return 1
  }
}

# What a failed or killed command left is ended by the next one.
recovers()
{
  set_up || {
    cat set_up.out
    return 1
  }
  now=$(value)
  case $now in
    1001) [ $command = apply ] ;;
    2002) [ $command = revert ] ;;
    *) false ;;
  esac || {
    echo "after the next command it says $now"
    return 1
  }
  [ $action = hold ] && return
  "$hp_status" "$pid" >status.out
  ! grep 'half\|lost' status.out
}

run_command()
{
  case $command in
    apply) set -- "${tool:-$hp_apply}" -t $patience "$pid" crossing.so ;;
    revert) set -- "${tool:-$hp_revert}" -t $patience "$pid" crossing ;;
  esac
  # shellcheck disable=SC2086  # options
  if [ $event = nothing ]; then
    ./steps $only $action $step "$@" >where 2>said
  else
    ./steps $only -e "./happen $event $pid" $action $step "$@" >where 2>said
  fi
}

# cross COMMAND ACTION EVENT: some of the steps, of which no two combinations
# have the same; the last one is that of the command which ends before it.
combination=0
only=
every=1
patience=2
cross()
{
  command=$1 action=$2 event=$3
  combination=$((combination + 1))
  fresh
  count_steps || return
  [ "$all_steps" -gt 50 ] || return
  stride=1 step=0
  if [ "$HP_CROSSING_STEPS" -gt 0 ]; then
    stride=$((all_steps / HP_CROSSING_STEPS))
    step=$((combination * 37 % stride))
  fi
  cross_from
}

# count_steps: how many there are, from where the command begins to trace; the
# same each time, but for what depends on the machine's load.
all_steps=0
count_steps()
{
  set_up || return
  (action=hold event=nothing step=1000000 && run_command)
  all_steps=$(sed -n 's/ steps$//p' where)
  echo "$all_steps steps"
}

# cross_calls COMMAND ACTION NUMBER [EVENT]: each call of the system call; where
# the command is killed, each once more in the process as it is by then, because
# that leaves traces.
cross_calls()
{
  command=$1 action=$2 event=${4-nothing} only="-n $3" stride=$every
  step=$((every / 2))
  fresh
  cross_from && calls=$step && step=0 &&
    { [ $action != kill ] || cross_from; } || {
    only=
    return 1
  }
  only=
  echo "$calls calls"
  [ "$calls" -gt 2 ]
}

cross_from()
{
  set_up || return
  while run_command; do
    judge >judgement 2>&1 && recovers >>judgement 2>&1 || {
      echo "step $step:"
      cat where said judgement
      fresh
      return 1
    }
    step=$((step + stride))
  done
  judge || {
    cat where said
    fresh
    return 1
  }
}

for command in apply revert; do
  for event in nothing fork exec execute load unload thread descriptor command file; do
    for action in kill hold $(printf 'fail=%s ' $HP_CROSSING_ERRORS); do
      ok "hp-$command, $event, $action" cross $command $action $event
    done
  done
done

# Whatever the stride: all that reads and writes the process.
pread64=17 pwrite64=18 ptrace=101 process_vm_readv=310
seize=16902 # PTRACE_SEIZE
for command in apply revert; do
  ok "hp-$command, each write fails" cross_calls $command fail=5 $pwrite64
  ok "hp-$command, each write is the last" cross_calls $command kill $pwrite64
done
ok "hp-apply, each read fails" cross_calls apply fail=5 $pread64
# Every third one, and so in the control: there are many.
cross_reads()
{
  [ "$HP_CROSSING_STEPS" -eq 0 ] || every=3
  cross_calls "$1" fail=12 $process_vm_readv
  reads_status=$?
  every=1
  return $reads_status
}
for command in apply revert; do
  ok "hp-$command, each read of memory fails" cross_reads $command
done
for command in apply revert; do
  ok "hp-$command, each write and all after it fail" \
    cross_calls $command fails=5 $pwrite64
done

# A thread that executes a program waits for those that are traced.
seizes()
{
  patience=0.3
  cross_calls apply hold "$ptrace -r $seize" exec
  seizes_status=$?
  patience=2
  return $seizes_status
}
ok "hp-apply, whenever it seizes a thread another program is executed" seizes
end

# --- Controls -------------------------------------------------------------------

ok "tools for controls are built" build_controls

# Cells on different pages do not change at one moment.
kills_without_sharing()
{
  HP_WITHOUT=share_cell_pages
  export HP_WITHOUT
  tool=$(control_tool hp-apply)
  ! cross_calls apply kill $pwrite64
  failed=$?
  unset HP_WITHOUT
  tool=
  return $failed
}

# Every write fails once: without undoing something is left.
fails_without_undo()
{
  HP_WITHOUT=undo_a_failed_change
  export HP_WITHOUT
  tool=$(control_tool hp-apply)
  ! cross_calls apply fail=5 $pwrite64
  failed=$?
  unset HP_WITHOUT
  tool=
  return $failed
}
# Some of the memory is read by code that knows no exceptions.
ends_without_holding()
{
  HP_WITHOUT=hold_failures
  export HP_WITHOUT
  tool=$(control_tool hp-apply)
  ! cross_reads apply
  failed=$?
  unset HP_WITHOUT
  tool=
  return $failed
}
ok "control: a failure that is not held ends the command" ends_without_holding
# shellcheck disable=SC2086
$CXX -std=c++20 -pthread "-I$HP_SRCDIR" "$here/seized.cc" \
  "$HP_BUILDDIR/outside/libhpoutside_controls.a" \
  "$HP_BUILDDIR/processes/libhpprocesses_controls.a" \
  "$HP_BUILDDIR/runtime/libhotpatch_controls.a" -lelf -liberty -o seized
ok "a thread of a process that executes another program is seized" \
  timeout 60 ./seized
ok "control: otherwise both wait for each other" \
  not without reap_while_seizing timeout 5 ./seized
ok "control: with a page of cells for each command, killing one leaves a mixture" \
  kills_without_sharing
ok "control: without undoing, a failing write leaves it changed" \
  fails_without_undo
end
done_testing
