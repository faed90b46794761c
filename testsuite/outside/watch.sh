#!/bin/sh
# hp-watch applies a directory of patches to processes that run and that start,
# reports what it cannot once, and can be killed; after a restart a process is
# unpatched, and hp-status says so.
#
# SPDX-License-Identifier: MIT
. "$HP_SRCDIR/testsuite/lib/common.sh"
. "$HP_SRCDIR/testsuite/lib/controls.sh"
. "$HP_SRCDIR/testsuite/outside/start.sh"
hp_watch=$HP_BUILDDIR/tools/hp-watch
hp_status=$HP_BUILDDIR/tools/hp-status
umask 022
others=
watcher=
# shellcheck disable=SC2086  # lists of processes
trap 'kill -9 $pid $others $watcher 2>/dev/null; remove_workdir' EXIT

# fix_for PROGRAM FILE OPTIONS...
fix_for()
{
  id=$(readelf -n "$1" | sed -n 's/.*Build ID: //p')
  file=$2
  shift 2
  cc -O2 -fPIC -shared "-DBUILD=\"$id\"" "$@" -o "$file"
}
build_watched()
{
  build_all && sed 's/"first"/"missing"/; s/"fix"/"unfit"/' "$here/fix.c" \
    >unfit.c && fix_for target 10-fix.so "$here/fix.c" &&
    fix_for target 20-unfit.so unfit.c &&
    fix_for target 30-newer.so -DVERSION=2 "$here/fix.c" &&
    fix_for "$HP_BUILDDIR/tools/hp-list" 40-other.so "$here/fix.c"
}
ok "program and patches are compiled" build_watched
[ -e 40-other.so ] || done_testing

mkdir patches
watch()
{
  "$hp_watch" --interval=0.05 patches >>told 2>>complaints &
  watcher=$!
}

# soon SECONDS COMMAND...: it will be true.
soon()
{
  tries=$((20 * $1))
  shift
  until "$@"; do
    tries=$((tries - 1))
    [ $tries -gt 0 ] && sleep 0.05 || {
      cat told complaints
      return 1
    }
  done
}
told_of()
{
  grep -q "process $1: fix is applied, 2 functions" told
}
counts()
{
  [ "$(grep -c "$2" complaints)" -eq "$1" ] || {
    cat complaints
    return 1
  }
}
put()
{
  cp "$1" part && mv part "patches/$1"
}

# another: one more target; the former one keeps its output.
another()
{
  others="$others $pid"
  mv out "out.$pid"
  start alone
}

start alone
watch
sleep 0.2
ok "a directory without patches changes nothing" says 11012
put 10-fix.so
ok "a patch that appears later is applied to what runs" soon 30 told_of "$pid"
ok "it does the new" says 110210
another
ok "a process that starts later is patched" soon 30 told_of "$pid"
ok "it does the new, too" says 110210

echo "no patch" >patches/broken.so
put fix.so
put 40-other.so
cp 10-fix.so open.so
chmod 666 open.so
mv open.so patches
ok "a broken file is reported" soon 10 counts 1 'broken.so'
ok "a patch that states no build is reported" \
  soon 10 counts 1 'fix.so: the patch does not say which build'
ok "what others may write to is reported" \
  soon 10 counts 1 'open.so can be written by others'
put 20-unfit.so
ok "a patch that does not fit is reported" \
  soon 30 counts 1 "process $pid is left alone.*missing"
put 30-newer.so
newer()
{
  says 110320 >said
}
ok "a newer version takes the place of the older one" soon 30 newer
once()
{
  counts 1 broken.so && counts 1 "process $pid is left" && counts 2 'left alone' &&
    counts 0 40-other && [ "$(sort told | uniq -d)" = "" ]
}
ok "all of it once, and nothing of patches for other programs" once

kill -9 "$watcher"
wait "$watcher" 2>/dev/null
ok "the watcher is killed: the process goes on, patched" says 110320
patched=$pid
another
sleep 0.2
ok "a process that starts now is not patched" says 11012
lacks()
{
  "$hp_status" "$pid" "$patched" >status
  result=$?
  cat status
  [ $result -eq 1 ] && grep -q "^$pid  *lacks  *fix" status &&
    grep -q "^$patched  *applied  *fix 2" status
}
ok "hp-status says that it lacks what the other one has" lacks
ok "hp-status says so of one alone" \
  sh -c "! '$hp_status' --patch=fix $pid && '$hp_status' --patch=fix $patched"
: >told
watch
ok "another watcher patches it" soon 30 newer
ok "and does not touch what is patched" not told_of "$patched"
ends_when_told()
{
  kill "$watcher" && wait "$watcher"
}
ok "it ends when told to" ends_when_told
watcher=

ok "no directory: refused" not "$hp_watch" nowhere
# Who can rename a directory decides what its name leads to.
elsewhere()
{
  mkdir -p home/patches trusted
  cp 10-fix.so home/patches
  chown 65534 home && ln -sfn "$PWD/home/patches" trusted/patches
}
theirs="home belongs to another user (uid 65534)"
if [ "$(id -u)" = 0 ] && elsewhere; then
  ok "a directory whose parent belongs to another user: refused" \
    gives 1 "$theirs" timeout 5 "$hp_watch" home/patches
  ok "also when a link leads there" \
    gives 1 "$theirs" timeout 5 "$hp_watch" trusted/patches
  linked()
  {
    rm -f patches/*.so
    ln -s "$PWD/home/patches/10-fix.so" patches/10-fix.so
    watch
    soon 10 counts 1 "$theirs"
    linked_status=$?
    kill "$watcher" && wait "$watcher"
    watcher=
    rm patches/*.so
    return $linked_status
  }
  ok "a file that a link leads to there is not taken" linked
else
  skip "a directory whose parent belongs to another user" "this takes root"
fi
mkdir parent && mkdir parent/patches && chmod 777 parent
ok "a directory whose parent others may write to: refused" \
  gives 1 'parent can be written by others' timeout 5 "$hp_watch" parent/patches
chmod 1777 parent
watches()
{
  timeout --preserve-status 1 "$hp_watch" parent/patches
  [ $? -eq 0 ]
}
ok "unless they cannot rename what is in it (/tmp)" watches
chmod 777 parent
chmod 777 patches
ok "a directory that others may write to: refused" \
  gives 1 'chmod go-w' timeout 5 "$hp_watch" patches
chmod 755 patches
ok "tools without countermeasures are built" build_controls
watches_anyway()
{
  HP_WITHOUT=trusted_parents timeout --preserve-status 1 \
    "$(control_tool hp-watch)" parent/patches
  [ $? -eq 0 ]
}
ok "control: without the check of parents it is watched" watches_anyway
done_testing
