# What the tests of hp-apply share: the program to be patched, and what it says.
#
# SPDX-License-Identifier: MIT
# shellcheck shell=sh

here=$HP_SRCDIR/testsuite/outside
hp_apply=$HP_BUILDDIR/tools/hp-apply
hp_revert=$HP_BUILDDIR/tools/hp-revert
hp_list=$HP_BUILDDIR/tools/hp-list
hp_watch=$HP_BUILDDIR/tools/hp-watch
export hp_apply hp_revert hp_list hp_watch
pid=
# shellcheck disable=SC2154  # workdir is common.sh's
trap 'kill -9 $pid 2>/dev/null; remove_workdir' EXIT

# Each test has a build-id of its own: the watcher that one of them starts shall
# leave the targets of others alone.
build_all()
{
  id=$(od -An -N20 -tx1 /dev/urandom | tr -d ' \n') &&
    "$CC" -O2 -pthread "-fplugin=$HP_PLUGIN" "-I$here" "$here/target.c" \
      "-Wl,--build-id=0x$id" -o target &&
    cc -O2 -fPIC -shared "$here/fix.c" -o fix.so &&
    cc -O2 -fPIC -shared -DVERSION=2 "$here/fix.c" -o fix2.so
}

# begin COMMAND...: a program in the background; its output is in out, which is
# emptied before: what the program before it said does not mean that this one runs.
begin()
{
  : >out
  "$@" >out 2>&1 &
  pid=$!
  until [ -s out ] || ! kill -0 "$pid"; do
    sleep 0.01
  done
}

# start ARGUMENTS...: the target.
start()
{
  begin ./target "$@"
}

end()
{
  kill -9 "$pid"
  wait "$pid" 2>/dev/null
  pid=
}

# refuses WORDS ARGUMENTS...: hp-apply, with exit status 1 and these words.
refuses()
{
  words=$1
  shift
  gives 1 "$words" "$hp_apply" "$@"
}

# says LINE: what the target says from now on.
says()
{
  lines=$(wc -l <out)
  until [ "$(wc -l <out)" -gt $((lines + 2)) ]; do
    kill -0 "$pid" || return
    sleep 0.005
  done
  said=$(tail -n 1 out)
  echo "it says $said, and should say $1"
  [ "$said" = "$1" ]
}

# wait_for_file FILE WORDS: until they are in it; half a minute at most.
wait_for_file()
{
  tries=600
  until grep -q -e "$2" "$1"; do
    tries=$((tries - 1))
    [ $tries -gt 0 ] && sleep 0.05 || {
      tail -n 3 "$1"
      return 1
    }
  done
}

# wait_for_words WORDS: until the target says them.
wait_for_words()
{
  wait_for_file out "$1"
}

# wait_for_more: until the target says anything; ten seconds at most.
wait_for_more()
{
  lines=$(wc -l <out)
  tries=200
  until [ "$(wc -l <out)" -gt "$lines" ]; do
    tries=$((tries - 1))
    [ $tries -gt 0 ] && sleep 0.05 || return
  done
}

# True if everything that the target ever said was right.
all_well()
{
  sort out | uniq -c
  kill -0 "$pid" && ! grep -q 'mixed\|wrong' out
}
