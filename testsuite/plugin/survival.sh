# What the tests of hazards share: a program that patches itself has to do what
# it should with the plugin, and to go wrong with a countermeasure taken out.
#
# SPDX-License-Identifier: MIT
# shellcheck shell=sh
. "$HP_SRCDIR/testsuite/plugin/sites.sh"

# shellcheck disable=SC2034 # for the tests
without=-fplugin-arg-hotpatch-without
cp "$HP_SRCDIR/testsuite/plugin/raw_patch.h" .

# Programs crash here on purpose.
# shellcheck disable=SC3045 # every shell at hand knows it
ulimit -c 0

# survives FILE OPTION...: the patched program does what it should.
survives()
{
  survives_file=$1
  shift
  case $survives_file in
    *.cc) cxx -w "$survives_file" -o program "$@" ;;
    *) cc -w "$survives_file" -o program "$@" ;;
  esac || return 125
  ./program
}

# breaks FILE OPTION...: it compiles, and the patched program goes wrong.
breaks()
{
  survives "$@" 2>breaks.err
  breaks_status=$?
  cat breaks.err
  case $breaks_status in
    0 | 98 | 99 | 125) return 1 ;;
  esac
}

# knows OPTION...: the compiler at hand takes them.
knows()
{
  # shellcheck disable=SC2086 # CC may be several words
  echo 'int main(void) { return 0; }' |
    $CC -x c "$@" -o /dev/null - 2>/dev/null
}

# The same with inlining allowed.  Where it is not inlined, f must be as closed
# as without the option: it is chosen by name, and `noinline` takes the place of
# the attribute in the source.
opened()
{
  opened_file=open_$1
  sed 's/\bhotpatch\b/noinline/
    s/^static int f(/__attribute__((noinline)) &/' "$1" >"$opened_file"
  opened_options="-fplugin-arg-hotpatch-inline
    -fplugin-arg-hotpatch-match=f -fplugin-arg-hotpatch-match=leaf::f
    -fplugin-arg-hotpatch-match=fib"
}

survives_open()
{
  opened "$1"
  shift
  # shellcheck disable=SC2086 # a list
  survives "$opened_file" $opened_options "$@"
}

# With inlining allowed, and nothing closed.
breaks_open()
{
  opened "$1"
  shift
  # shellcheck disable=SC2086 # a list
  breaks "$opened_file" $opened_options "$without=closed" "$@"
}
