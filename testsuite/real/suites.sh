#!/bin/sh
# The own tests of real programs have the same results with every function patchable
# as without hotpatch.
#
#   suites.sh [FILE]     writes a page about it as well
#   HP_SUITES="redis"    only these programs
#
# A test that fails in one of the two builds only is repeated in both, and passes if
# it passes once: there are tests that depend on the speed of the machine.
#
# SPDX-License-Identifier: MIT
page=$(realpath "${1:-/dev/null}")
. "$HP_SRCDIR/testsuite/lib/common.sh"
. "$HP_SRCDIR/testsuite/real/fetch.sh"
. "$HP_SRCDIR/testsuite/real/servers.sh"
. "$HP_SRCDIR/testsuite/real/builds.sh"
here=$HP_SRCDIR/testsuite/real

# --- The suites -------------------------------------------------------------------
# suite_PROGRAM, in a directory of its own with the build in `built`: prints lines of
# "passed", "failed" or "skipped", and a test.  lacks_PROGRAM: what is missing for
# it.

lacks_haproxy()
{
  command -v varnishtest >/dev/null || echo "varnishtest (package varnish)"
}
suite_haproxy()
{
  (cd "$built/source" && TMPDIR=$directory HAPROXY_ARGS=-dM \
    VTEST_PROGRAM=varnishtest bash scripts/run-regtests.sh --j 2 --v \
    --vtestparams "-t 60") >out 2>&1
  sed -n -e 's/^  Skip \([^ ]*\.vtc\) .*/skipped \1/p' \
    -e 's/^#  *top  *TEST \([^ ]*\) passed.*/passed \1/p' \
    -e 's/^#  *top  *TEST \([^ ]*\) skipped.*/skipped \1/p' \
    -e 's/^#  *top  *TEST \([^ ]*\) \(FAILED\|TIMED OUT\).*/failed \1/p' out
}

lacks_postgresql()
{
  command -v setpriv >/dev/null || echo setpriv
  command -v perl >/dev/null || echo perl
}
# It refuses to be tested as root, and wants to write into its build.
suite_postgresql()
{
  cp -a "$built/source" source || return
  [ "$(id -u)" -ne 0 ] || chown -R nobody source
  $as_user make -C source check >out 2>&1
  sed -n -e 's/^ *\(test *\)\{0,1\}\([a-z0-9_]*\)  *\.\.\. ok .*/passed \2/p' \
    -e 's/^ *\(test *\)\{0,1\}\([a-z0-9_]*\)  *\.\.\. FAILED .*/failed \2/p' out
}

lacks_cpython()
{
  :
}
# The modules whose results do not depend on the network, the terminal, the user or
# the time, and those that look into the interpreter.
cpython_tests="test_abc test_argparse test_array test_ast test_asyncgen
  test_atexit test_augassign test_base64 test_bigmem test_binascii test_bisect
  test_bool test_buffer test_builtin test_bytes test_call test_capi test_class
  test_cmath test_code test_codeop test_collections test_compile test_complex
  test_contextlib test_copy test_coroutines test_csv test_ctypes test_dataclasses
  test_datetime test_decimal test_deque test_descr test_dict test_dis
  test_doctest test_embed test_enum test_exceptions test_extcall
  test_faulthandler test_file test_float test_format test_fractions test_frame
  test_frozen test_fstring test_functools test_gc test_generators test_genericalias
  test_grammar test_hash test_heapq test_import test_inspect test_int test_io
  test_isinstance test_iter test_itertools test_json test_list test_long
  test_lltrace test_marshal test_math test_memoryio test_memoryview test_named_expressions
  test_opcache test_operator test_ordered_dict test_patma test_peepholer
  test_pickle test_pyexpat test_queue test_random test_range test_re test_richcmp
  test_scope test_set test_signal test_slice test_sort test_statistics
  test_str test_string test_struct test_structseq test_subprocess test_super
  test_sys test_sys_settrace test_syntax test_thread test_threading
  test_threadsignals test_traceback test_tracemalloc test_tuple test_types
  test_typing test_unicode test_unpack test_userdict test_weakref test_with
  test_xml_etree test_yield_from test_zipimport test_zlib"
suite_cpython()
{
  # shellcheck disable=SC2086  # a list
  "$built/source/python" -m test -j 2 --timeout 600 --junit-xml results.xml \
    $cpython_tests >out 2>&1
  python3 "$here/cpython_tests.py" results.xml
}

lacks_redis()
{
  command -v tclsh >/dev/null || echo "tclsh (package tcl)"
}
redis_tests="unit/dump unit/auth unit/protocol unit/keyspace unit/scan unit/info
  unit/type/string unit/type/incr unit/type/list unit/type/list-2 unit/type/set
  unit/type/zset unit/type/hash unit/type/stream unit/type/stream-cgroups
  unit/sort unit/expire unit/other unit/multi unit/quit unit/acl unit/acl-v2
  unit/pubsub unit/slowlog unit/scripting unit/functions unit/introspection
  unit/introspection-2 unit/limits unit/bitops unit/bitfield unit/geo
  unit/hyperloglog unit/lazyfree unit/tracking unit/querybuf integration/aof
  integration/rdb integration/replication integration/redis-cli"
suite_redis()
{
  one_each=$(printf -- '--single %s ' $redis_tests)
  # shellcheck disable=SC2086  # a list
  (cd "$built/source" && tclsh tests/test_helper.tcl --clients 2 \
    $one_each) >out 2>&1
  sed -n -e 's/\x1b\[[0-9;]*m//g' \
    -e 's/^\[ok\]: \(.*[^ ]\) *([0-9]* ms)$/passed \1/p' \
    -e 's/^\[ok\]: \(.*\)$/passed \1/p' -e 's/^\[err\]: \(.*\)$/failed \1/p' \
    -e 's/^\[exception\]: \(.*\)$/failed \1/p' \
    -e 's/^\[skip\]: \(.*\)$/skipped \1/p' out
}

lacks_memcached()
{
  perl -e 'use Test::More' 2>/dev/null || echo "perl (Test::More)"
  echo '#include <event.h>' | "$CC" -E -x c - >/dev/null 2>&1 ||
    echo libevent-dev
}
suite_memcached()
{
  (cd "$built/source" && prove -j 2 t/*.t) >out 2>&1
  sed -n -e 's/^\(t[^ ]*\) \.*  *ok$/passed \1/p' \
    -e 's/^\(t[^ ]*\) \.*  *skipped.*$/skipped \1/p' \
    -e 's/^\(t[^ ]*\)  *(Wstat.*/failed \1/p' out
}

# --- Plain and with sites ---------------------------------------------------------
package_of()
{
  case $1 in
    postgresql) echo postgresql-15 ;;
    cpython) echo python3.11 ;;
    *) echo "$1" ;;
  esac
}
# run PROGRAM KIND FILE: the results, sorted, with one line for each test.
run()
{
  "built_$1" "$2" || return
  directory=$workdir/$1.$2
  rm -rf "$directory" && mkdir -m 777 "$directory" && cd "$directory" &&
    "suite_$1" | sort -u >"$workdir/$3"
  cd "$workdir" && [ -s "$3" ] || {
    tail -n 30 "$directory/out"
    return 1
  }
}
# failing FILE: the tests that did not pass once in it.
failing()
{
  sed -n 's/^failed //p' "$1" | sort >"$1.failed"
  sed -n 's/^passed //p' "$1" | sort >"$1.passed"
  comm -23 "$1.failed" "$1.passed"
}
same_failures()
{
  failing "$1.plain" >"$1.plain.failing"
  failing "$1.sites" >"$1.sites.failing"
  diff "$1.plain.failing" "$1.sites.failing"
}
compare()
{
  run "$1" plain "$1.plain" && run "$1" sites "$1.sites" || return
  same_failures "$1" || {
    echo "once more"
    run "$1" plain more && sort -u more "$1.plain" -o "$1.plain" &&
      run "$1" sites more && sort -u more "$1.sites" -o "$1.sites" &&
      same_failures "$1"
  }
}
# counts PROGRAM KIND
counts()
{
  failing "$1.$2" >failing
  echo "$(wc -l <"$1.$2.passed") passed, $(wc -l <failing) failed," \
    "$(grep -c '^skipped ' "$1.$2") skipped"
}
mkdir -p "$source_cache"
chmod 755 .
: >table
for program in ${HP_SUITES:-haproxy postgresql cpython redis memcached}; do
  lacking=$("lacks_$program")
  if [ -n "$lacking" ]; then
    skip "$program" "not installed: $lacking"
    continue
  fi
  have_source "$(package_of "$program")"
  name="$program $(version_of "$(package_of "$program")")"
  ok "$name: the same failures in its own tests" compare "$program"
  [ -s "$program.sites" ] || continue
  plain=$(counts "$program" plain)
  sites=$(counts "$program" sites)
  echo "# $name: plain: $plain; with sites: $sites"
  sed 's/^/# fails plain: /' "$program.plain.failing"
  sed 's/^/# fails with sites: /' "$program.sites.failing"
  echo "| ${name% *} | ${name#* } | $plain | $sites |" >>table
done
if [ "$page" != /dev/null ] && [ -s table ]; then
  {
    echo "# The own tests of real programs"
    echo
    echo "Made by \`make real-suites\` with $($CC --version | sed 1q)."
    echo "Each program is built plain and with -fplugin-arg-hotpatch-all; of the"
    echo "tests, real/suites.sh says which."
    echo
    echo "| program | version | plain | every function patchable |"
    echo "|---|---|---|---|"
    cat table
  } >"$page"
fi
done_testing
