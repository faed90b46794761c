# A program with a baseline, changed sources, and the patch that hp-patch makes
# of them, applied to the program while it runs.
#
# SPDX-License-Identifier: MIT
# shellcheck shell=sh disable=SC2034,SC2154 # used by the tests; set in common.sh
. "$HP_SRCDIR/testsuite/lib/common.sh"
tools=$HP_BUILDDIR/tools
site_flags="-O2 -fplugin=$HP_PLUGIN -fplugin-arg-hotpatch-all"
baseline_flags="$site_flags -fplugin-arg-hotpatch-baseline"
inline_flags="$baseline_flags -fplugin-arg-hotpatch-inline"

pid=
trap 'kill $pid 2>/dev/null; remove_workdir' EXIT

# start PROGRAM...: prints a line for each line it reads from ./ask.
start()
{
  [ -z "$pid" ] || { kill $pid && wait $pid; } 2>/dev/null
  rm -f ask
  : >answers  # the process creates it late
  mkfifo ask
  "$@" <ask >answers &
  pid=$!
  exec 9>ask
}

# answer: the next line that the program prints.
answer()
{
  lines=$(wc -l <answers)
  echo go >&9
  tries=0
  while [ "$(wc -l <answers)" = "$lines" ]; do
    tries=$((tries + 1))
    [ $tries -lt 500 ] && kill -0 $pid || return
    sleep 0.02
  done
  tail -n 1 answers
}

# answers_are TEXT
answers_are()
{
  got=$(answer)
  [ "$got" = "$1" ] || {
    echo "\"$got\" instead of \"$1\""
    return 1
  }
}

# make_patch FILE OPTION...: of what has changed in this directory, for ./program.
make_patch()
{
  patch_file=$1
  shift
  "$tools/hp-patch" --against program -o "$patch_file" --name fix "$@" \
    >report 2>&1
  made_status=$?
  cat report
  return $made_status
}
# misses NAME SED-SCRIPT COUNTERMEASURE ANSWER: without the countermeasure the
# change of program.$ending does not give ANSWER.
misses()
{
  cp -p program.$ending before.$ending
  sed -i "$2" program.$ending
  rm -f fix.so
  make_patch fix.so -- make MORE=-fplugin-arg-hotpatch-without=$3 >without.log 2>&1
  start ./program
  answer >/dev/null
  applied >>without.log 2>&1
  ok "control: $1" not answers_are "$4"
  cp -p before.$ending program.$ending
}
applied() { "$tools/hp-apply" -t 20 $pid fix.so; }
reverted() { "$tools/hp-revert" -t 20 $pid fix; }

# works NAME SED-SCRIPT ANSWER: after this change of program.$ending the patch
# gives ANSWER as the second answer of a process.
works()
{
  cp -p program.$ending before.$ending
  sed -i "$2" program.$ending
  if cmp -s program.$ending before.$ending; then
    ok "$1: the change is one" false
  else
    rm -f fix.so
    ok "$1: a patch is made" make_patch fix.so -- make
    start ./program
    answer >/dev/null
    ok "$1: the patch is applied" applied
    ok "$1: the new code runs, with the program's data" answers_are "$3"
  fi
  cp -p before.$ending program.$ending
  touch -d '2001-01-01' program.$ending
}

# refused NAME WORDS SED-SCRIPT: this change of program.$ending gives no patch,
# and these words with file and line.
refused()
{
  cp program.$ending before.$ending
  sed -i "$3" program.$ending
  if cmp -s program.$ending before.$ending; then
    ok "$1: the change is one" false
  else
    rm -f fix.so
    ok "$1 is refused" gives 1 "$2" make_patch fix.so -- make
    ok "$1: nothing is made" not test -e fix.so
  fi
  cp -p before.$ending program.$ending
  touch -d '2001-01-01' program.$ending
}
