# How the programs are built that take minutes, plain or with every function
# patchable, so that the tests of them and `make real-suites` build each once.
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

# built_cpython plain|sites
built_cpython()
{
  build_once "cpython-$1" python3.11 make_cpython "$(plugin_flags "$1")"
}
make_cpython()
{
  cd source && ./configure -q CC="$CC" OPT='-DNDEBUG -g -fwrapv -O2 -Wall' \
    CFLAGS="$1" && make -s -j 2
}

# built_haproxy plain|sites
built_haproxy()
{
  build_once "haproxy-$1" haproxy make_haproxy "$(plugin_flags "$1")"
}
make_haproxy()
{
  make -s -j 2 -C source TARGET=linux-glibc CC="$CC" CPU_CFLAGS="-O2 $1" haproxy
}

# built_redis plain|sites
built_redis()
{
  build_once "redis-$1" redis make_redis "$(plugin_flags "$1")"
}
make_redis()
{
  make -s -j 2 -C source/src CC="$CC" MALLOC=libc BUILD_TLS=no USE_SYSTEMD=no \
    CFLAGS="$1" all && make -s -j 2 -C source/tests/modules CC="$CC"
}

# built_memcached plain|sites
built_memcached()
{
  build_once "memcached-$1" memcached make_memcached "$(plugin_flags "$1")"
}
make_memcached()
{
  cd source && ./configure -q --disable-docs CC="$CC" &&
    make -s -j 2 CFLAGS="-g -O2 -pthread $1" memcached memcached-debug sizes \
      testapp timedrun
}
