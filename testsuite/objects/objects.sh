# What the tests of patch objects share, on top of lib/common.sh.
#
# SPDX-License-Identifier: MIT
# shellcheck shell=sh
. "$HP_SRCDIR/testsuite/lib/common.sh"

built=$HP_BUILDDIR/runtime/.libs
headers=-I$HP_SRCDIR
with_library="-L$built -lhotpatch -Wl,-rpath,$built"

# program OPTION... FILE: ./program from C.
program()
{
  # shellcheck disable=SC2086 # a list of options
  cc -O2 -w -Wl,--build-id "$headers" "$@" -o program $with_library
}

# with_controls COMMAND...: what it links has the library whose countermeasures
# can be left out (lib/controls.sh).
with_controls()
{
  (
    # shellcheck disable=SC2154 # in lib/controls.sh
    with_library=$control_library
    "$@"
  )
}

# patch NAME OPTION...: NAME.so from NAME.c, or NAME.cc.
patch()
{
  patch_name=$1
  shift
  if [ -f "$patch_name.cc" ]; then
    cxx -O2 -Wall -Werror -fPIC -shared "$patch_name.cc" "$@" \
      -o "$patch_name.so"
  else
    cc -O2 -Wall -Werror -fPIC -shared "$patch_name.c" "$@" \
      -o "$patch_name.so"
  fi
}

# run_program COMMAND...: what it says is in ./said, and shown if it fails.
run_program()
{
  ./program "$@" >said 2>&1 || {
    echo "status $?"
    cat said
    return 1
  }
}

# runs TEXT COMMAND...: the program says exactly these lines when it does that.
# A line of the text stands for all that begin with it.
runs()
{
  runs_text=$1
  shift
  run_program "$@" || return
  printf '%s\n' "$runs_text" >runs.wanted
  awk 'NR == FNR { wanted[NR] = $0; n = NR; next }
    { if (substr($0, 1, length(wanted[FNR])) != wanted[FNR]) bad = 1; m = FNR }
    END { exit bad || n != m }' runs.wanted said || {
    echo "wanted:"
    cat runs.wanted
    echo "got:"
    cat said
    return 1
  }
}

# tells TEXT COMMAND...: the program's output contains it.
tells()
{
  tells_text=$1
  shift
  run_program "$@" || return
  grep -qF -e "$tells_text" said || {
    echo "not told: $tells_text"
    cat said
    return 1
  }
}
