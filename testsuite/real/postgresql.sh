#!/bin/sh
# PostgreSQL, built by its own configure and make with every function patchable,
# has two functions replaced by one hp-apply in all its processes, of which many
# are forked inside a signal handler, while pgbench asks it; it knows nothing of
# hotpatch.
#
# SPDX-License-Identifier: MIT
. "$HP_SRCDIR/testsuite/lib/common.sh"
. "$HP_SRCDIR/testsuite/real/fetch.sh"
. "$HP_SRCDIR/testsuite/real/servers.sh"
. "$HP_SRCDIR/testsuite/real/builds.sh"
here=$HP_SRCDIR/testsuite/real

command -v setpriv >/dev/null || skip_all "setpriv is not installed"
have_source postgresql-15

build_postgresql()
{
  built_postgresql sites &&
    make -s -C "$built/source" install "DESTDIR=$workdir" >install.log 2>&1 &&
    cc -g -O2 -fPIC -shared "-I$built/source/src/include" \
      "$here/postgresql_fix.c" -o fix.so
}
ok "PostgreSQL builds with every function patchable" build_postgresql
programs=$workdir/pg/bin
postgres=$programs/postgres
[ -x "$postgres" ] && [ -e fix.so ] || done_testing
LD_LIBRARY_PATH=$workdir/pg/lib
export LD_LIBRARY_PATH

chmod 755 .
mkdir -m 777 run
$as_user "$programs/initdb" -D run/data -A trust -U tester --no-sync \
  >init.log 2>&1 || cat init.log
# Nearly every kind of process that it has.
$as_user "$postgres" -D run/data -k "$workdir/run" -h '' -c fsync=off \
  -c logging_collector=on -c log_filename=all.log \
  -c archive_mode=on -c archive_command=true >errors 2>&1 &
pid=$!
load=
# shellcheck disable=SC2086  # no load yet: no argument
trap 'touch stop; kill -QUIT "$pid" $load 2>/dev/null; rm -rf "$workdir"' EXIT
PGHOST=$workdir/run
PGUSER=tester
PGDATABASE=postgres
export PGHOST PGUSER PGDATABASE
query()
{
  "$programs/psql" -XAtq "$@"
}
until_answers query -c 'select 1' >page 2>&1
"$programs/pgbench" -i -q >init.log 2>&1 || cat init.log

# The processes that it has all the time, besides the first one, as their titles
# say.
lasting="archiver|checkpointer|background writer|walwriter|logger"
lasting="$lasting|autovacuum launcher|logical replication launcher"
seven_last()
{
  ps -o pid=,args= --ppid "$pid"
  [ "$(pgrep -c -P "$pid" -f "postgres: ($lasting)")" -eq 7 ]
}
ok "seven processes run besides the first one" seven_last

# A session that goes on all the time; its backend has the patch from outside, while
# those of other sessions may have it from the postmaster.
mkfifo requests
query <requests >session 2>&1 &
session=$!
exec 7>requests
# session_says PATTERN: the next line of that session.
lines=0
session_says()
{
  echo 'select sum(n + 1) from generate_series(1, 5) n; select version();' >&7
  lines=$((lines + 2))
  until_answers enough_lines
  tail -n 1 session
  tail -n 1 session | grep -q "$1"
}
enough_lines()
{
  [ "$(wc -l <session)" -ge "$lines" ]
}
# says PATTERN: each of some new sessions.
says()
{
  for _ in 1 2 3 4 5 6 7 8; do
    query -c 'select sum(n + 1) from generate_series(1, 5) n' \
      -c 'select version()' | tail -n 1
  done >answers 2>&1
  cat answers errors
  [ "$(grep -c "$1" answers)" -eq 8 ]
}
ok "before: it says its version" says '^PostgreSQL 1'
ok "before: the session, too" session_says '^PostgreSQL 1'

# One run after another, with connections that stay and with one for each
# transaction.
while [ ! -e stop ]; do
  "$programs/pgbench" -n -c 4 -t 1000 2>&1 || echo "Error: it failed"
  "$programs/pgbench" -n -c 2 -C -t 100 2>&1 || echo "Error: it failed"
done >pgbench.out &
load=$!
sleep 1
patch_is count-additions --all-processes-of "$postgres"
# Those that last: a backend may end while it is looked at.
all_have()
{
  # shellcheck disable=SC2046  # a list of processes
  "$tools/hp-status" --patch count-additions "$pid" \
    $(pgrep -P "$pid" -f "postgres: ($lasting)") >shown
  status=$?
  cat shown
  [ $status -eq 0 ] && [ "$(grep -c ' applied  *count-additions' shown)" -eq 8 ]
}
ok "hp-apply under load, all processes" apply
ok "hp-status: all are patched" all_have
ok "new sessions run the new code" says '^patched, [1-9]'
ok "so does the one from before" session_says '^patched, [1-9]'
ok "hp-revert under load" revert
ok "new sessions run the old code" says '^PostgreSQL 1'
ok "so does the one from before" session_says '^PostgreSQL 1'
session_is_patched()
{
  session_says '^patched, [1-9]' && sleep 0.5
}
ok "three times more" again 3 session_is_patched
no_transaction_failed()
{
  touch stop
  wait "$load"
  grep -E 'failed|processed|rror' pgbench.out | sort | uniq -c
  grep -q '^number of failed transactions: 0 ' pgbench.out &&
    ! grep -iE 'error|fatal|aborted' pgbench.out &&
    ! grep '^number of failed transactions: [1-9]' pgbench.out
}
ok "no transaction failed" no_transaction_failed
sed 's/^/# /' all_pauses | grep -c 'is applied' | sed 's/^/# processes patched: /'
ends_when_told()
{
  exec 7>&-
  wait "$session"
  kill -INT "$pid"
  wait "$pid"
  status=$?
  cat errors run/data/log/all.log
  [ $status -eq 0 ] &&
    ! grep -E 'PANIC|FATAL|terminated by|WARNING' errors run/data/log/all.log
}
ok "PostgreSQL ends when told to, and complained of nothing" ends_when_told
done_testing
