#!/bin/sh
# Fixes of real programs, made into patches from source without any edit: each
# patch of Debian's source packages on top of the ones before.  Every patch
# object is applied to a process that runs the program as it was, and reverted.
#
#     HP_FIXES="PACKAGE..."     these; without it a share (make fixes: all)
#     HP_FIXES_RESULTS=FILE     appends a line of the table of results for each
#     HP_FIXES_MODE=oracle      makes no patches, but compares the assembly of
#                               each function before and after with its hash
#
# SPDX-License-Identifier: MIT
# shellcheck disable=SC2034,SC2044,SC2046,SC2086 # by name; names without blanks; lists
. "$HP_SRCDIR/testsuite/lib/common.sh"
. "$HP_SRCDIR/testsuite/real/fetch.sh"
tools=$HP_BUILDDIR/tools
mode=${HP_FIXES_MODE:-patches}
flags="-g0 -O2 -fplugin=$HP_PLUGIN -fplugin-arg-hotpatch-all \
-fplugin-arg-hotpatch-baseline"
# Where something is inlined, the assembly of its callers changes with it.
[ "$mode" = oracle ] || flags="$flags -fplugin-arg-hotpatch-inline"
packages=${HP_FIXES:-lua5.4 expat tinyxml}
results=${HP_FIXES_RESULTS:-/dev/null}

# What the compiler gives to the assembler is kept beside the object.
mkdir keep
cat >keep/as <<'EOT'
#!/bin/sh
object= input=
for word; do
  [ "$last" != -o ] || object=$word
  last=$word input=$word
done
[ ! -f "$input" ] || cp "$input" "$object.s"
PATH=${PATH#*keep:}
exec as "$@"
EOT
sed -i 's/^object= input=/object= input= last=/' keep/as
chmod +x keep/as
keep=
[ "$mode" != oracle ] || keep=$workdir/keep

cat >host.c <<'EOT'
#include <unistd.h>
int main(void) { for (;;) usleep(10000); }
EOT

# host_of ARCHIVE LIBRARY...: a process that has all of a library.
host_of()
{
  archive=$1 && shift
  ${linker:-$CC} host.c -Wl,--whole-archive "$archive" -Wl,--no-whole-archive "$@" -o host
}

# configured DIRECTORY OPTION...
configured()
{
  (
    cd "$1" && shift || exit
    [ -x configure ] || autoreconf -fi || exit
    ./configure -q --disable-shared CFLAGS="$flags" CC="$CC" \
      CXXFLAGS="$flags" CXX="$CXX" "$@"
  )
}

# For each package: configure_X; make_X, which brings the program up to date;
# image_X, what runs; run_X starts it in the background.
configure_lua() { :; }
make_lua() { make -s -C source/src linux MYCFLAGS="$flags" "$@"; }
image_lua=source/src/lua
run_lua() { source/src/lua -e 'while true do end' & }

configure_expat() { configured source/expat; }
make_expat() { make -s -C source/expat/lib libexpat.la "$@"; }
image_expat=host
link_expat() { host_of source/expat/lib/.libs/libexpat.a -lm; }
run_host() { ./host & }

configure_dnsmasq() { :; }
make_dnsmasq() { make -s -C source CFLAGS="$flags" CC="$CC" "$@"; }
image_dnsmasq=source/src/dnsmasq
run_dnsmasq()
{
  source/src/dnsmasq -k -C /dev/null -p 0 --user="$(id -un)" \
    --pid-file="$workdir/pid" >/dev/null 2>&1 &
}

configure_tiff() { configured source --disable-cxx; }
make_tiff()
{
  make -s -C source/port "$@" && make -s -C source/libtiff libtiff.la "$@"
}
image_tiff=host
link_tiff() { host_of source/libtiff/.libs/libtiff.a $(sed -n "s/^dependency_libs='\(.*\)'/\1/p" source/libtiff/libtiff.la | sed 's/[^ ]*\.la//g') -lm; }

configure_libxml()
{
  configured source --without-python --without-lzma --without-icu \
    --without-zlib
}
make_libxml() { make -s -C source libxml2.la "$@"; }
image_libxml=host
link_libxml() { host_of source/.libs/libxml2.a -lm -ldl; }

configure_nginx()
{
  (cd source && ./configure --prefix="$workdir" --with-threads --with-cc="$CC" \
    --without-http_rewrite_module --without-http_gzip_module --with-mail \
    --with-stream --with-http_v2_module --with-http_mp4_module \
    --with-http_dav_module $nginx_ssl --with-cc-opt="$flags")
}
make_nginx() { make -s -C source "$@"; }
image_nginx=source/objs/nginx
run_nginx()
{
  mkdir -p logs
  printf 'daemon off; master_process off; pid %s/pid; events {}\nhttp { server { listen unix:%s/socket; } }\n' \
    "$workdir" "$workdir" >nginx.conf
  rm -f socket
  source/objs/nginx -c "$workdir/nginx.conf" -e "$workdir/errors" &
}
nginx_ssl=
[ ! -e /usr/include/openssl/ssl.h ] || nginx_ssl="--with-http_ssl_module --with-mail_ssl_module --with-stream_ssl_module"

# Its constants are older than the compiler.
configure_audiofile()
{
  configured source --disable-docs --disable-examples --disable-flac \
    CXX="$CXX -fpermissive"
}
make_audiofile() { make -s -C source/libaudiofile "$@"; }
image_audiofile=host
link_audiofile()
{
  linker=$CXX host_of source/libaudiofile/.libs/libaudiofile.a -lm
}

# library_of PATTERN OPTION...: a makefile for the sources of a library whose own
# build needs more than a compiler.
library_of()
{
  {
    printf 'objects = $(patsubst %%.cpp,%%.o,$(wildcard %s))\n' "$1"
    shift
    printf 'library.a: $(objects)\n\trm -f $@ && ar rcs $@ $^\n'
    printf '%%.o: %%.cpp\n\t%s %s %s -MD -c -o $@ $<\n' "$CXX" "$flags" "$*"
    printf '%s\n' '-include $(objects:.o=.d)'
  } >library.mk
}
configure_tinyxml()
{
  library_of 'source/tinyxml*.cpp' -DTIXML_USE_STL
}
make_tinyxml() { make -s -f library.mk library.a "$@"; }
image_tinyxml=host
link_tinyxml() { linker=$CXX host_of library.a; }
configure_libebml()
{
  # CMake would write it.
  echo '#define EBML_DLL_API' >source/ebml/ebml_export.h
  library_of 'source/src/*.cpp' -Isource -Isource/ebml
}
make_libebml() { make -s -f library.mk library.a "$@"; }
image_libebml=host
link_libebml() { linker=$CXX host_of library.a; }

start_package()
{
  configure_$name >configure.log 2>&1 && build && return
  tail -n 5 configure.log make.log
  return 1
}

# short_name PACKAGE
short_name()
{
  case $1 in
    lua5.4) echo lua ;;
    libxml2) echo libxml ;;
    *) echo "$1" ;;
  esac
}

# changes_code PATCH: of what is compiled here.
changes_code()
{
  case $1 in *[Tt]est*) return 1 ;; esac
  grep '^+++ ' "$1" | grep -E '\.(c|h|cpp)([[:space:]]|$)' |
    grep -qvE '/(test|tests|testsuite|fuzz|doc|docs|contrib|tools|man|python|examples?)/'
}

build()
{
  (
    [ -z "$keep" ] || export COMPILER_PATH="$keep"
    make_$name -j 2
  ) >make.log 2>&1 || return
  case $(eval echo \$image_$name) in
    host) link_$name ;;
  esac
}

start_program()
{
  case $(eval echo \$image_$name) in
    host) run_host ;;
    *) run_$name ;;
  esac
  pid=$!
  sleep 0.3
  kill -0 $pid
}
trap 'kill $pid 2>/dev/null; remove_workdir' EXIT
pid=
total=0

is_replaced()
{
  "$tools/hp-status" $pid | grep -q applied
}

# judge PATCH: makes the patch object; sets verdict, seconds and detail.
judge()
{
  image=$(eval echo \$image_$name)
  start=$(cut -d' ' -f 16,17 /proc/$$/stat)
  "$tools/hp-patch" --against "$image" -o fix.so --name fix -- \
    sh -c ". ./one.sh; make_$name" >report 2>&1
  status=$?
  end=$(cut -d' ' -f 16,17 /proc/$$/stat)
  seconds=$(echo "$start $end" | awk '{ printf "%.2f", ($3 + $4 - $1 - $2) / 100 }')
  replaced=$(grep -c '^  replaces' report)
  detail=$(grep -E 'error: hotpatch|hp-patch: |warning|cannot' report | head -n 2 | cut -c1-300 | tr '\n' ' ')
  case $status in
    0) verdict=made ;;
    3) verdict="no change" ;;
    *) verdict=refused ;;
  esac
}

try_patch_object()
{
  "$tools/hp-apply" -t 20 $pid fix.so >apply.out 2>&1 || {
    cat apply.out
    return 1
  }
  is_replaced && "$tools/hp-revert" -t 20 $pid fix && ! is_replaced && kill -0 $pid
}

# old_assembly: keeps that of now for a comparison.
old_assembly()
{
  find source -name '*.o.s' -exec mv {} {}.old \;
}

# Each function whose assembly has changed has another hash.
nothing_is_missed()
{
  build || return 0
  found=0
  for new in $(find source -name '*.o.s'); do
    [ -e "$new.old" ] || continue
    python3 "$HP_SRCDIR/testsuite/real/oracle.py" "$new.old" "$new" >compared || found=1
    echo "$new: $(tail -n 1 compared)"
    grep '^missed' compared
    total=$((total + $(sed -n 's/^same \([0-9]*\), changed \([0-9]*\), more \([0-9]*\)$/\1 + \2 + \3/p' compared)))
  done
  return $found
}

try_fix()
{
  judge "$1"
  cat report
  [ "$verdict" = made ] || return 0
  start_program || return
  try_patch_object
  applied=$?
  kill $pid 2>/dev/null
  wait $pid 2>/dev/null
  if [ $applied != 0 ]; then
    verdict="made, not applied"
    detail=$(cut -c1-300 apply.out | head -n 2 | tr '\n' ' ')
  fi
  return $applied
}

# A hash that stays where the code changes is noticed.
notices_a_miss()
{
  echo 'int f(int x) { return x + 1; }' >one.c
  echo 'int f(int x) { return x + 2; }' >two.c
  for each in one two; do
    $CC $flags -S $each.c -o $each.s || return
  done
  python3 "$HP_SRCDIR/testsuite/real/oracle.py" one.s two.s || return
  hash=$(sed -n 's/.*"f e*s* \([^ ]*\) .*/\1/p' one.s)
  sed -i "s|\"f \(e*s*\) [^ ]* |\"f \1 $hash |" two.s
  ! python3 "$HP_SRCDIR/testsuite/real/oracle.py" one.s two.s >told &&
    grep -qx "missed f" told
}
[ "$mode" != oracle ] || ok "a hash that misses a change is noticed" notices_a_miss

for package in $packages; do
  name=$(short_name $package)
  cd "$workdir" || exit
  mkdir -p "$package" && cd "$package" || exit
  cp ../host.c .
  workdir_before=$workdir workdir=$PWD
  have_source "$package"
  unpack_source "$package" || skip_all "$(tail -n 1 unpack.log)"
  # What the build runs must be known to the shell that hp-patch starts.
  {
    echo "flags='$flags' CC='$CC' CXX='$CXX'"
    type make_$name | sed 1d
  } >one.sh
  ok "$package is built with a baseline" start_package
  for patch in $(grep -v '^#' source/debian/patches/series | awk '{ print $1 }'); do
    file=source/debian/patches/$patch
    changes_code "$file" || continue
    [ "$mode" != oracle ] || old_assembly
    patch -d source -p1 -s -f <"$file" >/dev/null 2>&1
    if [ "$mode" = oracle ]; then
      ok "$package, $patch: no changed function has an unchanged hash" nothing_is_missed
      echo "# $total functions compared so far"
      build || {
        patch -R -d source -p1 -s -f <"$file" >/dev/null 2>&1
        build || break
      }
      continue
    fi
    replaced=0 detail=
    ok "$package, $patch: a patch object is made, applied and reverted, or refused" try_fix "$patch"
    if ! build; then
      # It needs what Debian's own build makes.
      patch -R -d source -p1 -s -f <"$file" >/dev/null 2>&1
      verdict="does not build here"
      build || break
    fi
    echo "# $verdict, $replaced functions, $seconds s: $detail"
    echo "| $package | $patch | $verdict | $replaced | $seconds | $detail |" >>"$results"
  done
  workdir=$workdir_before
done
done_testing
