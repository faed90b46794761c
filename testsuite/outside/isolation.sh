#!/bin/sh
# What one process does keeps no other from being shown and patched: files that
# are cut off while they are read, files and lists without end.
#
# SPDX-License-Identifier: MIT
. "$HP_SRCDIR/testsuite/lib/common.sh"
. "$HP_SRCDIR/testsuite/lib/controls.sh"
. "$HP_SRCDIR/testsuite/outside/start.sh"
hp_status=$HP_BUILDDIR/tools/hp-status
hp_watch=$HP_BUILDDIR/tools/hp-watch
umask 022
hostile=
watcher=
# shellcheck disable=SC2086  # lists of processes
trap 'kill -9 $pid $hostile $watcher 2>/dev/null; remove_workdir' EXIT

build_hostile()
{
  build_all && "$CC" -O2 -pthread "-fplugin=$HP_PLUGIN" "$here/cutter.c" \
    -o cutter && readelf -n target | sed -n 's/.*Build ID: //p' >id &&
    cc -O2 -fPIC -shared "-DBUILD=\"$(cat id)\"" "$here/fix.c" -o watched.so
}
ok "programs and patches are compiled" build_hostile
[ -e watched.so ] || done_testing

# hostile MODE ARGUMENT...: what it prints goes away.
hostile()
{
  ./cutter "$@" >ready.out &
  hostile="$hostile $!"
  until grep -q ready ready.out || ! kill -0 $!; do
    sleep 0.01
  done
}
end_hostile()
{
  # shellcheck disable=SC2086  # a list
  kill -9 $hostile
  hostile=
}

start alone
cp cutter cut.bin
hostile cut cut.bin
# often COUNT COMMAND...: it succeeds each time.
often()
{
  count=$1
  shift
  while [ "$count" -gt 0 ]; do
    count=$((count - 1))
    "$@" || return
  done
}
shows()
{
  # 2: the process whose files change was not readable this time.
  "$@" "$pid" $hostile >status 2>complaint
  result=$?
  cat status complaint
  [ $result -le 2 ] && grep -q "^$pid  *unpatched" status
}
ok "hp-status shows the others, whatever a process does to its files" \
  often 10 shows "$hp_status"
status_dies()
{
  build_controls || return
  count=200
  while [ $count -gt 0 ]; do
    without task_in_child "$(control_tool hp-status)" $hostile "$pid" \
      >status 2>complaint
    grep -q 'became shorter' complaint && ! grep -q "^$pid " status && return
    count=$((count - 1))
  done
  return 1
}
ok "control: in one process with it, hp-status ends" status_dies

mkdir patches
"$hp_watch" --interval=0.1 patches >told 2>complaints &
watcher=$!
sleep 0.3
cp watched.so part && mv part patches/watched.so
is_told()
{
  tries=600
  until grep -q "process $pid: fix is applied" told; do
    tries=$((tries - 1))
    [ $tries -gt 0 ] && kill -0 "$watcher" && sleep 0.05 || {
      cat told complaints
      return 1
    }
  done
}
ok "hp-watch goes on, and patches the others" is_told
ok "it does the new" says 110210
sleep 1
ok "hp-watch is there after a while" kill -0 "$watcher"
kill "$watcher"
wait "$watcher"
watcher=
end_hostile
end

# --- Sizes ----------------------------------------------------------------------
start alone
cp fix.so big.so
hostile big big.so 2500000000
hostile maps 20000
in_bounds()
{
  # In all its processes together.
  python3 - "$hp_status" "$pid" <<'END'
import resource, subprocess, sys
shown = subprocess.run([sys.argv[1]], capture_output=True, text=True, timeout=120)
print(shown.stdout, shown.stderr)
assert any(line.startswith(sys.argv[2] + " ") for line in shown.stdout.splitlines())
used = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
print("KiB:", used)
assert used < 1_000_000
END
}
ok "a file of gigabytes is not read whole" in_bounds
ok "it keeps no other from being patched" "$hp_apply" "$pid" fix.so
ok "the new" says 110210
end_hostile
end

# --- Names ----------------------------------------------------------------------
hostile name
named()
{
  # shellcheck disable=SC2086  # one process
  ! "$hp_apply" -v $hostile fix.so >output 2>&1 && cat output &&
    ! grep -qP '[\x00-\x09\x0b-\x1f\x7f-\xff]' output
}
ok "a name of a thread does nothing to a terminal" named
end_hostile
done_testing
