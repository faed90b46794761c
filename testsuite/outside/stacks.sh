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
build()
{
  "$CC" -O2 -pthread "-fplugin=$HP_PLUGIN" "$here/stacks.c" -o stacks &&
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

# A program whose only thread is on a fiber in its own data has none that could be
# borrowed, and is refused for that.
for where in "array" "array thread" "heap" "heap thread" "static thread" \
  "nested" "nested thread"; do
  rm -f leave
  # shellcheck disable=SC2086 # two words
  begin ./stacks $where
  ok "$where: a thread that is inside is waited for" busy
  touch leave
  ok "$where: it is patched when the thread has left" applied
  end
done

for where in loop "loop thread" "loop-on-fiber thread"; do
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
