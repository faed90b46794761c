#!/bin/sh
# Whether a thread is inside a function, on stacks that are hard to find: a patch
# waits for a thread that is, and not for one that is not.
#
# SPDX-License-Identifier: MIT
. "$HP_SRCDIR/testsuite/lib/common.sh"
. "$HP_SRCDIR/testsuite/lib/controls.sh"
. "$HP_SRCDIR/testsuite/outside/start.sh"

cat >first.c <<'END'
#include <hotpatch.h>
HP_PATCH("first", 1, "Another result");
HP_REPLACES("first") static int new_first(int x) { return x * 100; }
END
cat >switches.c <<'END'
#include <hotpatch.h>
#include <unistd.h>
HP_PATCH("switches", 1, "Another result, after a while on a fiber");
extern void into_fiber(void);
HP_REPLACES("first") static int new_first(int x)
{
  if (access("leave", F_OK) != 0)
    into_fiber();
  return x * 100;
}
END
build()
{
  "$CC" -O2 -pthread -Wl,-z,now "-fplugin=$HP_PLUGIN" "$here/stacks.c" \
    -o stacks &&
    cc -O2 -fPIC -shared switches.c -o switches.so &&
    cc -O2 -fPIC -shared first.c -o first.so
}
ok "program and patch are compiled" build
[ -e first.so ] || done_testing

busy()
{
  gives 2 'has not left first' "${apply:-$hp_apply}" --timeout=0.3 "$pid" \
    first.so
}
applied()
{
  "$hp_apply" --timeout=20 "$pid" first.so && says 1000
}
# missed COUNTERMEASURE: without it the thread is not noticed.
missed()
{
  build_controls && apply=$(control_tool hp-apply) && busy &&
    fails without "$1" busy
}

for where in "array" "array thread" "full" "heap" "heap thread" "static" \
  "static thread" "nested" "nested thread"; do
  rm -f leave
  # shellcheck disable=SC2086 # two words
  begin ./stacks $where
  ok "$where: a thread that is inside is waited for" busy
  touch leave
  ok "$where: it is patched when the thread has left" applied
  end
done

for where in loop "loop thread" "loop-on-fiber" "loop-on-fiber thread"; do
  # shellcheck disable=SC2086 # two words
  begin ./stacks $where
  ok "$where: what ended calls have left is not waited for" applied
  ok "$where: reverted" "$hp_revert" --timeout=20 "$pid" first
  end
done

for where in worker poller; do
  begin ./stacks $where
  if grep -q cannot out; then
    skip "io_uring's $where" "this system has no io_uring"
  else
    ok "io_uring's $where does not hinder a patch" applied
  fi
  end
done

# The replacement waits on the first stack, the thread is on a fiber.
switches()
{
  rm -f leave
  begin ./stacks loop
  "$hp_apply" --timeout=20 "$pid" switches.so && wait_for_words inside
}
kept()
{
  gives 2 'has not left' "${revert:-$hp_revert}" --timeout=0.3 "$pid" switches
}
goes_on()
{
  touch leave
  says "$1"
}
ok "a replacement that waits on a fiber begins" switches
ok "and is not taken away" kept
ok "it returns to code that is still loaded" goes_on 1000
ok "then it is taken away" "$hp_revert" --timeout=20 "$pid" switches
ok "and the original runs" says 11
end
unloaded_below()
{
  build_controls && switches && revert=$(control_tool hp-revert) &&
    fails without search_first_stack kept && fails goes_on 1000
}
ok "control: its code would be unloaded" unloaded_below
end

# Each command borrows the thread several times.
rm -f leave
begin ./stacks static
stack_size()
{
  sed -n 's/^\([0-9a-f]*\)-\([0-9a-f]*\) .*\[stack\]$/0x\2 - 0x\1/p' "/proc/$pid/maps"
}
stack_stays()
{
  busy && before=$(stack_size) || return
  for again in 1 2 3; do
    busy || return
  done
  echo "the stack of $((before)) bytes has $(($(stack_size))) after $again commands"
  [ "$((before))" = "$(($(stack_size)))" ]
}
said_once()
{
  "$hp_apply" -v --timeout=0.5 "$pid" first.so >output 2>&1
  cat output
  [ "$(grep -v ^hp-apply output | grep -c 'has not left')" -eq 1 ]
}
ok "hp-apply -v says once where a thread is" said_once
ok "the stack of a thread on a fiber does not grow with each command" stack_stays
end

rm -f leave
begin ./stacks full
overwritten()
{
  build_controls || return
  apply=$(control_tool hp-apply)
  busy && without room_on_first_stack busy || return
  touch leave
  wait_for_words cannot
}
ok "control: a frame below a fiber's stack pointer overwrites its caller" overwritten
end
rm -f leave
begin ./stacks static
refused()
{
  apply=$(control_tool hp-apply)
  busy && without room_on_first_stack gives 2 'no room' \
    "$apply" --timeout=0.3 "$pid" first.so
}
ok "control: a thread on a fiber could not be borrowed" refused
end

rm -f leave
begin ./stacks array
ok "control: a search upward only misses it" missed search_below_stack
end
begin ./stacks heap thread
ok "control: a search of one stack only misses it" missed search_first_stack
end
if begin ./stacks worker && ! grep -q cannot out; then
  worker_counts()
  {
    build_controls &&
      without skip_kernel_workers fails "$(control_tool hp-apply)" \
        --timeout=0.3 "$pid" first.so
  }
  ok "control: a worker of the kernel would be waited for" worker_counts
fi
end
done_testing
