#!/bin/sh
# What `make install` leaves works for those who only have that: C and
# C++ programs, shared and static, by what pkg-config says.
#
# SPDX-License-Identifier: MIT
. "$HP_SRCDIR/testsuite/lib/common.sh"
. "$HP_SRCDIR/testsuite/examples/build.sh"

# Staged, so that nothing has to be configured again; pkg-config is told to
# take the prefix from where it finds hotpatch.pc.
stage=$workdir/stage
install_all()
{
  make -s -C "$HP_BUILDDIR" install DESTDIR="$stage"
}
ok "make install" install_all

pc=$(find "$stage" -name hotpatch.pc)
[ -n "$pc" ] || done_testing
library=${pc%/pkgconfig/hotpatch.pc}
prefix=${library%/*}
export LIBRARY="$library"
export PKG_CONFIG_PATH="$library/pkgconfig"
export PKG_CONFIG="pkg-config --define-prefix"
plugin=$($PKG_CONFIG --variable=plugin hotpatch)
cflags=$($PKG_CONFIG --cflags hotpatch)
libs="$($PKG_CONFIG --libs hotpatch) -Wl,-rpath,$library"
static_libs=$($PKG_CONFIG --static --libs hotpatch)

for file in include/hotpatch.h include/hotpatch.hpp lib/libhotpatch.so \
  lib/libhotpatch.a bin/hp-list bin/hp-apply bin/hp-revert bin/hp-status \
  bin/hp-watch bin/hp-patch share/man/man1/hp-patch.1 \
  libexec/hotpatch/intercept/as libexec/hotpatch/intercept/collect2 \
  libexec/hotpatch/intercept/objcopy lib/systemd/system/hotpatch-watch.service \
  share/man/man1/hp-watch.1 \
  share/man/man1/hp-list.1 share/man/man1/hp-apply.1 \
  share/man/man1/hp-revert.1 share/man/man1/hp-status.1 \
  share/man/man3/hotpatch.3 share/man/man7/hotpatch.7; do
  ok "$file is installed" test -f "$prefix/$file"
done
# The administrator turns the watcher on.
ok "the watcher is off" \
  sh -c "! find '$prefix' -name '*.wants' | grep ."
unit=$library/systemd/system/hotpatch-watch.service
runs_what_is_there()
{
  cat "$unit"
  grep -qE '^ExecStart=/.*/bin/hp-watch /.*/hotpatch/patches$' "$unit"
}
ok "its unit runs hp-watch" runs_what_is_there
ok "hotpatch.pc names the plugin" test -f "$plugin"

only_the_plugins()
{
  [ "$(cd "${plugin%/*}" && find . -type f | sort)" = \
    "./gcc-$("$CC" -dumpversion | cut -d. -f1)/hotpatch.so
./hotpatch.so" ]
}
ok "nothing else lies there but GCC's own" only_the_plugins

# --- The library ------------------------------------------------------------

has_soname()
{
  readelf -d "$library/libhotpatch.so" | grep 'SONAME.*\[libhotpatch\.so\.0\]'
}
ok "the soname is libhotpatch.so.0" has_soname

exports_hp_only()
{
  nm -D --defined-only "$library/libhotpatch.so" |
    awk '$2 != "A" && $3 !~ /^hp_[a-z_]*@@HOTPATCH_/ { print; bad = 1 }
         $3 ~ /^hp_apply_as@@/ { found = 1 }
         END { exit bad || !found }'
}
ok "it exports versioned hp_ symbols and nothing else" exports_hp_only

exports_are_declared()
{
  for symbol in $(nm -D --defined-only "$library/libhotpatch.so" |
    sed -n 's/.* \(hp_[a-z_]*\)@.*/\1/p'); do
    grep -q "^HP_API.*[ *]${symbol}[(;]" "$prefix/include/hotpatch.h" || {
      echo "$symbol is not declared"
      return 1
    }
  done
}
ok "each is declared in hotpatch.h" exports_are_declared

needs_no_cxx()
{
  ! readelf -d "$library/libhotpatch.so" | grep 'NEEDED.*stdc++'
}
ok "it needs no C++ runtime" needs_no_cxx

# --- The headers ------------------------------------------------------------

# header LANGUAGE STANDARD HEADER: compiles alone, without a warning.
header()
{
  echo "#include <$3>" >alone
  # What pkg-config prints are words.
  # shellcheck disable=SC2086
  "$CC" -x "$1" "-std=$2" -Wall -Wextra -Wpedantic -Werror $cflags \
    -fsyntax-only alone
}
for standard in c11 c17 c2x; do
  ok "hotpatch.h is whole in $standard" header c "$standard" hotpatch.h
done
for standard in c++11 c++14 c++17 c++20; do
  ok "hotpatch.h is whole in $standard" header c++ "$standard" hotpatch.h
done
for standard in c++17 c++20; do
  ok "hotpatch.hpp is whole in $standard" header c++ "$standard" hotpatch.hpp
done

# --- Programs ---------------------------------------------------------------

cat >program.c <<'END'
#include <hotpatch.h>
HP_PATCHABLE int answer(void) { return 41; }
static int right_answer(void) { return 42; }
int main(void)
{
  return !(answer() == 41 && hp_apply("answer", right_answer) == HP_OK &&
           answer() == 42 && hp_revert("answer") == HP_OK && answer() == 41);
}
END
cat >program.cc <<'END'
#include <hotpatch.hpp>
struct question {
  HP_PATCHABLE int answer(int bonus) { return 41 + bonus; }
};
static int right_answer(question*, int bonus) { return 42 + bonus; }
int main()
{
  question q;
  return !(q.answer(0) == 41 &&
           hp_apply("question::answer", right_answer) == HP_OK &&
           q.answer(0) == 42 && hp_revert("question::answer") == HP_OK &&
           q.answer(0) == 41);
}
END

# program COMPILER SOURCE ARGUMENT...: builds and runs
program()
{
  program_compiler=$1
  program_source=$2
  shift 2
  # shellcheck disable=SC2086
  "$program_compiler" -O2 -Wall -Wextra "-fplugin=$plugin" $cflags \
    "$program_source" -o program "$@" && ./program
}
# shellcheck disable=SC2086
{
  ok "a C program" program "$CC" program.c $libs
  ok "a C++ program" program "$CXX" program.cc $libs
  ok "a static C program" program "$CC" program.c -static $static_libs
  ok "a static C++ program" program "$CXX" program.cc -static $static_libs
  ok "a C program with the static library" program "$CC" program.c \
    "$library/libhotpatch.a" ${static_libs#*-lhotpatch}
}

installed_hp_list()
{
  LD_LIBRARY_PATH=$library "$prefix/bin/hp-list" program | grep answer
}
ok "the installed hp-list lists one" installed_hp_list

# A patch from changed source, applied to the running program.
patched_from_source()
{
  mkdir source && (
    cd source &&
      echo 'int limit = 40; int answer(void) { return limit + 1; }' >answer.c &&
      echo '#include <unistd.h>
int answer(void);
int main(void) { while (answer() != 42) usleep(1000); }' >main.c &&
      {
        echo "CFLAGS = -O2 -fplugin=$plugin -fplugin-arg-hotpatch-all \\"
        echo "	-fplugin-arg-hotpatch-baseline"
        echo 'server: main.o answer.o'
        echo '	$(CC) -o $@ main.o answer.o'
      } >Makefile && make -s "CC=$CC" server || exit
    ./server &
    server=$!
    sed -i 's/limit + 1/limit + 2/' answer.c
    "$prefix/bin/hp-patch" --against=./server -o fix.so -- make "CC=$CC" &&
      "$prefix/bin/hp-apply" $server fix.so && wait $server ||
      { kill $server && false; }
  )
}
ok "the installed hp-patch and hp-apply end a running program's loop" \
  patched_from_source

# --- Build systems ----------------------------------------------------------

# With HOTPATCH_CHECK of hotpatch.m4.
from_configure()
{
  mkdir autoconf && cp program.c autoconf && (
    cd autoconf &&
      cat >configure.ac <<'END' &&
AC_INIT([program], [1])
AC_PROG_CC
HOTPATCH_CHECK
AC_CONFIG_FILES([Makefile])
AC_OUTPUT
END
      printf '%s\n' 'program: program.c' \
        '	@CC@ @HOTPATCH_PLUGIN_FLAGS@ @HOTPATCH_CFLAGS@ -o $@ $< \' \
        "	  @HOTPATCH_LIBS@ -Wl,-rpath,$library" >Makefile.in &&
      aclocal -I "$prefix/share/aclocal" && autoconf &&
      ./configure -q && make && ./program
  )
}
ok "a program built with autoconf finds it" from_configure

from_cmake()
{
  mkdir cmake && cp program.c program.cc cmake && (
    cd cmake &&
      cat >CMakeLists.txt <<'END' &&
cmake_minimum_required(VERSION 3.18)
project(programs C CXX)
find_package(hotpatch 0.1 REQUIRED)
add_executable(program_c program.c)
add_executable(program_cxx program.cc)
foreach(program program_c program_cxx)
  target_link_libraries(${program} hotpatch::hotpatch hotpatch::plugin)
endforeach()
END
      cmake "-DCMAKE_PREFIX_PATH=$prefix" . && make && ./program_c &&
      ./program_cxx
  )
}
if command -v cmake >/dev/null; then
  ok "programs built with CMake find it" from_cmake
else
  skip "programs built with CMake find it" "cmake is not installed"
fi

# --- The compiler's own plugin directory ------------------------------------

compiler_plugins=$("$CC" -print-file-name=plugin)
ok "the compiler's plugin directory is left alone" not test -e \
  "$stage$compiler_plugins/hotpatch.so"

in_the_compilers_directory()
{
  make -s -C "$HP_BUILDDIR/plugin" install DESTDIR="$stage" \
    plugindir="$compiler_plugins" &&
    test -f "$stage$compiler_plugins/hotpatch.so"
}
ok "the plugin can be installed there" in_the_compilers_directory
plugin=hotpatch
# shellcheck disable=SC2086
ok "where -fplugin=hotpatch finds it" program "$CC" program.c $libs \
  "-B$stage${compiler_plugins%/plugin}"

# --- The examples -----------------------------------------------------------

examples=$(find "$stage" -type d -name examples)
ok "hello builds" build_example "$examples/hello"
ok "hello runs" prints "$examples/hello/expected" hello/hello
ok "shapes builds" build_example "$examples/shapes"
ok "shapes runs" prints "$examples/shapes/expected" shapes/shapes
ok "the shop builds" build_example "$examples/shop"

done_testing
