#!/bin/sh
# What a new user meets first: the program of README, its patch and the commands
# printed there, word for word.
#
# SPDX-License-Identifier: MIT
. "$HP_SRCDIR/testsuite/lib/common.sh"
export PKG_CONFIG_PATH="$HP_BUILDDIR/runtime"
export LD_LIBRARY_PATH="$HP_BUILDDIR/runtime/.libs"
PATH=$HP_BUILDDIR/tools:$PATH

# block WORDS: what README shows after the paragraph that has these words.
block()
{
  awk -v words="$1" '
    shown && /^[^ ]/ { exit }
    found && /^    / { shown = 1 }
    shown { sub(/^    /, ""); print }
    index($0, words) { found = 1 }' "$HP_SRCDIR/README"
}

# The compiler of this build stands for README's; its options may differ.
block_of_commands()
{
  block "$1" | sed "s|^gcc |$CC |; s|\$(pidof hello)|$pid|; s|   *[a-z].*||"
}
pid=

block 'hello.c has a function' >hello.c
block_of_commands 'Compile it with the plugin' >compile.sh
ok "the program compiles, without a warning" sh -e compile.sh
listed()
{
  block 'hp-list shows' | sed -n 1p >list.sh
  line=$(grep -n HP_PATCHABLE hello.c | cut -d: -f1)
  sh list.sh >output 2>&1 && cat output && grep "hello *hello.c:$line\$" output
}
ok "hp-list shows its function" listed

trap 'kill -9 $pid 2>/dev/null; remove_workdir' EXIT
start()
{
  stdbuf -oL "$@" >out 2>&1 &
  pid=$!
  until [ "$(wc -l <out)" -ge 3 ] || ! kill -0 $pid; do
    sleep 0.01
  done
}
# says WORDS: at the latest in a few seconds.
says()
{
  tries=0
  until [ "$(tail -n 1 out)" = "$1" ]; do
    tries=$((tries + 1))
    [ $tries -lt 1000 ] || return
    sleep 0.01
  done
}
start ./hello
first_words()
{
  head -n 3 out | tr '\n' ' ' | grep -x 'hello good day hello '
}
ok "it says what README says" first_words

block 'fix.c is:' >fix.c
block_of_commands 'You compile, try' >patch.sh
sed '/^hp-/d' patch.sh >compile.sh
ok "its patch compiles" sh -e compile.sh
# The commands leave the process as it was, so each is looked at by itself.
commands=$(grep -c '^hp-' patch.sh)
ok "README names commands" [ "$commands" -ge 5 ]
number=0
while read -r command; do
  number=$((number + 1))
  case $command in
    *dry-run*) after=hello ;;
    hp-apply* | hp-status*) after=hi ;;
    *) after=hello ;;
  esac
  echo "$command" >command.sh
  ok "${command%% *}, command $number" sh -e command.sh
  ok "the process says $after" says $after
done <<END
$(grep '^hp-' patch.sh)
END
kill -9 $pid
wait $pid 2>/dev/null

block 'environment variable' >offer.sh
ok "it is started with a control socket" grep -x 'HOTPATCH_CONTROL=1 ./hello' \
  offer.sh
mkdir -m 700 run
HOTPATCH_CONTROL=1 XDG_RUNTIME_DIR=$workdir/run start ./hello
by_itself()
{
  hp-apply "$pid" fix.so >output 2>&1
  cat output
  grep 'by itself' output
}
ok "then it patches itself" by_itself
ok "and says so" says hi

done_testing
