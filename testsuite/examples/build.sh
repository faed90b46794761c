# Builds and runs the examples as their readers do: a copy of their own, make,
# and hotpatch from pkg-config.  Used for the build tree and for an
# installation, which say where they are in $PKG_CONFIG_PATH and $LIBRARY.
#
# SPDX-License-Identifier: MIT
# shellcheck shell=sh

# build_example FOLDER: in a copy, ./NAME.
build_example()
{
  example=$(basename "$1")
  cp -r "$1" . && chmod -R u+w "$example" &&
    make -C "$example" CC="$CC" CXX="$CXX" LDFLAGS="-Wl,-rpath,$LIBRARY" \
      ${PKG_CONFIG:+PKG_CONFIG="$PKG_CONFIG"}
}

# prints FILE COMMAND...: prints what is in FILE, and succeeds.
prints()
{
  prints_file=$1
  shift
  "$@" >printed && diff "$prints_file" printed
}

# answers COMMAND...: mended's server answers as its README says, but for the
# folder.
answers()
{
  sed -n '/^prints$/,/^What/s/^    //p' "$HP_SRCDIR/examples/mended/README" \
    >answers
  (cd mended && "$@" <requests) | sed 's,: /.*/fix.so:,: .../fix.so:,' |
    diff answers -
}

# begin_service COMMAND...: offered's, as $service, in the background.
begin_service()
{
  mkdir -p -m 700 run
  : >said
  XDG_RUNTIME_DIR=$PWD/run "$@" >said &
  service=$!
  until [ -s said ] || ! kill -0 "$service"; do
    sleep 0.01
  done
}

# says LINE: it says so from now on.
says()
{
  lines=$(wc -l <said)
  tries=0
  until tail -n +$((lines + 2)) said | grep -qxF "$1"; do
    tries=$((tries + 1))
    [ $tries -lt 200 ] || {
      tail -n 3 said
      return 1
    }
    sleep 0.05
  done
}

patched_through_its_socket()
{
  "$HP_BUILDDIR/tools/hp-apply" -v "$service" offered/fix.so >output 2>&1 ||
    return
  grep "through its control socket" output && says "refused: there is not as much"
}
reverted()
{
  "$HP_BUILDDIR/tools/hp-revert" "$service" overdraft && says "left: -20"
}
