#!/bin/sh
# What hp-apply meets outside of the ordinary: each is either patched or refused
# in words, and never harmed.
#
# SPDX-License-Identifier: MIT
. "$HP_SRCDIR/testsuite/lib/common.sh"
. "$HP_SRCDIR/testsuite/lib/controls.sh"
. "$HP_SRCDIR/testsuite/outside/start.sh"

build_odd()
{
  build_all &&
    "$CC" -O2 -pthread "-fplugin=$HP_PLUGIN" "$here/odd.c" -o odd &&
    "$CC" -O2 -pthread -static "-fplugin=$HP_PLUGIN" "$here/odd.c" \
      -o odd-static &&
    sed 's/target[.]c:/odd.c:/' "$here/fix.c" >odd_fix.c &&
    cc -O2 -fPIC -shared odd_fix.c -o odd_fix.so
}
ok "programs and patches are compiled" build_odd
[ -e odd_fix.so ] || done_testing

unharmed()
{
  kill -0 "$pid" && says 11012
}

ok "no such process" refuses "no such process" 999999 fix.so
start alone
ok "no such file" refuses "No such file" "$pid" nothing.so
ok "no patch object" refuses "is no patch object" "$pid" target
sed 's/fixed_first(int x)/fixed_first(long x)/' "$here/fix.c" >wrong.c
cc -O2 -fPIC -shared wrong.c -o wrong.so
ok "another prototype: both are named" \
  refuses "the program has int (int), the patch int (long)" "$pid" wrong.so
sed 's/"first"/"missing"/; s/target.c:counter/target.c:nothing/' "$here/fix.c" \
  >missing.c
cc -O2 -fPIC -shared missing.c -o missing.so
ok "--dry-run: all that is wrong" refuses "missing.*no patch site" --dry-run \
  "$pid" missing.so
ok "a missing variable, in the dry run's report" \
  grep -q "target.c:nothing" output
ok "a missing function" refuses "missing.*no patch site" "$pid" missing.so
ok "a missing variable, in the same report" grep -q "target.c:nothing" output
sed 's/target[.]c:counter/counter/' "$here/fix.c" >bare.c
cc -O2 -fPIC -shared bare.c -o bare.so
ok "a static of another file, which the patch does not name: a warning" \
  gives 0 "warning: uses counter, .* static in .*target.c" "$hp_apply" --dry-run \
  "$pid" bare.so
ok "none if the patch names the file" \
  not gives 0 "warning" "$hp_apply" --dry-run "$pid" fix.so
ok "the process goes on as it was" unharmed
end

start alone
if command -v gdb >/dev/null; then
  gdb -q -p "$pid" -batch \
    -ex 'shell touch attached; until [ -e detach ]; do sleep 0.05; done' \
    >gdb.out 2>&1 &
  debugger=$!
  until [ -e attached ] || ! kill -0 "$debugger" 2>/dev/null; do
    sleep 0.05
  done
  ok "under a debugger: it is named" \
    refuses "is being debugged by process [0-9]* (gdb)" "$pid" fix.so
  touch detach
  wait "$debugger"
  ok "afterwards it can be patched" "$hp_apply" "$pid" fix.so
else
  skip "under a debugger" "gdb is not installed"
fi
end

begin ./odd-static plain
ok "a static program" refuses "is a static program" "$pid" odd_fix.so
ok "a static program goes on" unharmed
end

begin ./odd starting
started=$(head -n 1 out)
ok "a process before its first instruction is not taken for a static program" \
  gives 2 "process $started is being started" "$hp_apply" -t 0.2 "$started" \
  odd_fix.so
mistaken()
{
  build_controls &&
    without wait_for_start gives 1 "has no C library" "$(control_tool hp-apply)" \
      "$started" odd_fix.so
}
ok "control: otherwise it would be refused" mistaken
"$hp_apply" -t 60 "$started" odd_fix.so >later 2>&1 &
later=$!
kill -CONT "$started"
applied_later()
{
  wait "$later"
  status=$?
  cat later
  [ $status -eq 0 ]
}
ok "it is patched when it has started" applied_later
kill -9 "$started"
end

cat >loop32.s <<'END'
.globl _start
_start:
  mov $29, %eax  # pause
  int $0x80
  jmp _start
END
# Without a C library for such programs: by the assembler alone.
executes_loop32()
{
  ./loop32 &
  pid=$!
  # Until exec has happened it is the shell.
  until [ "$(basename "$(readlink "/proc/$pid/exe")")" = loop32 ]; do
    kill -0 "$pid" || return
    sleep 0.01
  done
}
if as --32 loop32.s -o loop32.o && ld -m elf_i386 loop32.o -o loop32 &&
  executes_loop32 2>/dev/null; then
  ok "a 32-bit program" refuses "is a 32-bit program" "$pid" fix.so
  ok "a 32-bit program goes on" kill -0 "$pid"
  end
else
  skip "a 32-bit program" "this system assembles or executes none"
  pid=
fi

# shellcheck disable=SC2016  # the inner shell's own
sh -c 'sleep 0.1 & echo $! >zombie; exec sleep 30' &
pid=$!
until [ -s zombie ]; do
  sleep 0.05
done
while grep -q 'State:	[^Z]' "/proc/$(cat zombie)/status"; do
  sleep 0.05
done
ok "a zombie" refuses "a zombie" "$(cat zombie)" fix.so
end

begin ./odd mdwe
if grep -q cannot out; then
  skip "memory that denies writing and executing" "this kernel has no PR_SET_MDWE"
else
  ok "memory that denies writing and executing: applied" \
    "$hp_apply" "$pid" odd_fix.so
  ok "memory that denies writing and executing: the new" says 110210
  ok "memory that denies writing and executing: reverted" \
    "$hp_revert" "$pid" fix
  end
fi

begin ./odd seccomp
ok "a seccomp filter" refuses "seccomp filter" --timeout=0.2 "$pid" odd_fix.so
ok "a seccomp filter: it goes on" unharmed
end

begin ./odd inside
busy()
{
  gives 2 '(sleeper).*first' "$hp_apply" --timeout=2 "$pid" odd_fix.so
}
ok "a thread inside: both are named" busy
ok "a thread inside: nothing was changed" unharmed
ok "a thread inside: nothing stays loaded" \
  not grep -q odd_fix.so "/proc/$pid/maps"
ok "a thread inside, immediate" "$hp_apply" --level=immediate "$pid" odd_fix.so
ok "a thread inside, immediate: the new" says 110210
end

# The thread's frames of first() are on the stack that it has left.
for place in handler fiber; do
  begin ./odd $place
  until grep -q '^34 ' "/proc/$pid"/task/*/syscall 2>/dev/null; do # pause(2)
    sleep 0.01
  done
  ok "a thread inside, and on another stack ($place)" busy
  ok "($place): nothing was changed" unharmed
  end
done

sed 's/target[.]c:/own.c:/' "$here/fix.c" >own_fix.c
library=$HP_BUILDDIR/runtime/.libs
build_own()
{
  cc -O2 -fPIC -shared own_fix.c -o own_fix.so &&
    cc -O2 "$here/own.c" -o own "-L$library" -lhotpatch "-Wl,-rpath,$library"
}
ok "a program with libhotpatch is compiled" build_own
begin ./own
ok "a program with libhotpatch: applied" "$hp_apply" "$pid" own_fix.so
ok "a program with libhotpatch: the new" says 110210
ok "a program with libhotpatch: reverted" "$hp_revert" "$pid" fix
end
begin ./own ./own_fix.so
refuses_revert()
{
  says 110210 && gives 1 'the program itself has loaded' \
    "$hp_revert" "$pid" fix && says 110210
}
ok "a patch that the program has loaded itself is left alone" refuses_revert
end

begin ./odd plain
kill -STOP "$pid"
ok "stopped by job control: applied" "$hp_apply" "$pid" odd_fix.so
stands()
{
  sleep 0.1
  grep State "/proc/$pid/status" | grep 'T (stopped)'
}
ok "stopped by job control: it still stands" stands
kill -CONT "$pid"
ok "stopped by job control: it goes on, with the new" says 110210
end

begin ./odd exec
again_and_again()
{
  round=0
  while [ $round -lt 15 ]; do
    "$hp_apply" --timeout=1 "$pid" odd_fix.so >output 2>&1
    [ $? -le 1 ] && kill -0 "$pid" || {
      cat output
      return 1
    }
    round=$((round + 1))
  done
}
ok "it executes itself again and again: it goes on" again_and_again
end
begin ./odd fork
ok "it forks again and again: applied" "$hp_apply" "$pid" odd_fix.so
ok "it forks again and again: the new" says 110210
end

begin timeout -s KILL 0.3 ./odd plain
pid=$(pgrep -n -P "$pid" odd || echo "$pid")
ends_meanwhile()
{
  while kill -0 "$pid" 2>/dev/null; do
    "$hp_apply" "$pid" odd_fix.so >output 2>&1 &&
      "$hp_revert" "$pid" fix >output 2>&1
    [ $? -le 1 ] || return
  done
}
ok "it ends in between" ends_meanwhile

if unshare --mount --pid --fork true 2>/dev/null; then
  mkdir other
  cp odd_fix.so other/hidden.so
  begin unshare --mount --pid --fork sh -c \
    "mount -t tmpfs none '$workdir/other' && cp odd odd_fix.so other/ &&
    exec other/odd plain"
  outer=$pid
  pid=$(pgrep -P "$outer")
  hidden()
  {
    says 11012 && "$hp_apply" "$pid" other/hidden.so && says 110210 &&
      "$hp_revert" "$pid" fix && says 11012
  }
  ok "in a container: a file that is not there for it is applied" hidden
  ok "in a container: applied" \
    "$hp_apply" "$pid" "/proc/$pid/root$workdir/other/odd_fix.so"
  ok "in a container: the new" says 110210
  ok "in a container: reverted" "$hp_revert" "$pid" fix
  kill -9 "$pid"
  wait "$outer" 2>/dev/null
  pid=
else
  skip "in a container" "namespaces may not be made here"
fi

# As another user: the system's rules for ptrace(2) decide, and are named.
start alone
if command -v setpriv >/dev/null && [ "$(id -u)" = 0 ]; then
  for_others "$hp_apply"
  # refuses_other WORDS ARGUMENTS...
  refuses_other()
  {
    words=$1
    shift
    gives 1 "$words" setpriv --reuid=65534 --regid=65534 --clear-groups \
      for_others/hp-apply "$@"
  }
  ok "a process of another user: said" refuses_other \
    "belongs to another user (uid $(id -u))" "$pid" fix.so
  ok "a process of another user: it goes on" unharmed
else
  skip "a process of another user" "only root can be another user"
fi
end
yama=/proc/sys/kernel/yama/ptrace_scope
if [ ! -e $yama ]; then
  skip "yama" "this kernel has no yama"
elif [ "$(cat $yama)" = 0 ] || ! command -v setpriv >/dev/null ||
  [ "$(id -u)" != 0 ]; then
  skip "yama" "it is off here ($yama), or there is no other user to be"
else
  begin setpriv --reuid=65534 --regid=65534 --clear-groups ./odd plain
  ok "yama: its setting is named" refuses_other \
    'kernel.yama.ptrace_scope is' "$pid" odd_fix.so
  ok "yama: the process goes on" unharmed
  end
fi

start 1000
ok "1,000 threads: applied" "$hp_apply" "$pid" fix.so
ok "1,000 threads: the new" says 110210
ok "1,000 threads: reverted" "$hp_revert" "$pid" fix
ok "1,000 threads: nothing was ever wrong" all_well
end

done_testing
