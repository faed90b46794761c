#!/bin/sh
# The command lines of hp-apply, hp-revert, hp-status and hp-watch: --help, the
# manual and the completion agree, and misuse is exit status 64.
#
# SPDX-License-Identifier: MIT
. "$HP_SRCDIR/testsuite/lib/common.sh"
tools=$HP_BUILDDIR/tools

# words_in: the options in a text, one per line, without those of every program.
words_in()
{
  grep -oE '(^|[^-[:alnum:]])--?[[:alnum:]][[:alnum:]-]*' |
    grep -oE -- '--?[[:alnum:]][[:alnum:]-]*' |
    grep -vxE -- '-V|--version|--help|--usage' | sort -u
}

# agree PROGRAM PAGE: the options of --help, the manual and the completion.
agree()
{
  "$tools/$1" --help | sed -n '/^  *-/p' | sed 's/  *[A-Z][a-z].*//' |
    words_in >in-help
  sed -n 's/^[.]It \(Fl.*\)/\1/p' "$HP_SRCDIR/man/$2.1" | tr ',' '\n' |
    sed 's/^ *Fl *//; s/\\&//; s/\\-/-/g; s/ .*//; s/^/-/' | words_in >in-manual
  # Without the patterns of its case, and the options of bash's own commands.
  sed '/^#/d; /^complete/d; s/compopt.*//; /mapfile/d
    s/\$(cd[^)]*)//; s/^ *-.*).*//' \
    "$HP_SRCDIR/completions/$2" | words_in >in-completion
  [ "$(wc -l <in-help)" -ge 5 ] && diff in-help in-manual &&
    diff in-help in-completion
}
ok "hp-apply: --help, the manual and the completion agree" \
  agree hp-apply hp-apply
ok "hp-revert: so do they" agree hp-revert hp-apply
ok "hp-status: so do they" agree hp-status hp-status
ok "hp-watch: so do they" agree hp-watch hp-watch

# misuse WORDS COMMAND...
misuse()
{
  gives 64 "$@"
}
for tool in hp-apply hp-revert; do
  ok "$tool: no process" misuse 'no PID' "$tools/$tool"
  ok "$tool: no patch" misuse 'no patch is named' "$tools/$tool" 1
  ok "$tool: a process that is no number" misuse 'not a process id' \
    "$tools/$tool" server fix
  ok "$tool: a level that is none" misuse "'never' is not quiescent" \
    "$tools/$tool" --level=never 1 fix
  ok "$tool: a time that is none" misuse 'not a number of seconds' \
    "$tools/$tool" --timeout=soon 1 fix
done
ok "hp-status: a process that is no number" misuse 'not a process id' \
  "$tools/hp-status" server
ok "hp-watch: no directory" misuse 'no directory' "$tools/hp-watch"
ok "hp-watch: an interval that is none" misuse '--interval: .* number' \
  "$tools/hp-watch" --interval=-1 .
for tool in hp-apply hp-revert hp-status hp-watch; do
  ok "$tool --version" \
    sh -c "'$tools/$tool' --version | grep -q '^$tool (hotpatch) [0-9.]*$'"
done
done_testing
