# What the shell tests share: a private directory, TAP output, compilation.
# A test sources this file, calls the functions below and ends with `done_testing`.
#
# SPDX-License-Identifier: MIT

set -u
: "${HP_SRCDIR:?run the tests with make check}"
: "${HP_BUILDDIR:?}" "${HP_PLUGIN:?}"
: "${CC:=gcc}" "${CXX:=g++}"

tap_count=0
tap_failed=0
tap_passed=no
workdir=$(mktemp -d "${TMPDIR:-/tmp}/hotpatch-test.XXXXXX") || exit 99
trap remove_workdir EXIT
cd "$workdir" || exit 99

# remove_workdir: what a test's own trap calls as well.  HP_KEEP=1 keeps the
# directory of a test that failed or did not reach its end.
remove_workdir()
{
  if [ -n "${HP_KEEP:-}" ] && [ "$tap_passed" = no ]; then
    echo "# HP_KEEP: the files of this test are in $workdir"
    return
  fi
  cd / && rm -rf "$workdir"
}

# ok NAME COMMAND...: one test, passed when the command succeeds.  What the
# command prints is shown when it fails.
ok()
{
  tap_name=$1
  shift
  tap_count=$((tap_count + 1))
  if "$@" >tap.out 2>&1; then
    echo "ok $tap_count - $tap_name"
  else
    tap_failed=$((tap_failed + 1))
    sed 's/^/# /' tap.out
    echo "not ok $tap_count - $tap_name"
  fi
}

# not COMMAND...: succeeds when the command fails by its own decision (a
# crash by a signal is no such decision).
not()
{
  "$@"
  not_status=$?
  [ "$not_status" -ne 0 ] && [ "$not_status" -lt 128 ]
}

# equals NAME EXPECTED FOUND: one test, passed when both texts are the same.
equals()
{
  ok "$1" same_text "$2" "$3"
}
same_text()
{
  [ "$1" = "$2" ] || {
    echo "'$2' instead of '$1'"
    return 1
  }
}

# gives EXIT WORDS COMMAND...: the command ends with this exit status, and these
# words (a pattern of grep) are in what it prints, which is then in ./output.
gives()
{
  gives_exit=$1
  gives_words=$2
  shift 2
  "$@" >output 2>&1
  gives_status=$?
  cat output
  echo "exit status $gives_status, and $gives_exit is expected"
  [ "$gives_status" -eq "$gives_exit" ] && grep -q -e "$gives_words" output
}

# begin_with PROGRAM...: a program that speaks TAP itself, before all others.
begin_with()
{
  "$@" >told
  grep -v '^1\.\.' told
  tap_count=$(grep -cE '^(not )?ok ' told)
  tap_failed=$(grep -c '^not ok ' told)
  ok "the program comes to its end" grep -q '^1\.\.' told
}

# skip NAME REASON
skip()
{
  tap_count=$((tap_count + 1))
  echo "ok $tap_count - $1 # SKIP $2"
}

# skip_all REASON: nothing in this file can run here.
skip_all()
{
  echo "1..0 # SKIP $1"
  tap_passed=yes
  exit 0
}

done_testing()
{
  echo "1..$tap_count"
  [ "$tap_failed" -eq 0 ] && tap_passed=yes
  [ "$tap_passed" = yes ]
  exit
}

# for_others FILE...: copies them into ./for_others.  Other users may not be able
# to enter the directory that hotpatch was built in.
for_others()
{
  chmod 755 "$workdir" && mkdir -p for_others && cp "$@" for_others/ &&
    chmod -R a+rX for_others
}

# cc / cxx ARGS...: the compiler with the plugin and this tree's headers.
# CC and CXX may hold options, too ("g++ -std=c++20").
cc()
{
  # shellcheck disable=SC2086
  $CC "-fplugin=$HP_PLUGIN" "-I$HP_SRCDIR/runtime/include" "$@"
}

cxx()
{
  # shellcheck disable=SC2086
  $CXX "-fplugin=$HP_PLUGIN" "-I$HP_SRCDIR/runtime/include" "$@"
}
