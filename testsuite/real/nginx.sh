#!/bin/sh
# nginx, built by its own configure and make with every function patchable, has
# a static function replaced in all its processes by hp-apply while wrk asks it
# for files; it knows nothing of hotpatch.
#
# SPDX-License-Identifier: MIT
. "$HP_SRCDIR/testsuite/lib/common.sh"
. "$HP_SRCDIR/testsuite/real/fetch.sh"
. "$HP_SRCDIR/testsuite/real/servers.sh"
here=$HP_SRCDIR/testsuite/real

command -v wrk >/dev/null || skip_all "wrk is not installed"
command -v curl >/dev/null || skip_all "curl is not installed"
fetch_source nginx

build_nginx()
{
  (cd source && ./configure --prefix="$workdir" --with-threads \
    --without-http_rewrite_module --without-http_gzip_module \
    --with-cc="$CC" --with-cc-opt="-g -O2 -fplugin=$HP_PLUGIN \
      -fplugin-arg-hotpatch-all" >configure.log &&
    make -s -j 2 >make.log 2>&1) || {
    tail -n 20 source/configure.log source/make.log
    return 1
  }
  cc -g -O2 -fPIC -shared -Isource/src/core -Isource/src/event \
    -Isource/src/os/unix -Isource/src/http -Isource/src/http/modules \
    -Isource/objs "$here/nginx_fix.c" -o fix.so
}
ok "nginx builds with every function patchable" build_nginx
nginx=$workdir/source/objs/nginx
[ -x "$nginx" ] && [ -e fix.so ] || done_testing

mkdir -p conf logs www
echo hello >www/index.html
chmod 755 .
cat >conf/nginx.conf <<END
worker_processes 3;
daemon off;
user $(id -un);
events { worker_connections 256; }
http {
  access_log off;
  server {
    listen unix:$workdir/socket;
    listen 127.0.0.1:0;
    root $workdir/www;
  }
}
END
port=$(free_port)
sed -i "s/127[.]0[.]0[.]1:0/127.0.0.1:$port/" conf/nginx.conf
"$nginx" -c "$workdir/conf/nginx.conf" 2>errors &
pid=$!
load=
# shellcheck disable=SC2086  # no load yet: no argument
trap 'kill "$pid" $load 2>/dev/null; remove_workdir' EXIT
until_answers curl -s --unix-socket socket http://localhost/ >/dev/null

# says COUNT: so many of twenty answers were made by the new code.
says()
{
  for _ in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
    curl -s -D - --unix-socket socket http://localhost/index.html
  done >answers
  cat errors
  [ "$(grep -c 'X-Patched: yes' answers)" -eq "$1" ] &&
    [ "$(grep -c '^hello' answers)" -eq 20 ]
}
ok "before: the old code answers" says 0

wrk -t 2 -c 16 -d 600 "http://127.0.0.1:$port/index.html" >load 2>&1 &
load=$!
sleep 1
patch_is say-so --all-processes-of "$nginx"
ok "hp-apply under load, master and workers" apply
ok "all workers answer with the new code" says 20
ok "hp-status: all are patched" \
  "$tools/hp-status" --all-processes-of "$nginx" --patch say-so
ok "hp-revert under load" revert
ok "all workers answer with the old code" says 0
ok "three times more" again 3

ok "no request failed" wrk_failed_nothing load
sed 's/^/# /' all_pauses
grep -E 'requests in|Latency' load | sed 's/^/# /'
ends_when_told()
{
  kill "$pid" && wait "$pid" && ! grep -E 'alert|crit|emerg' errors logs/error.log
}
ok "nginx ends when told to, and complained of nothing" ends_when_told
done_testing
