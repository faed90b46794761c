#!/bin/sh
# The baseline is found wherever linkers and strip leave it, and a damaged one is
# refused with the file's name, whatever its damage.
#
# SPDX-License-Identifier: MIT
. "$HP_SRCDIR/testsuite/lib/common.sh"
. "$HP_SRCDIR/testsuite/patching/project.sh"

write_project tree
cd tree || exit 99
make -s server >make.log 2>&1
nothing_changed()
{
  gives 3 "nothing to patch" "$hp_patch" "$@" -- make
}
ok "in the program" nothing_changed --against=./server

objcopy --compress-debug-sections server compressed
ok "compressed" sh -c 'readelf -tW compressed | grep -A3 hotpatch.base |
  grep -q COMPRESSED'
ok "in a compressed section" nothing_changed --against=./compressed

objcopy --only-keep-debug server server.debug
cp server stripped
strip stripped
ok "in a debug file that is named" \
  nothing_changed --against=./stripped --debug=server.debug
cp src/conn.c conn.c
sed -i 's/return n \* 2/return n * 2 + limit/' src/conn.c
ok "its symbols lead to static variables" "$hp_patch" --against=./stripped \
  --debug=server.debug -o fix.so -- make
ok "without them no patch is made" gives 1 "has no baseline" \
  "$hp_patch" --against=./stripped -o fix.so -- make
cp -p conn.c src/conn.c
touch -d '2001-01-01' src/conn.c
objcopy --add-gnu-debuglink=server.debug stripped linked
ok "in a debug file that the program names" nothing_changed --against=./linked
id=$(readelf -n server | sed -n 's/.*Build ID: //p')
mkdir -p "debug/.build-id/$(echo "$id" | cut -c1-2)"
cp server.debug "debug/.build-id/$(echo "$id" | cut -c1-2)/$(echo "$id" |
  cut -c3-).debug"
HOTPATCH_DEBUG_PATH=$PWD/debug
export HOTPATCH_DEBUG_PATH
ok "in a debug file that the build-id leads to" nothing_changed \
  --against=./stripped
unset HOTPATCH_DEBUG_PATH

# Damage: in the section, and in the file around it.
objcopy -O binary --only-section=.debug.hotpatch.base \
  --set-section-flags .debug.hotpatch.base=alloc server base
with_section()
{
  objcopy --update-section .debug.hotpatch.base="$1" server damaged
}
refuses_it()
{
  gives 1 "damaged: .*\(baseline\|section\)" "$hp_patch" --against=./damaged \
    -- true
}
head -c 100 base >shortened
with_section shortened
ok "a baseline that is cut off" refuses_it
tr '\0' '\n' <base >joined
with_section joined
ok "one without the bytes between units" refuses_it
sed 's/^directory .*/directory here/' base >relative
with_section relative
ok "a directory that is none" refuses_it
sed 's/^baseline 1/baseline 2/' base >newer
with_section newer
ok "a newer version" gives 1 "newer hotpatch" "$hp_patch" --against=./damaged \
  -- true
: >empty
with_section empty
ok "an empty section" gives 1 "has no baseline" "$hp_patch" \
  --against=./damaged -- true

# Nothing but a refusal comes of a file with other bytes in its section.
cat >change.py <<'EOT'
import random, subprocess, sys
tool, = sys.argv[1:]
random.seed(13)
whole = open("base", "rb").read()
original = open("server", "rb").read()
at = original.index(whole)
for round in range(60):
    text = bytearray(original)
    for _ in range(random.randrange(1, 4)):
        text[at + random.randrange(len(whole))] = random.randrange(256)
    open("damaged", "wb").write(text)
    status = subprocess.run([tool, "--against=./damaged", "--", "true"],
                            stdout=subprocess.DEVNULL,
                            stderr=subprocess.DEVNULL).returncode
    if status not in (1, 3):
        sys.exit(f"round {round}: exit status {status}")
for size in range(0, len(original), max(1, len(original) // 60)):
    open("damaged", "wb").write(original[:size])
    status = subprocess.run([tool, "--against=./damaged", "--", "true"],
                            stdout=subprocess.DEVNULL,
                            stderr=subprocess.DEVNULL).returncode
    if status != 1:
        sys.exit(f"{size} bytes: exit status {status}")
compressed = bytearray(open("compressed", "rb").read())
for round in range(60):
    text = bytearray(compressed)
    for _ in range(3):
        text[random.randrange(len(text))] = random.randrange(256)
    open("damaged", "wb").write(text)
    status = subprocess.run([tool, "--against=./damaged", "--", "true"],
                            stdout=subprocess.DEVNULL,
                            stderr=subprocess.DEVNULL).returncode
    if status not in (1, 3):
        sys.exit(f"compressed, round {round}: exit status {status}")
EOT
if command -v python3 >/dev/null; then
  ok "no byte makes it crash" python3 change.py "$hp_patch"
else
  skip "no byte makes it crash" "python3 is not installed"
fi
ok "nothing is left in the temporary directory" leaves_nothing
done_testing
