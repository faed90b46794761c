#!/bin/sh
# Which thread hp-apply borrows: one that holds no lock that loading takes, never
# another, and one that has become free as soon as there is one.  And what is a
# process: memory, not a number.
#
# SPDX-License-Identifier: MIT
. "$HP_SRCDIR/testsuite/lib/common.sh"
. "$HP_SRCDIR/testsuite/lib/controls.sh"
. "$HP_SRCDIR/testsuite/outside/start.sh"

cat >fix.c <<'END'
#include <hotpatch.h>
HP_PATCH("fix", 1, "Another number");
HP_REPLACES("answer") static int fixed(int x) { return 2 + x; }
END
# Its constructor comes to a place where a thread may be cancelled.
cat fix.c - >cancel.c <<'END'
#include <unistd.h>
__attribute__((constructor)) static void begin(void)
{
  if (write(1, "loaded\n", 7) < 0)
    _exit(1);
}
END
build()
{
  "$CC" -O2 -pthread "-fplugin=$HP_PLUGIN" "$here/places.c" -o places &&
    "$CC" -O2 -pthread -fno-asynchronous-unwind-tables -fno-unwind-tables \
      "-fplugin=$HP_PLUGIN" "$here/places.c" -o places-without &&
    cc -O2 -fPIC -shared fix.c -o fix.so &&
    cc -O2 -fPIC -shared cancel.c -o cancel.so &&
    "$CC" -O2 -fPIC -shared "$here/trace_malloc.c" -o trace_malloc.so &&
    "$CC" -O2 -fPIC -shared -fno-asynchronous-unwind-tables \
      "$here/trace_malloc.c" -o trace_malloc_without.so
}
ok "programs and patch are compiled" build
[ -e trace_malloc_without.so ] || done_testing
ok "tools without countermeasures are built" build_controls
control_apply=$(control_tool hp-apply)

# busy WORDS COMMAND...: no thread is borrowed.
busy()
{
  words=$1
  shift
  gives 2 "$words" "$@" --timeout=0.5 "$pid" fix.so
}
# hangs: without a look at its callers, a thread is borrowed that cannot load.
hangs()
{
  gives 2 "has not come back" without callers "$control_apply" --timeout=0.5 \
    "$pid" fix.so
}

# --- Locks of malloc() -------------------------------------------------------------
begin ./places malloc
in_poll()
{
  tries=200
  until grep -q '^7 ' "/proc/$pid/syscall"; do # poll(2)
    tries=$((tries - 1))
    [ $tries -gt 0 ] && sleep 0.02 || return
  done
}
ok "a handler runs, with malloc()'s locks held below it" in_poll
ok "it is not borrowed, and that is said" busy "malloc\|signal handler" "$hp_apply"
ok "it goes on" wait_for_words handled
ok "and is patched then" "$hp_apply" "$pid" fix.so
end
begin ./places malloc
in_poll
ok "control: otherwise it waits for itself for ever" hangs
end

for tables in "" _without; do
  mkfifo trace
  exec 8<>trace
  : >out
  LD_PRELOAD=$PWD/trace_malloc$tables.so ./places allocate 9>trace >out 2>&1 &
  pid=$!
  in_write()
  {
    tries=500
    until grep -q '^1 0x9 ' "/proc/$pid/syscall"; do
      tries=$((tries - 1))
      [ $tries -gt 0 ] && sleep 0.02 || return
    done
  }
  ok "an allocator writes while it holds its lock$tables" in_write
  ok "it is not borrowed$tables" busy "malloc" "$hp_apply"
  if [ -n "$tables" ]; then
    ok "control: otherwise it waits for itself for ever" hangs
  fi
  cat <&8 >/dev/null &
  reader=$!
  [ -n "$tables" ] ||
    ok "when the pipe is read, it is patched" "$hp_apply" "$pid" fix.so
  end
  kill "$reader"
  exec 8>&-
  rm trace
done

# --- Cancellation --------------------------------------------------------------------
cancelled()
{
  touch go
  wait_for_words 'given back\|lost'
  grep cancelled out && grep "given back" out
}
begin ./places cancel
wait_for_words ready
ok "a thread that is to be cancelled is borrowed" "$hp_apply" "$pid" cancel.so
ok "and is cancelled only when it comes to that itself" cancelled
rm go
end
# It ends inside dlopen(3), with the dynamic linker's lock.
dies()
{
  without uncancelled "$control_apply" --timeout=2 "$pid" cancel.so
  [ $? -ne 0 ]
}
begin ./places cancel
wait_for_words ready
ok "control: otherwise it ends in the middle of loading" dies
rm -f go
end

# --- Threads that never wait ---------------------------------------------------------
five_times()
{
  round=0
  while [ $round -lt 5 ]; do
    "$hp_apply" --timeout=60 "$pid" fix.so &&
      "$hp_revert" --timeout=60 "$pid" fix || return
    round=$((round + 1))
  done
}
for loop in getppid free; do
  begin ./places $loop
  ok "a loop over $loop() and the function" five_times
  end
done
begin ./places frame
ok "256 KiB of variables in main()" five_times
end
begin ./places-without
ok "a program without unwinding tables" five_times
end
begin ./places fork
parent=$pid
pid=$(pgrep -P "$parent")
ok "a process that was forked in a signal's handler" five_times
kill -9 "$pid"
pid=$parent
ok "its parent" five_times
end

# --- seccomp(2) ------------------------------------------------------------------------
begin ./places seccomp
if grep -q cannot out; then
  skip "a filter that forbids loading" "this system refuses seccomp filters"
else
  ok "a filter that forbids loading: refused, with the way out" \
    refuses "suspend-seccomp" "$pid" fix.so
  suspends()
  {
    gives 0 'seccomp filter of thread .* was suspended' "$hp_apply" \
      --suspend-seccomp "$pid" fix.so && says 2
  }
  if [ "$(id -u)" = 0 ]; then
    ok "--suspend-seccomp: applied, and that is said" suspends
    keeps()
    {
      grep 'Seccomp:.*2' "/proc/$pid/status"
    }
    ok "afterwards it has its filter" keeps
  else
    skip "--suspend-seccomp" "only root can suspend a filter"
  fi
fi
end

# --- What is a process -------------------------------------------------------------------
begin ./places leader
ok "the first thread has ended: applied" "$hp_apply" "$pid" fix.so
ok "the first thread has ended: the new" says 2
listed()
{
  "$hp_list" --pid "$pid" | grep fixed
}
ok "the first thread has ended: hp-list" listed
ok "the first thread has ended: reverted" "$hp_revert" "$pid" fix
ok "the first thread has ended: the old" says 1
end

begin ./places memory
child=$(pgrep -P "$pid")
inside()
{
  gives 2 "thread $child" "$hp_apply" --timeout=0.5 "$pid" fix.so
}
ok "a process of the same memory is inside the function: busy" inside
ok "it is not patched alone" refuses "uses the memory of process $pid" "$child" \
  fix.so
kill -9 "$child"
ok "it has ended: applied" "$hp_apply" "$pid" fix.so
end

begin ./places vfork
until child=$(pgrep -P "$pid"); do
  sleep 0.02
done
ok "a child of vfork(): its parent is named" \
  refuses "uses the memory of process $pid" "$child" fix.so
taken()
{
  without memory_owner "$control_apply" --level=immediate --timeout=1 "$child" \
    fix.so >output 2>&1
  not grep "uses the memory" output
}
ok "control: otherwise it is taken for a process like others" taken
end
done_testing
