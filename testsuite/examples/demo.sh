#!/bin/sh
# The demo, short: a server under load is patched and reverted, no answer is
# wrong, and the load's report shows that the answers changed and changed back.
#
# SPDX-License-Identifier: MIT
. "$HP_SRCDIR/testsuite/lib/common.sh"
. "$HP_SRCDIR/testsuite/examples/build.sh"
export PKG_CONFIG_PATH="$HP_BUILDDIR/runtime"
export LD_LIBRARY_PATH="$HP_BUILDDIR/runtime/.libs"
export HP_LIST="$HP_BUILDDIR/tools/hp-list"

run_demo()
{
  mkdir shop && (cd shop && sh "$HP_SRCDIR/examples/shop/demo.sh" 1.2) >out
  demo_status=$?
  cat out
  return $demo_status
}
ok "the demo runs without a wrong answer" run_demo

# The report's lines are "TIME s RATE OLD NEW ERRORS": there are some with old
# answers only, then some with new ones only, then old ones again.
behaviour_changes()
{
  awk '$2 == "s" && NF == 6 {
         now = $4 > 0 && $5 == 0 ? "old" : $4 == 0 && $5 > 0 ? "new" : ""
         if (now != "" && now != last) { seen = seen " " now; last = now }
       }
       END { print seen; exit seen != " old new old" }' out
}
ok "the answers change and change back" behaviour_changes
ok "hp-list shows the site patched" grep -q 'with_reduced_tax' out

done_testing
