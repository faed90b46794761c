#!/bin/sh
# redis, built by its own make with every function patchable, has a static
# function replaced by hp-apply while redis-benchmark asks it; it knows nothing
# of hotpatch.
#
# SPDX-License-Identifier: MIT
. "$HP_SRCDIR/testsuite/lib/common.sh"
. "$HP_SRCDIR/testsuite/real/fetch.sh"
. "$HP_SRCDIR/testsuite/real/servers.sh"
here=$HP_SRCDIR/testsuite/real

fetch_source redis

build_redis()
{
  make -s -j 2 -C source/src CC="$CC" MALLOC=libc BUILD_TLS=no USE_SYSTEMD=no \
    CFLAGS="-fplugin=$HP_PLUGIN -fplugin-arg-hotpatch-all" \
    redis-server redis-cli redis-benchmark >make.log 2>&1 || {
    tail -n 20 make.log
    return 1
  }
  cc -g -O2 -fPIC -shared -Isource/src -Isource/deps/lua/src \
    -Isource/deps/hiredis -Isource/deps/hdr_histogram "$here/redis_fix.c" \
    -o fix.so
}
ok "redis builds with every function patchable" build_redis
server=$workdir/source/src/redis-server
[ -x "$server" ] && [ -e fix.so ] || done_testing

"$server" --port 0 --unixsocket "$workdir/socket" --save '' --io-threads 2 \
  >errors 2>&1 &
pid=$!
load=
# shellcheck disable=SC2086  # no load yet: no argument
trap 'touch stop; kill "$pid" $load 2>/dev/null; remove_workdir' EXIT
ask()
{
  source/src/redis-cli -s socket "$@"
}
until_answers ask PING >/dev/null 2>&1

# appends ANSWER: what is said to 100 bytes more than one.
appends()
{
  ask SET string 1 >reply &&
    ask APPEND string "$(printf '%0100d' 0)" >reply
  cat reply errors
  grep -q "$1" reply
}
ok "before: long strings are taken" appends '^101$'

# One run after another, each of which ends at once, and fails, on an error.
while [ ! -e stop ]; do
  source/src/redis-benchmark -q -s socket -c 16 -n 5000 -d 32 \
    -t set,get,incr,lpush,mset 2>&1 || echo "Error: it failed"
done >load &
load=$!
sleep 1
patch_is short-strings "$pid"
ok "hp-apply under load" apply
ok "the new code answers" appends 'strings are short today'
ok "hp-status says so" "$tools/hp-status" --patch=short-strings "$pid"
ok "hp-revert under load" revert
ok "the old code answers" appends '^101$'
ok "five times more" again 5 sleep 0.2
no_request_failed()
{
  touch stop
  wait "$load"
  tr '\r' '\n' <load | tail -n 20
  grep -q 'requests per second' load && ! grep -iE 'error|failed' load
}
ok "no request failed" no_request_failed
sed 's/^/# /' all_pauses
tr '\r' '\n' <load | grep 'requests per second' | tail -n 5 | sed 's/^/# /'
ends_when_told()
{
  ask SHUTDOWN NOSAVE
  wait "$pid" && cat errors && ! grep -iE 'crash|bug report' errors
}
ok "redis ends when told to" ends_when_told
done_testing
