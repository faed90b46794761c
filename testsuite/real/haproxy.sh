#!/bin/sh
# HAProxy, built by its own make with every function patchable and started as
# Debian's package configures it, a master and a worker that has another user and
# a root directory with nothing in it, gets a fix of 2023 by hp-apply while wrk
# asks it; it knows nothing of hotpatch.  After a reload there is a new worker,
# and the old one goes on until its last connection ends.
#
# SPDX-License-Identifier: MIT
. "$HP_SRCDIR/testsuite/lib/common.sh"
. "$HP_SRCDIR/testsuite/real/fetch.sh"
. "$HP_SRCDIR/testsuite/real/servers.sh"
here=$HP_SRCDIR/testsuite/real

command -v wrk >/dev/null || skip_all "wrk is not installed"
command -v curl >/dev/null || skip_all "curl is not installed"
command -v python3 >/dev/null || skip_all "python3 is not installed"
fetch_source haproxy

# make_haproxy FLAGS TARGET: -O1 and without debug information, since it has to be
# built for each run of the tests.
make_haproxy()
{
  make -s -j 2 -C source TARGET=linux-glibc CC="$CC" DEBUG_CFLAGS= \
    CPU_CFLAGS="-O1 -fplugin=$HP_PLUGIN $1" "$2" >make.log 2>&1 || {
    tail -n 20 make.log
    return 1
  }
}
build_haproxy()
{
  make_haproxy -fplugin-arg-hotpatch-all haproxy &&
    cp "$here/haproxy_fix.c" source/src/hotpatch_fix.c &&
    make_haproxy "-fPIC -I$HP_SRCDIR/runtime/include" src/hotpatch_fix.o &&
    "$CC" -shared source/src/hotpatch_fix.o -o fix.so
}
ok "HAProxy builds with every function patchable" build_haproxy
haproxy=$workdir/source/haproxy
[ -x "$haproxy" ] && [ -e fix.so ] || done_testing

port=$(free_port)
mkdir -m 755 jail
if [ "$(id -u)" -eq 0 ]; then
  confinement="chroot $workdir/jail
  user nobody
  group $(id -gn nobody)"
else
  confinement=
fi
cat >haproxy.cfg <<END
global
  $confinement
  nbthread 2
  stats socket $workdir/admin.sock mode 600 level admin expose-fd listeners
defaults
  mode http
  timeout connect 5s
  timeout client 100s
  timeout server 100s
frontend hello
  bind 127.0.0.1:$port
  http-request return status 200 content-type text/plain string "Hello World!\n"
END
"$haproxy" -W -f haproxy.cfg >errors 2>&1 &
pid=$!
load=
# shellcheck disable=SC2086  # no load yet: no argument
trap 'touch stop reloaded; kill "$pid" $load 2>/dev/null; remove_workdir' EXIT
# workers: the processes that the master has forked.
workers()
{
  pgrep -P "$pid"
}
# The master executes itself once more when its worker runs, and says so in its
# environment; a patch would end with that.
wait_for_master()
{
  until grep -q HAPROXY_MWORKER_WAIT_ONLY "/proc/$pid/environ"; do
    kill -0 "$pid" && sleep 0.1 || return
  done 2>/dev/null
}
wait_for_master
until_answers curl -s "http://127.0.0.1:$port/" >page
in_jail()
{
  workers >numbers
  cat numbers errors
  [ "$(wc -l <numbers)" -eq 1 ] && worker=$(cat numbers) &&
    [ "$(readlink "/proc/$worker/root")" = "$workdir/jail" ] &&
    grep "^Uid:.$(id -u nobody)" "/proc/$worker/status"
}
if [ -n "$confinement" ]; then
  ok "the worker has another root directory and another user" in_jail
else
  skip "the worker has another root directory and another user" \
    "only root may change them"
fi

# says STATUS: so a request with an empty Content-Length is answered.
says()
{
  for _ in 1 2 3 4 5 6 7 8 9 10; do
    curl -s -o page -w '%{http_code}\n' -H 'Content-Length;' \
      "http://127.0.0.1:$port/"
  done >answers
  sort answers | uniq -c
  cat errors
  [ "$(grep -c "^$1\$" answers)" -eq 10 ]
}
ok "before: an empty Content-Length is taken" says 200

wrk -t 2 -c 16 -d 600 -H 'Content-Length: 0' "http://127.0.0.1:$port/" \
  >wrk.out 2>&1 &
load=$!
sleep 1
patch_is empty-length --all-processes-of "$haproxy"
# all_have COUNT: so many processes, and each has the patch.
all_have()
{
  "$tools/hp-status" --all-processes-of "$haproxy" --patch empty-length >shown
  status=$?
  cat shown
  [ $status -eq 0 ] && [ "$(grep -c ' applied  *empty-length' shown)" -eq "$1" ]
}
ok "hp-apply under load, master and worker" apply
ok "an empty Content-Length is refused" says 400
ok "hp-status: both are patched" all_have 2
ok "hp-revert under load" revert
ok "an empty Content-Length is taken again" says 200
ok "three times more" again 3
ok "it stays applied" apply
ok "no request failed" wrk_failed_nothing wrk.out

# A reload, as `systemctl reload haproxy` does it.  The load has a connection for
# each request now: HAProxy closes those that are idle when a worker ends.
python3 "$here/haproxy_across.py" "$port" >across &
across=$!
python3 "$here/http_load.py" "$port" >load &
load=$!
old_worker=$(workers)
until [ -e half ] || ! kill -0 "$across" 2>/dev/null; do
  sleep 0.1
done
reload()
{
  kill -USR2 "$pid" || return
  until [ "$(workers | wc -l)" -eq 2 ]; do
    kill -0 "$pid" && sleep 0.1 || return
  done
  wait_for_master && until_says_400_no_more
}
until_says_400_no_more()
{
  tries=600
  until says 200; do
    tries=$((tries - 1))
    [ $tries -gt 0 ] && sleep 0.1 || return
  done
}
ok "a reload while patched: the new worker is as it was built" reload
all_lack_but_one()
{
  not all_have 3 && grep "^$old_worker .* applied  *empty-length" shown &&
    [ "$(grep -c ' lacks  *empty-length' shown)" -eq 2 ]
}
ok "hp-status: only the old worker is patched" all_lack_but_one
ok "hp-apply under load, master and both workers" apply
ok "hp-status: all three are patched" all_have 3
ok "the new worker is patched" says 400
answered()
{
  touch reloaded
  wait "$across"
  cat across
  grep -q '^HTTP/1.1 400' across
}
ok "the old worker has answered with the patch until its end" answered
ok "hp-revert under load" revert
ok "the old code answers" says 200
ok "no request failed across the reload" http_load_failed_nothing
sed 's/^/# /' all_pauses
grep -E 'requests in|Latency' wrk.out | sed 's/^/# /'
ends_when_told()
{
  kill -USR1 "$pid"
  wait "$pid"
  status=$?
  cat errors
  [ $status -eq 0 ] && ! grep -iE 'alert|killed|signal 11' errors
}
ok "HAProxy ends when told to, and complained of nothing" ends_when_told
done_testing
