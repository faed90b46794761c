# What the tests of the control socket share.
#
# SPDX-License-Identifier: MIT
# shellcheck shell=sh

# shellcheck disable=SC2154  # workdir is common.sh's
run=$workdir/run
mkdir -m 700 "$run"
XDG_RUNTIME_DIR=$run
export XDG_RUNTIME_DIR
built=$HP_BUILDDIR/runtime/.libs

build_offer()
{
  cc -O2 "-I$HP_SRCDIR" "$HP_SRCDIR/testsuite/control/offer.c" -o offer \
    "-L$built" -lhotpatch "-Wl,-rpath,$built" -pthread &&
    "$CC" -O2 "-I$HP_SRCDIR" "$HP_SRCDIR/testsuite/control/ask.c" -o ask &&
    "$CC" -O2 "-I$HP_SRCDIR" "$HP_SRCDIR/testsuite/control/hostile.c" \
      -o hostile &&
    for offer_version in 1 2 3; do
      cc -O2 -fPIC -shared -DVERSION=$offer_version \
        "$HP_SRCDIR/testsuite/control/fix.c" -o fix$offer_version.so || return
    done &&
    cp fix1.so fix.so
}

# begin_offer COMMAND...: begin, until its functions are called, or it has ended.
begin_offer()
{
  begin "$@"
  until grep -q '^11' out || ! kill -0 "$pid" 2>/dev/null; do
    sleep 0.01
  done
}

# offer COMMAND...: the program, in the background; its output is in out.
offer()
{
  begin_offer ./offer "$@"
}

# applies WORDS ARGUMENTS...: hp-apply does it, and -v tells how.
applies()
{
  words=$1
  shift
  gives 0 "$words" "$hp_apply" -v "$@"
}

# outputs LINE COMMAND...: the program prints it.
outputs()
{
  line=$1
  shift
  ./offer "$@" >outputs.out 2>&1
  cat outputs.out
  grep -q -x -e "$line" outputs.out
}

# stops COMMAND...: everything that the program tries comes right.
stops()
{
  timeout 60 ./offer "$@" >stops.out 2>&1 || return
  cat stops.out
  grep -q 'stop: HP_OK' stops.out && ! grep -q 'HP_[^O]' stops.out
}

# says_invalid [VARIABLE=VALUE]: there is nothing to close.
says_invalid()
{
  env "$@" ./offer close | grep 'close: HP_INVALID'
}
