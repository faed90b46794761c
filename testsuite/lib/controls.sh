# Negative controls: programs with one precaution of the library taken out.
#
# SPDX-License-Identifier: MIT
# shellcheck shell=sh

# fails COMMAND...: by its own judgement, by a crash, or by hanging, which a shell
# function must not do.
fails()
{
  case $(command -V "$1") in
    *function*) "$@" ;;
    *) timeout 20 "$@" ;;
  esac
  case $? in
    0)
      echo "without it the test passes as well"
      return 1
      ;;
    126 | 127)
      echo "cannot be run: $*"
      return 1
      ;;
  esac
}

# build_controls: the library and the tools with countermeasures that can be left
# out by HP_WITHOUT (runtime/base/countermeasure.h).  Several tests may ask for
# them at the same time; the first one builds.
build_controls()
{
  flock "$HP_BUILDDIR/controls.lock" make -s -j "$(nproc)" -C "$HP_BUILDDIR" \
    controls >controls.log 2>&1 || {
    cat controls.log
    return 1
  }
}

# build_control_library: the library alone, for which the tools are not needed.
build_control_library()
{
  flock "$HP_BUILDDIR/controls.lock" make -s -j "$(nproc)" \
    -C "$HP_BUILDDIR/runtime" libhotpatch_controls.a >controls.log 2>&1 || {
    cat controls.log
    return 1
  }
}

# What a program is linked with to have it, with -rdynamic for dlopen()'s sake.
# shellcheck disable=SC2034 # of those who include this
control_library="$HP_BUILDDIR/runtime/libhotpatch_controls.a -lelf -lz -liberty -lpthread"

# control_tool NAME: the path of such a tool; hp-apply, for example.
control_tool()
{
  echo "$HP_BUILDDIR/tools/controls/$1"
}

# control_program PROGRAM OUTPUT [OPTION...]: links PROGRAM, a file of the
# testsuite, with such a library.
control_program()
{
  program=$1
  output=$2
  shift 2
  cc -O2 -rdynamic "-I$HP_SRCDIR" "$HP_SRCDIR/testsuite/$program" "$@" \
    "$HP_BUILDDIR/runtime/libhotpatch_controls.a" -lelf -lz -liberty -lpthread \
    -o "$output"
}

# without NAME COMMAND...: runs it with the countermeasure NAME, or several in a
# list with commas, left out.
without()
{
  (
    HP_WITHOUT=$1
    export HP_WITHOUT
    shift
    "$@"
  )
}
