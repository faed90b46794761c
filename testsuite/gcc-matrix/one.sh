#!/bin/sh
# Builds hotpatch with one GCC and runs the plugin's tests with it; the
# results are lines of TAP without numbers.
#
#   one.sh SOURCE BUILD MAJOR [SUBDIRS]
#
# All is built, or only what lies in SUBDIRS.
#
# SPDX-License-Identifier: MIT
set -u
source=$1
build=$2
major=$3
subdirs=${4:-}

mkdir -p "$build" && cd "$build" || exit 99
if "$source/configure" --enable-werror --disable-static \
    CC="gcc-$major" CXX="g++-$major" >build.log 2>&1 &&
    make ${subdirs:+"SUBDIRS=$subdirs"} >>build.log 2>&1 &&
    make -C testsuite plugin/dump_sites >>build.log 2>&1; then
  echo "ok - builds without a warning"
else
  tail -n 30 build.log | sed 's/^/# /'
  echo "not ok - builds without a warning"
  exit
fi

# Where only the plugin is built, programs link the library built with CC.
[ -d "$build/runtime/.libs" ] ||
  export HP_LIBRARY_DIR="$HP_BUILDDIR/runtime/.libs"
export HP_SRCDIR="$source" HP_BUILDDIR="$build"
export HP_PLUGIN="$build/plugin/.libs/hotpatch.so"
export CC="gcc-$major" CXX="g++-$major"
# shellcheck disable=SC2016 # make expands it
tests=$(make -s -C testsuite --eval='list: ; @echo $(plugin_tests)' list)
for test in $tests; do
  name=${test##*/}
  name=${name%.sh}
  sh "$source/testsuite/$test" >test.out 2>test.err
  awk -v name="$name" '
    /^1\.\.0/ { sub(/^1\.\.0/, ""); print "ok - " name $0; plan = -1; next }
    /^1\.\./ { plan = substr($0, 4) + 0; next }
    /^(not )?ok / { count++; sub(/ok [0-9]*( -)?/, "ok - " name ":") }
    { print }
    END { if (plan == "" || plan != count && plan >= 0)
            print "not ok - " name ": ends before its last test" }' test.out
done
