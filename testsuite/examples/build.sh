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
