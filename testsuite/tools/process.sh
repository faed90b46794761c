#!/bin/sh
# hp-list --pid: what a running process's sites are patched to, before, while
# and after they are, and why a process cannot be looked at.
#
# SPDX-License-Identifier: MIT
. "$HP_SRCDIR/testsuite/lib/common.sh"
. "$HP_SRCDIR/testsuite/tools/sites.sh"

source_file=$HP_SRCDIR/testsuite/tools/process_target.c
library=$HP_BUILDDIR/runtime/.libs
if ! cc -O2 -pthread "$source_file" "-L$library" -lhotpatch \
  "-Wl,-rpath,$library" -o target >cc.out 2>&1; then
  cat cc.out
  ok "the program is compiled" false
  done_testing
fi
strip -o stripped target
echo '.text' >main.s
printf 'int lonely(void) { return 0; }\n' >library.c
cc -fplugin-arg-hotpatch-all -shared -fPIC library.c -o liblonely.so

# start PROGRAM: runs it under the descriptors 3 (its input) and 4 (its output).
pid=
start()
{
  rm -f in out
  mkfifo in out
  "$@" <in >out &
  pid=$!
  exec 3>in 4<out
  read -r answer <&4 && [ "$answer" = ready ]
}
tell()
{
  echo "$1" >&3
  read -r answer <&4
  echo "$1: $answer"
  [ "$answer" = ready ]
}
stop()
{
  exec 3>&- 4<&-
  wait "$pid"
}
trap 'kill "$pid" 2>/dev/null; remove_workdir' EXIT

# state SITE PATTERN: the last column of its line in the table.
state()
{
  "$hp_list" --pid "$pid" >actual || return
  cat actual
  awk -v site="$1" '$5 == site { sub(/.*[.]c:[0-9]+ */, ""); print }' actual |
    grep -Ex -- "$2"
}
summary_is()
{
  "$hp_list" --pid "$pid" | tail -n 1 >actual
  cat actual
  [ "$(cat actual)" = "$1" ]
}

start ./target
ok "before: original" state answer original
ok "before: the summary" summary_is \
  "2 sites in 1 image: 2 original, 0 patched near, 0 patched far, 0 foreign"
tell near >/dev/null
target=$(readlink -f target)
ok "near: the symbol and its image" \
  state answer "near -> new_answer \($target\)"
ok "near: the other one is untouched" state question original
tell far >/dev/null
ok "far: the address, as nothing is known about it" \
  state question 'far -> 0x200000000000 \(no file\)'
ok "the summary of both" summary_is \
  "2 sites in 1 image: 0 original, 1 patched near, 1 patched far, 0 foreign"
ok "--match" sh -c "[ \"\$('$hp_list' --count -m ans* -p $pid)\" = 1 ]"
ok "--long" sh -c "'$hp_list' --long -p $pid | grep -q 'state  *far -> 0x2000'"
if command -v python3 >/dev/null; then
  live_json()
  {
    "$hp_list" --json --pid "$pid" >document || return
    python3 -c '
import json
d = json.load(open("document"))
sites = {s["name"]: s for s in d["images"][0]["sites"]}
a, q = sites["answer"], sites["question"]
assert d["pid"] == '"$pid"'
assert int(d["images"][0]["bias"], 16) > 0
assert a["state"] == "near" and a["bytes"].startswith("e9 ")
assert a["target"]["symbol"] == "new_answer"
assert a["target"]["offset"] == "0x0"
assert q["state"] == "far" and q["bytes"].startswith("eb ")
assert q["target"]["address"] == "0x200000000000"
assert q["target"]["symbol"] is None and q["target"]["image"] is None
'
  }
  ok "--json" live_json
fi
if python3 -c 'import jsonschema' 2>/dev/null; then
  ok "the schema describes a process's document" python3 -c '
import json, jsonschema, sys
jsonschema.validate(json.load(open("document")), json.load(open(sys.argv[1])))
' "$HP_SRCDIR/tools/hp-list.schema.json"
fi
tell revert >/dev/null
ok "after: original" state answer original
ok "after: original, once far" state question original
tell breakpoint >/dev/null
ok "a breakpoint is foreign, its bytes are shown" \
  state question 'foreign: cc 1f 84 00( [0-9a-f]{2}){4}'
stop

# It is read while it changes: whatever is shown was true.
start ./target
tell toggle >/dev/null
always_true()
{
  round=0
  while [ $round -lt 60 ]; do
    "$hp_list" --pid "$pid" >actual || { cat actual; return 1; }
    awk '$5 == "question" { sub(/.*[.]c:[0-9]+ */, ""); print }' actual
    round=$((round + 1))
  done >states
  sort states | uniq -c
  [ "$(wc -l <states)" -eq 60 ] && ! grep -vE \
    "^(original|near -> new_answer \\($target\\)|far -> 0x200000000000 .*)\$" \
    states
}
ok "a process that never rests" always_true
kill "$pid"
stop 2>/dev/null

start ./stripped
tell near >/dev/null
ok "stripped: the address and the image" \
  state answer "near -> 0x[0-9a-f]+ \($workdir/stripped\)"
stop

start env LD_PRELOAD="$workdir/liblonely.so" ./target
ok "every image" summary_is \
  "3 sites in 2 images: 3 original, 0 patched near, 0 patched far, 0 foreign"
stop

# A file that is gone, or is another one by now, is not taken for the mapped one.
cp target gone
start ./gone
tell near >/dev/null
rm gone
ok "the file was deleted" state answer "near -> new_answer \(.*/gone\)"
cp /bin/true gone
ok "the file was replaced" state answer "near -> new_answer \(.*/gone\)"
cp target mv-gone && mv -f mv-gone gone
ok "the file was replaced by a copy" \
  state answer "near -> new_answer \(.*/gone\)"

# A user without any right to the process.  No function: a command in the
# background must be the process itself, not a shell that waits for it.
nobody='setpriv --reuid=65534 --regid=65534 --clear-groups --bounding-set=-all --'
for_others "$hp_list"
others_hp_list=$workdir/for_others/hp-list
# shellcheck disable=SC2086 # the words of $nobody
if [ "$(id -u)" -eq 0 ] && $nobody test -x "$others_hp_list" 2>/dev/null; then
  ok "another user's process" fails 2 \
    "process $pid belongs to another user (uid 0)" \
    $nobody "$others_hp_list" --pid "$pid"
  stop

  nobodys_listing_has()
  {
    $nobody "$others_hp_list" --pid "$pid" >actual 2>errors
    cat actual errors
    grep -q "$1" actual
  }
  cp target unlinked
  cp liblonely.so libgone.so
  start $nobody env "LD_PRELOAD=$workdir/libgone.so" "$workdir/unlinked"
  ok "one's own process" nobodys_listing_has 'answer.*original'
  rm unlinked libgone.so
  ok "one's own, deleted: the executable is still found" \
    nobodys_listing_has 'answer.*original'
  "$CC" -shared -nostdlib -Wl,--build-id main.s -o libgone.so
  ok "one's own, replaced: another library is not taken for it" \
    not nobodys_listing_has lonely
  ok "one's own, replaced: said, exit status 2" sh -c "$nobody '$others_hp_list' \
    --pid $pid 2>&1 >actual | grep 'libgone.so: the file was replaced'"
  cp liblonely.so libgone.so
  ok "one's own, copied again: the build-id proves it" \
    nobodys_listing_has 'lonely.*original'
  stop
else
  skip "another user's process" \
    "needs root, and setpriv"
  stop
fi

ok "no such process" fails 2 "process 4194305: there is no such process" \
  "$hp_list" --pid 4194305
sleep 0 &
dead=$!
python3 -c '
import os, sys
child = os.fork()
if child == 0:
    os._exit(0)
os.waitid(os.P_PID, child, os.WEXITED | os.WNOWAIT)
print(child, flush=True)
sys.stdin.read()' >zombie 2>/dev/null <in &
parent=$!
exec 3>in
until [ -s zombie ] || ! kill -0 "$parent" 2>/dev/null; do
  sleep 0.01
done
wait "$dead"
if [ -s zombie ]; then
  ok "a zombie" fails 2 "(a zombie)" "$hp_list" --pid "$(cat zombie)"
else
  skip "a zombie" "python3 is not installed"
fi
exec 3>&-
wait "$parent"
if [ "$(id -u)" -eq 0 ] && [ "$(cat /proc/2/comm 2>/dev/null)" = kthreadd ]
then
  ok "a kernel thread" fails 2 "process 2 is a kernel thread" \
    "$hp_list" --pid 2
else
  skip "a kernel thread" "none is visible here"
fi
sleep 30 &
pid=$!
ok "no site in the whole process: exit status 1" \
  fails 1 "no image has a .hotpatch section" "$hp_list" --pid "$pid"
kill "$pid"

echo 'int main(void) { for (;;) ; }' >small.c
if "$CC" -m32 -nostdlib -static -Wl,-e,main small.c -o small 2>/dev/null; then
  ./small &
  pid=$!
  # Until exec has happened it is the shell.
  until [ "$(basename "$(readlink "/proc/$pid/exe")")" = small ] ||
    ! kill -0 "$pid"; do
    sleep 0.01
  done
  ok "a 32-bit program" fails 2 "is a 32-bit program" "$hp_list" --pid "$pid"
  kill "$pid"
else
  skip "a 32-bit program" "the compiler cannot build one"
fi
done_testing
