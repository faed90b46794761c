#!/bin/sh
# The examples, patched at every entry of every site, must not notice; and it is
# noticed when a patch is wrong.
#
# SPDX-License-Identifier: MIT
. "$HP_SRCDIR/testsuite/lib/common.sh"
. "$HP_SRCDIR/testsuite/examples/build.sh"
here=$HP_SRCDIR/testsuite/update-points
examples=$HP_SRCDIR/examples
export LIBRARY="$HP_BUILDDIR/runtime/.libs"
export PKG_CONFIG_PATH="$HP_BUILDDIR/runtime"

# The build that users make of it (HACKING).
build_harness()
{
  # shellcheck disable=SC2086
  $CXX -std=c++20 -O2 -Wall -Wextra -Werror -shared -fPIC "-I$HP_SRCDIR" \
    "-I$HP_SRCDIR/runtime/include" "$here/update_points.cc" \
    "$here/forward.cc" "$here/entry.S" -o update_points.so \
    "-L$LIBRARY" -lhotpatch "-Wl,-rpath,$LIBRARY" -ldl -lpthread
}

# build FOLDER: an example whose functions begin with a call of __fentry__.
build()
{
  (
    CC="$CC -pg -mfentry"
    CXX="$CXX -pg -mfentry"
    build_example "$1"
  )
}

# points COMMAND...: with the harness loaded.
points()
{
  env UPDATE_POINTS_REPORT=report LD_PRELOAD="$PWD/update_points.so" "$@"
}

# updated SITES: all of them were reached, and nothing failed.
updated()
{
  cat report
  grep -q "^update points: $1 sites, $1 reached, .* 0 failures" report &&
    ! grep -q ' 0 updates, 0 busy$' report
}

# A crash is a difference, too.
differs()
{
  ! prints "$@"
}

ok "the harness builds" build_harness
levels="immediate strict quiescent"
for example in hello:1 shapes:4; do
  sites=${example#*:}
  example=${example%:*}
  ok "$example builds" build "$examples/$example"
  for level in $levels; do
    ok "$example, $level: prints what it should" \
      prints "$examples/$example/expected" \
      points env UPDATE_POINTS_LEVEL=$level "$example/$example"
    ok "$example, $level: every site was updated at its entries" \
      updated "$sites"
  done
  ok "control: $example with wrong replacements does not" \
    differs "$examples/$example/expected" \
    points env UPDATE_POINTS_WRONG=1 "$example/$example"
done

# A server that loads a patch object meanwhile, and unloads it.
ok "mended builds" build "$examples/mended"
for level in $levels; do
  ok "mended, $level: answers what it should" \
    answers env UPDATE_POINTS_LEVEL=$level UPDATE_POINTS_REPORT="$workdir/report" \
    LD_PRELOAD="$workdir/update_points.so" ./server
  ok "mended, $level: every site was updated at its entries" updated 4
done
wrong_answers()
{
  ! answers env UPDATE_POINTS_WRONG=1 LD_PRELOAD="$workdir/update_points.so" \
    UPDATE_POINTS_REPORT="$workdir/report" ./server
}
ok "control: mended with wrong replacements does not" wrong_answers

# A service that is patched through its socket meanwhile.  It never ends, but
# only who ends by exit() reports.
cat >leave.c <<'END'
#include <signal.h>
#include <stdlib.h>
static void leave(int signal) { exit(signal != SIGTERM); }
__attribute__((constructor)) static void listen(void) { signal(SIGTERM, leave); }
END
ok "offered builds" build "$examples/offered"
ok "and what lets it end" $CC -shared -fPIC leave.c -o leave.so
ended()
{
  kill "$service" && wait "$service"
}
# What is entered is updated, or busy; the three functions that do the work are
# updated.
entries_updated()
{
  cat report
  grep -q ' 0 failures$' report &&
    ! grep -v ' 0 entries,' report | grep ' 0 updates, 0 busy$' &&
    [ "$(grep -E '(withdrawEi|withdraw_all.*|balanceEv):' report |
      grep -vc ' 0 updates')" -eq 3 ]
}
for level in $levels; do
  rm -f report
  begin_service env UPDATE_POINTS_LEVEL="$level" UPDATE_POINTS_REPORT=report \
    LD_PRELOAD="$PWD/leave.so $PWD/update_points.so" offered/service
  trap 'kill -9 $service 2>/dev/null; remove_workdir' EXIT
  ok "offered, $level: has its fault" says "left: -20"
  ok "offered, $level: is patched" patched_through_its_socket
  ok "offered, $level: and reverted" reverted
  ok "offered, $level: ends" ended
  ok "offered, $level: what was entered was updated" entries_updated
done

# The demo: a server under load, whose operator patches it meanwhile.
shop()
{
  mkdir -p shop && cd shop &&
    points env LD_LIBRARY_PATH="$LIBRARY" HP_LIST="$HP_BUILDDIR/tools/hp-list" \
      CC="$CC -pg -mfentry" LD_PRELOAD="$workdir/update_points.so" \
      UPDATE_POINTS_REPORT="$workdir/report" \
      sh "$examples/shop/demo.sh" 0.5 >log 2>&1
  shop_status=$?
  [ $shop_status -eq 0 ] || cat log
  cd "$workdir" && return $shop_status
}
ok "the shop gives no wrong answer" shop
ok "and both functions were updated at every entry" updated 2

done_testing
