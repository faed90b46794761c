#!/bin/sh
# The server among the examples of cpp-httplib, C++ with virtual functions,
# templates and exceptions, has one of each replaced by hp-apply while it answers
# requests; it knows nothing of hotpatch.
#
# SPDX-License-Identifier: MIT
. "$HP_SRCDIR/testsuite/lib/common.sh"
. "$HP_SRCDIR/testsuite/real/fetch.sh"
. "$HP_SRCDIR/testsuite/real/servers.sh"
here=$HP_SRCDIR/testsuite/real

command -v curl >/dev/null || skip_all "curl is not installed"
command -v python3 >/dev/null || skip_all "python3 is not installed"
fetch_source cpp-httplib

port=$(free_port)

# assembler_name PATTERN: the one symbol of the server that matches.
assembler_name()
{
  nm server | sed -n "s/.* [TtWw] \\($1\\)\$/\\1/p" | head -n 1
}
build_server()
{
  sed "s/8080/$port/" source/example/server.cc >server.cc
  cxx -g -O2 -std=c++17 -pthread -Isource server.cc -o server \
    -fplugin-arg-hotpatch-all || return
  dump=$(assembler_name '_Z12dump_headers.*')
  redirect=$(assembler_name '_ZN7httplib8Response12set_redirectE.*')
  content=$(assembler_name '_ZN7httplib6detail12read_contentINS_7RequestEEEb.*')
  cxx -g -O2 -std=c++17 -fPIC -shared -Isource "$here/httplib_fix.cc" \
    "-DSET_REDIRECT=\"$redirect\"" "-DDUMP_HEADERS=\"$dump\"" \
    "-DREAD_CONTENT=\"$content\"" -o fix.so
}
ok "the server builds with every function patchable" build_server
[ -x server ] && [ -e fix.so ] || done_testing

./server >log 2>&1 &
pid=$!
load=
# shellcheck disable=SC2086  # no load yet: no argument
trap 'touch stop; kill "$pid" $load 2>/dev/null; remove_workdir' EXIT
address=http://localhost:$port
until_answers curl -s "$address/hi" >page

# says STATUS WORDS OPTIONS...
says()
{
  status=$1
  words=$2
  shift 2
  curl -s -i "$@" >page
  cat page
  grep -q "^HTTP/1.1 $status" page && grep -qi "$words" page
}
silent()
{
  says 200 'host: ' "$address/dump" && ! grep written page
}
ok "before: headers are shown" silent
ok "before: it redirects" says 302 'location: /hi' "$address/"
ok "before: content is read" says 404 '' -d content "$address/hi"

python3 "$here/http_load.py" "$port" >load &
load=$!
sleep 0.5
patch_is httplib-fix "$pid"
ok "hp-apply under load" apply
ok "the virtual function counts" says 200 'written: [1-9]' "$address/dump"
ok "an exception of the patch is caught in the program" \
  says 500 'exception_what: the patch does not go to /hi' "$address/"
ok "the template's instance refuses, and knows the program's types" \
  says 413 '' -d content "$address/hi"
ok "hp-revert under load" revert
ok "the old code answers" silent
ok "the old code redirects" says 302 'location: /hi' "$address/"
ok "the old code reads content" says 404 '' -d content "$address/hi"
ok "five times more" again 5
ok "no request failed" http_load_failed_nothing
sed 's/^/# /' all_pauses load
ends_when_told()
{
  curl -s "$address/stop"
  wait "$pid"
}
ok "the server ends when told to" ends_when_told
done_testing
