#!/bin/sh
# CPython, built by its own configure and make: what its tests of gdb find is the
# same with every function patchable as without hotpatch.  They look at parameters
# and local variables of the interpreter's functions at breakpoints and in
# backtraces.
#
# SPDX-License-Identifier: MIT
. "$HP_SRCDIR/testsuite/lib/common.sh"
. "$HP_SRCDIR/testsuite/real/fetch.sh"
. "$HP_SRCDIR/testsuite/real/builds.sh"
here=$HP_SRCDIR/testsuite/real

command -v gdb >/dev/null || skip_all "gdb is not installed"
command -v python3 >/dev/null || skip_all "python3 is not installed"
have_source python3.11

# test_gdb KIND: the results, one a line, in ./KIND.
test_gdb()
{
  "$built/source/python" -m test --junit-xml "$1.xml" test_gdb >"$1.out" 2>&1
  python3 "$here/cpython_tests.py" "$1.xml" | sort >"$1"
}
ok "CPython builds" built_cpython plain
[ -x "$built/source/python" ] || done_testing
some_pass()
{
  test_gdb plain
  tail -n 30 plain.out
  [ "$(grep -c '^passed' plain)" -ge 10 ]
}
ok "its tests of gdb pass" some_pass
ok "CPython builds with every function patchable" built_cpython sites
[ -x "$built/source/python" ] || done_testing
ok "it has sites" test 5000 -lt \
  "$("$HP_BUILDDIR/tools/hp-list" --count "$built/source/python")"
same()
{
  test_gdb sites
  diff plain sites || {
    tail -n 100 sites.out
    return 1
  }
}
ok "its tests of gdb have the same results" same
cut -d' ' -f1 plain | sort | uniq -c | sed 's/^/# /'
done_testing
