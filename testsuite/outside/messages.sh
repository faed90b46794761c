#!/bin/sh
# Names that a process, its files or a patch chose for themselves are printed as
# they are, but do nothing to the terminal of who reads them.
#
# SPDX-License-Identifier: MIT
. "$HP_SRCDIR/testsuite/lib/common.sh"
. "$HP_SRCDIR/testsuite/outside/start.sh"
hp_status=$HP_BUILDDIR/tools/hp-status

ok "target and patches are compiled" build_all
[ -e fix.so ] || done_testing
escape=$(printf '\033')
evil=evil${escape}[7m
shown='evil\\x1b\[7m'
cp target "$evil"
sed 's/HP_PATCH("fix"/HP_PATCH("fix\\033[7m"/' "$here/fix.c" >evil.c
cc -O2 -fPIC -shared evil.c -o "$evil.so"
sed 's/"first"/"missing"/' "$here/fix.c" >missing.c
cc -O2 -fPIC -shared missing.c -o "$evil-missing.so"

# tame WORDS COMMAND...: prints these, and nothing for a terminal.
tame()
{
  words=$1
  shift
  "$@" >output 2>&1
  cat -v output
  grep -q "$words" output && ! grep -q "$escape" output
}
begin "./$evil" alone
ok "a dry run's report" tame " in .*$shown" "$hp_apply" -n "$pid" fix.so
ok "what -v tells" tame 'fix\\x1b.* checks passed' "$hp_apply" -nv "$pid" \
  "$evil.so"
ok "what was applied" tame 'fix\\x1b.* is applied' "$hp_apply" "$pid" "$evil.so"
ok "the table of patches" tame 'fix\\x1b' "$hp_status" "$pid"
ok "what was reverted" tame 'fix\\x1b.* is reverted' "$hp_revert" "$pid" \
  "fix${escape}[7m"
refused()
{
  tame "missing" "$hp_apply" "$pid" "$evil-missing.so" &&
    grep 'no patch site' output
}
ok "what is refused" refused
ok "a file that is not there" tame "$shown-none" "$hp_apply" "$pid" "$evil-none"
ok "a program that no process executes" tame "no process executes.*$shown" \
  "$hp_revert" "--all-processes-of=./$evil-none" fix
end
done_testing
