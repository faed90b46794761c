#!/bin/sh
# The command line: what --help says, the manual and the completion agree, and
# misuse is exit status 64.
#
# SPDX-License-Identifier: MIT
. "$HP_SRCDIR/testsuite/lib/common.sh"
. "$HP_SRCDIR/testsuite/tools/sites.sh"

manual=$HP_SRCDIR/man/hp-list.1
completion=$HP_SRCDIR/completions/hp-list

# options_in TEXT: the options it mentions, one per line.
options_in()
{
  grep -oE '(^|[^-[:alnum:]])--?[[:alnum:]?][[:alnum:]-]*' "$1" |
    grep -oE -- '--?[[:alnum:]?][[:alnum:]-]*' | sort -u
}
"$hp_list" --help >help.txt
sed -n '/^  *-/p' help.txt | sed 's/  *[A-Z][a-z].*//' >help-options.txt
options_in help-options.txt >in-help
# In the manual an option is Fl: "Fl p , Fl \-pid Ns = Ns Ar PID".
sed -n 's/^[.]It //p' "$manual" | grep '^Fl' | tr ',' '\n' |
  sed 's/^ *Fl *//; s/\\&//; s/^\\-/-/; s/ .*//; s/^/-/' | sort -u >in-manual
sed -n "/choices='-p/,/'\$/p" "$completion" | tr -d "'" |
  sed 's/choices=//; s/=//g' | tr -s ' ' '\n' | grep '^-' | sort -u \
  >in-completion
ok "--help lists options" test "$(wc -l <in-help)" -ge 20
ok "the manual documents the options of --help" diff in-help in-manual
ok "the completion knows the options of --help" diff in-help in-completion

for status in 0 1 2 64; do
  ok "exit status $status is in the manual" grep -qx "[.]It $status" "$manual"
done

is_version()
{
  "$hp_list" --version >actual && cat actual &&
    grep -qE '^hp-list \(hotpatch\) [0-9]+\.[0-9]+\.[0-9]+$' actual
}
ok "--version" is_version
ok "--usage" sh -c "'$hp_list' --usage | grep -q 'hp-list'"

ok "neither file nor process" fails 64 "nothing to list" "$hp_list"
ok "file and process" fails 64 "not both" "$hp_list" --pid 1 file
ok "an unknown option" fails 64 "unrecognized option" "$hp_list" --frobnicate
ok "an unknown sort key" \
  fails 64 "'colour' is not address, name, size or file" \
  "$hp_list" --sort=colour file
ok "an unknown time for colour" fails 64 "'maybe' is not auto" \
  "$hp_list" --color=maybe file
for pid in 0 -1 x 12x 99999999999999999999 ''; do
  ok "a process id '$pid'" fails 64 "'$pid' is not a process id" \
    "$hp_list" "--pid=$pid"
done
ok "two views" fails 64 "exclude each other" "$hp_list" --json --long file

assemble sites.s
link server -static
escape=$(printf '\033')
coloured()
{
  grep -q "$escape\[" "$1"
}
on_terminal()
{
  script -qec "$1" typescript >actual 2>&1
}
"$hp_list" server >actual
ok "no colour in a pipe or file" not coloured actual
"$hp_list" --color=always server >actual
ok "--color=always" coloured actual
if command -v script >/dev/null; then
  TERM=xterm
  export TERM
  unset NO_COLOR
  on_terminal "'$hp_list' server"
  ok "colour on a terminal" coloured actual
  on_terminal "NO_COLOR=1 '$hp_list' server"
  ok "NO_COLOR" not coloured actual
  on_terminal "TERM=dumb '$hp_list' server"
  ok "a dumb terminal" not coloured actual
  on_terminal "'$hp_list' --color=never server"
  ok "--color=never" not coloured actual
else
  skip "colour on a terminal" "script(1) is not installed (bsdutils)"
fi

ok "a full disk is trouble" sh -c \
  "'$hp_list' server >/dev/full 2>errors; [ \$? -eq 2 ] &&
    grep -q 'No space left' errors"

# complete_to EXPECTED WORD...: the words of the command line, the last one is
# to be completed; bash splits at "=".
complete_to()
{
  bash -c '
    expected=$1
    source "$2"
    compopt() { :; }
    shift 2
    COMP_WORDS=(hp-list "$@")
    COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
    _hp_list
    echo "got: ${COMPREPLY[*]}"
    [[ "${COMPREPLY[*]}" == "$expected" ]]' bash "$1" "$completion" "$2" \
    ${3+"$3"} ${4+"$4"}
}
if command -v bash >/dev/null; then
  ok "completes an option" complete_to '--demangle' --dem
  ok "completes a sort key" complete_to 'name' --sort = n
  ok "completes all sort keys" complete_to 'address name size file' --sort =
  ok "completes a file" complete_to 'server' ser
else
  skip "completion" "bash is not installed"
fi

done_testing
