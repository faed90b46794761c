#!/bin/sh
# The library itself under the sanitizers: every file of it is compiled with
# one, as are the programs that use it, and nothing may be found.
#
#     sanitizers.sh              what `make check` has time for
#     SANITIZERS='thread address,undefined' SECONDS_EACH=10 sanitizers.sh
#
# SPDX-License-Identifier: MIT
. "$HP_SRCDIR/testsuite/lib/common.sh"
: "${SANITIZERS:=thread}" "${SECONDS_EACH:=0.5}"

# What is known and meant, for the thread sanitizer: it cannot see that a fence
# orders what the stress test compares.
flags="-g -O1 -Wno-tsan"
include="-I$HP_SRCDIR -I$HP_BUILDDIR -I$HP_SRCDIR/runtime/include"
stress=$HP_SRCDIR/testsuite/stress
api=$HP_SRCDIR/testsuite/api

# compile_library SANITIZER: libhotpatch.so of this directory.
compile_library()
{
  # shellcheck disable=SC2016  # the inner shell's own parameter
  printf '%s\n' "$HP_SRCDIR"/runtime/*/*.cc |
    FLAGS="-std=c++20 $flags -fPIC -fno-exceptions -fno-rtti -fsanitize=$1
      $include" CXX="$CXX" xargs -P2 -I{} sh -c \
      '$CXX $FLAGS -c "$1" -o "$(basename "$1" .cc).o"' compile {} &&
    $CXX "-fsanitize=$1" -shared ./*.o -o libhotpatch.so -lelf -liberty \
      -lpthread
}

# program NAME SANITIZER COMPILER SOURCE...
program()
{
  program_name=$1
  program_sanitizer=$2
  program_compiler=$3
  shift 3
  # shellcheck disable=SC2086
  "$program_compiler" $flags "-fsanitize=$program_sanitizer" $include "$@" \
    -o "$program_name" -L. -lhotpatch "-Wl,-rpath,$PWD" -lpthread
}

# stress_sites SANITIZER: with both layouts.
stress_sites()
{
  for layout in plain:none endbr:branch; do
    cc -O2 "-fsanitize=$1" "-DPREFIX=${layout%:*}" -fno-toplevel-reorder \
      "-fcf-protection=${layout#*:}" -c "$stress/sites.c" \
      -o "${layout%:*}.site" || return
  done
}

# finds_nothing COMMAND...: it succeeds, and no sanitizer says a word.
finds_nothing()
{
  "$@" >found 2>&1
  found_status=$?
  if [ $found_status -ne 0 ] || grep -q '^not ok' found ||
    grep -Eq 'WARNING: |ERROR: |runtime error: ' found; then
    tail -n 60 found
    return 1
  fi
}

# A program with a control socket, and its clients.
control=$HP_SRCDIR/testsuite/control
offering()
{
  program offer "$1" cc "$control/offer.c" &&
    "$CC" -O2 "-I$HP_SRCDIR" "$control/hostile.c" -o hostile &&
    cc -O2 -fPIC -shared "$control/fix.c" -o fix.so
}
besieged()
{
  : >besieged.out
  ./offer "open:$workdir/control.sock" serve >besieged.out 2>besieged.err &
  besieged_pid=$!
  until grep -q '^open' besieged.out; do
    kill -0 $besieged_pid 2>/dev/null || break
    sleep 0.05
  done
  ./hostile "$workdir/control.sock" fix.so 30 "$$"
  besieged_status=$?
  kill -9 $besieged_pid
  wait $besieged_pid 2>/dev/null
  cat besieged.err
  return $besieged_status
}

# A race that the sanitizer must see, in the same build.  It may miss one when
# both happen in the same instant, one in some sixty runs here.
write_race()
{
  cat >race.cc <<'END'
#include <thread>
int shared;
void count() {
  for (int i = 0; i < 1000; ++i)
    ++shared;
}
int main() {
  std::thread other(count);
  count();
  other.join();
  return shared == 0;
}
END
}

sees_race()
{
  for _ in 1 2 3 4 5 6 7 8 9 10; do
    not ./race && return
  done
  return 1
}

# The signal stops threads, which one of the thread sanitizer's does not allow:
# the levels strict and quiescent are left out there.
for sanitizer in $SANITIZERS; do
  # A comma would end the path for the linker.
  folder=under-$(echo "$sanitizer" | tr , -)
  mkdir "$folder" && cd "$folder" || exit 99
  write_race
  # shellcheck disable=SC2086
  if ! $CXX -std=c++20 -g "-fsanitize=$sanitizer" race.cc -o race \
    -lpthread 2>/dev/null; then
    skip "$sanitizer" "its library is not installed"
    cd "$workdir" || exit 99
    continue
  fi
  [ "$sanitizer" != thread ] || ok "control: it sees a race" sees_race
  ok "$sanitizer: the library compiles" compile_library "$sanitizer"
  ok "$sanitizer: the stress test compiles" stress_sites "$sanitizer"
  ok "and links" program stress "$sanitizer" "$CXX" -std=c++20 \
    "$stress/stress.cc" "$stress/harness.cc" "$stress/controls.cc" \
    plain.site endbr.site
  ok "and nothing is found" finds_nothing ./stress "$SECONDS_EACH"
  for test in behaviour transactions; do
    ok "$sanitizer: $test compiles" program "$test" "$sanitizer" cc \
      "$api/$test.c"
    ok "and nothing is found" finds_nothing "./$test"
  done
  ok "$sanitizer: a program with a control socket compiles" offering "$sanitizer"
  ok "hostile clients come, and nothing is found" finds_nothing besieged
  cd "$workdir" || exit 99
done
done_testing
