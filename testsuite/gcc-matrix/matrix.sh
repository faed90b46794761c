#!/bin/sh
# Builds hotpatch and runs the plugin's tests with every supported GCC.
#
#   matrix.sh        only the plugin, with those installed here except CC
#   matrix.sh all    all, with all; those not installed here, in a chroot
#
#   HP_MATRIX="13 16"       only these
#   HP_MATRIX_CACHE=DIR     where the chroot is kept (in the build directory)
#
# SPDX-License-Identifier: MIT
here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=../lib/common.sh
. "$HP_SRCDIR/testsuite/lib/common.sh"
mode=${1:-installed}
subdirs='format plugin'
[ "$mode" != all ] || subdirs=
cache=${HP_MATRIX_CACHE:-$HP_BUILDDIR/testsuite/gcc-matrix.cache}
root=$cache/root
majors=${HP_MATRIX:-11 12 13 14 15 16}
ours=$($CC -dumpversion | cut -d. -f1)

# The sources as they are distributed: free of anything built in place.
copy_sources()
{
  rm -rf "$HP_BUILDDIR/gcc-matrix.tmp"
  (unset MAKEFLAGS MFLAGS MAKELEVEL
   cd "$HP_BUILDDIR" && make -s distdir distdir=gcc-matrix.tmp) &&
    mkdir -p "$1" && mv "$HP_BUILDDIR/gcc-matrix.tmp" "$1/source"
}

installed()
{
  command -v "gcc-$1" >/dev/null && command -v "g++-$1" >/dev/null &&
    [ -f "$("gcc-$1" -print-file-name=plugin)/include/gcc-plugin.h" ]
}

# with_gcc MAJOR RUNNER...: one compiler's results, each with its name.
with_gcc()
{
  major=$1
  shift
  "$@" >results 2>&1
  while IFS= read -r line; do
    case $line in
      "ok - "*)
        tap_count=$((tap_count + 1))
        echo "ok $tap_count - GCC $major: ${line#ok - }" ;;
      "not ok - "*)
        tap_count=$((tap_count + 1))
        tap_failed=$((tap_failed + 1))
        echo "not ok $tap_count - GCC $major: ${line#not ok - }" ;;
      "#"*) echo "$line" ;;
      *) echo "# $line" ;;
    esac
  done <results
}

in_chroot()
{
  if ! "$here/chroot.sh" prepare "$root" 2>reason ||
      ! "$here/chroot.sh" install "$root" "$1" 2>reason; then
    skip "GCC $1" "$(tail -n 1 reason)"
    return
  fi
  rm -rf "$root/hotpatch"
  mkdir -p "$root/hotpatch" && cp -a source "$root/hotpatch/source"
  with_gcc "$1" "$here/chroot.sh" run "$root" sh \
    /hotpatch/source/testsuite/gcc-matrix/one.sh \
    /hotpatch/source /hotpatch/build "$1"
  rm -rf "$root/hotpatch"
}

ok "the sources can be distributed" copy_sources "$workdir"
[ -d source ] || done_testing
mkdir -p "$cache"
for major in $majors; do
  if [ "$mode" != all ] && [ "$major" = "$ours" ]; then
    continue
  elif installed "$major"; then
    with_gcc "$major" sh "$here/one.sh" "$workdir/source" "$workdir/$major" \
      "$major" "$subdirs"
  elif [ "$mode" = all ]; then
    in_chroot "$major"
  else
    skip "GCC $major" "not installed; make gcc-matrix gets it in a chroot"
  fi
done
done_testing
