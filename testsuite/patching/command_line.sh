#!/bin/sh
# hp-patch's command line: misuse is exit status 64, and whatever cannot be done
# is said with the thing, the place and the way out, and leaves nothing.
#
# SPDX-License-Identifier: MIT
. "$HP_SRCDIR/testsuite/lib/common.sh"
. "$HP_SRCDIR/testsuite/lib/controls.sh"
. "$HP_SRCDIR/testsuite/patching/project.sh"

# misused WORDS ARGUMENT...
misused()
{
  misuse=$1
  shift
  gives 64 "$misuse" "$hp_patch" "$@"
}
ok "no program" misused "no --against" -- make
ok "no build" misused "no build" --against=x
ok "an empty build" misused "no build" --against=x --
ok "a build and a database" misused "not both" --against=x -p c.json -- make
ok "a diff and a database" misused "--patch builds a copy" --against=x \
  --patch=d -p c.json
ok "a source directory without a diff" misused "is for --patch" --against=x \
  --source=. -- make
ok "a build without two dashes" misused "comes after" --against=x make
ok "a debug file of nothing" misused "comes after the --against" --debug=x
ok "a version that is none" misused "'-1' is not a number" --version=-1
ok "no jobs" misused "'0' is not a number above 0" -j0
ok "a level that there is not" misused "'slow' is not" --level=slow
ok "a need without a version" misused "no number" --needs=base:
ok "a need without a name" misused "no name" --needs=:3
ok "a name that is a path" misused "is no name" --name=a/b
ok "an unknown option" misused "unrecognized option" --frobnicate
ok "--version alone is the version of hp-patch" \
  gives 0 '^hp-patch (hotpatch) [0-9]' "$hp_patch" --version
ok "-V is the same" gives 0 '^hp-patch (hotpatch) [0-9]' "$hp_patch" -V
ok "--help" gives 0 'compile_commands.json' "$hp_patch" --help

write_project tree
cd tree || exit 99
make -s server >make.log 2>&1
server=$PWD/server
ok "the program is built" test -x server

refuses()
{
  refuse=$1
  shift
  gives 1 "$refuse" "$hp_patch" "$@"
}
ok "a file that is not there" refuses "nowhere: No such file" \
  --against=nowhere -- make
ok "a file that is no program" refuses "not an ELF file" \
  --against=Makefile -- make
ok "an object file" refuses "what this is linked into" \
  --against=src/conn.o -- make
$CC -O2 -o plain -x c - <<'END'
int main(void) { return 0; }
END
ok "a program without a baseline" \
  refuses "-fplugin-arg-hotpatch-baseline" --against=plain -- make
cp server stripped && strip stripped
ok "a stripped program" refuses "give its debug file" --against=stripped -- make
ok "a debug file of another program" refuses "is not the debug file of" \
  --against=stripped --debug=plain -- make
ok "a debug file without a baseline" refuses "has no section" \
  --against=stripped --debug=stripped -- make

ok "a tree that is as it was has nothing to patch" \
  gives 3 "no file of the program has changed" \
  "$hp_patch" --against=./server -- make

sed -i 's/n \* 2/n * 3/' src/conn.c
ok "a build that fails is shown, and refused" \
  refuses 'sh -c .echo told; exit 5.*status 5' --against=./server -- \
  sh -c 'echo told; exit 5'
ok "what it printed is shown" grep -qx told output
ok "a command that there is not" refuses "No such file" --against=./server -- \
  /nowhere/make
ok "a build that compiles nothing, though a source has changed" \
  refuses "make -B" --against=./server -- true
ok "the source is named" grep -q "src/conn.c was not compared" output
missed()
{
  without complete_patch "$(control_tool hp-patch)" --against=./server -- true \
    >missed 2>&1
  [ $? -eq 3 ]
}
export HOTPATCH_INTERCEPT="$intercept"
ok "the tools are built with countermeasures that can be left out" build_controls
ok "control: without the look at all files the change is missed" missed
unset HOTPATCH_INTERCEPT
ok "a build without the plugin is refused" \
  refuses "without the plugin" --against=./server -- make PLUGIN=
ok "even so the program that the patch is for is not written over" \
  cmp "$server" server
touch src/conn.c
ok "other options are refused with the difference" \
  refuses "-O1" --against=./server -- make CFLAGS=-O1
ok "a directory that cannot be written to" \
  refuses "with -o" --against=./server -o /nowhere/fix.so -- make
done_tmp=$TMPDIR
no_directory()
{
  TMPDIR=/nowhere refuses "set TMPDIR to a directory" --against=./server -- make
}
ok "no temporary directory" no_directory
TMPDIR=$done_tmp
ok "no compilation database" refuses "cannot be read" \
  --against=./server -p nowhere.json
echo '[]' >empty.json
ok "a database without the source that has changed" \
  refuses "is not in empty.json" --against=./server -p empty.json
ok "a source that the database does not have" refuses "is not in empty.json" \
  --against=./server -p empty.json src/other.c

interrupted()
{
  mkfifo reached
  "$hp_patch" --against=./server -- sh -c 'echo >reached; sleep 600 & wait' \
    >interrupted.out 2>&1 &
  tool=$!
  read -r _ <reached
  kill -TERM $tool
  wait $tool
  interrupted_status=$?
  cat interrupted.out
  [ $interrupted_status -eq 143 ] && grep -q "ended by Terminated" \
    interrupted.out && leaves_nothing
}
ok "a signal ends the build and leaves nothing" interrupted
ok "nothing is left in the temporary directory" leaves_nothing
ok "no patch object was made" not ls ./*.so
done_testing
