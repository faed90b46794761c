# How the programs are built that take minutes, plain or with every function
# patchable, so that each is built once and kept.
#
# SPDX-License-Identifier: MIT
# shellcheck shell=sh

# Call have_source for the package before.

# build_once NAME PACKAGE COMMAND...: builds the source package in a directory that
# is kept, unless that was done there, by this compiler and this plugin.  The
# directory is in `built` afterwards, with the sources in `built`/source; the
# command runs in `built`, and what it prints is in make.log there.
build_once()
{
  built=$HP_BUILDDIR/testsuite/real/builds/$1
  package=$2
  shift 2
  mkdir -p "$built" || return
  (
    cd "$built" && flock 9 || exit
    made_by="$CC $*"
    case $made_by in
      *-fplugin*) made_by="$made_by $(find "${HP_PLUGIN%/*}" -name "*.so" -exec cat {} + | cksum)" ;;
    esac
    [ "$(cat complete 2>/dev/null)" != "$made_by" ] || exit 0
    rm -rf source complete
    if unpack_source "$package" && ("$@") >make.log 2>&1; then
      echo "$made_by" >complete
    else
      tail -n 20 unpack.log make.log
      exit 1
    fi
  ) 9>"$built.lock"
}

# plugin_flags plain|sites
plugin_flags()
{
  case $1 in
    sites) echo "-fplugin=$HP_PLUGIN -fplugin-arg-hotpatch-all" ;;
  esac
}

# built_postgresql plain|sites: to be installed with DESTDIR; its programs find each
# other wherever that is.
built_postgresql()
{
  build_once "postgresql-$1" postgresql-15 make_postgresql \
    "$(plugin_flags "$1")"
}
make_postgresql()
{
  cd source && ./configure -q --prefix=/pg --disable-rpath --without-readline \
    --without-zlib CC="$CC" CFLAGS="-g -O2 $1" && make -s -j 2
}
