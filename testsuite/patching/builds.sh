#!/bin/sh
# hp-patch works with the ways in which projects are built: debugging
# information in files of its own, caches of compilers, libtool, CMake, several
# programs and languages.  Each tree stays as it was.
#
# SPDX-License-Identifier: MIT
# shellcheck disable=SC2154 # used here, set in the files that are read
. "$HP_SRCDIR/testsuite/patching/common.sh"
. "$HP_SRCDIR/testsuite/patching/project.sh"
. "$HP_SRCDIR/testsuite/lib/controls.sh"

schema=$HP_SRCDIR/tools/hp-patch.schema.json
report=$PWD/report
if python3 -c 'import jsonschema' 2>/dev/null; then
  # follows_schema: the document in the report.
  follows_schema()
  {
    python3 -c 'import json, sys, jsonschema
jsonschema.Draft202012Validator.check_schema(json.load(open(sys.argv[2])))
jsonschema.validate(json.load(open(sys.argv[1])), json.load(open(sys.argv[2])))
' "$report" "$schema"
  }
else
  follows_schema() { true; }
  skip "the documents follow the schema" "python3-jsonschema is not installed"
fi

# patch_of IMAGE BUILD...: the report is what hp-patch says of what has changed,
# and ../fix.so the patch.
patch_of()
{
  image=$1
  shift
  "$hp_patch" --against="$image" -o ../fix.so --name=fix --json -- "$@" \
    >"$report" 2>"$report.errors"
  patch_of_status=$?
  cat "$report" "$report.errors"
  return $patch_of_status
}

# gives_result KIND [NAME...]: the report has it, and these are replaced.
gives_result()
{
  python3 -c 'import json, sys
d = json.load(open(sys.argv[1]))
names = sorted(f["name"] for p in d["patches"] for f in p["replaced"])
if d["result"] != sys.argv[2] or names != sorted(sys.argv[3:]):
    sys.exit("%s %s %s" % (d["result"], names, d))
' "$report" "$@" && follows_schema
}

# The intermediate files that -save-temps asks for are those of the comparison.
state_of_tree()
{
  state_of . | grep -v 'tap\.out\|\.[is]$'
}

# works_with NAME IMAGE BUILD...: in ./tree, which is built by now.
works_with()
{
  works_name=$1
  shift
  cp -p src/conn.c ../conn.c
  ok "$works_name: a tree that is as it was" gives 3 '"nothing"' patch_of "$@"
  sed -i 's/return n \* 2/return n * 3 + limit/' src/conn.c
  state_of_tree >../before
  ok "$works_name: a patch is made" patch_of "$@"
  ok "$works_name: of what has changed" gives_result made parse_header
  state_of_tree >../after
  ok "$works_name: the tree is as it was" diff ../before ../after
  cp -p ../conn.c src/conn.c
  ok "$works_name: the temporary directory is empty" leaves_nothing
}

# in_tree NAME MAKE-ARGUMENT...
in_tree()
{
  tree_name=$1
  shift
  rm -rf tree
  write_project tree
  cd tree || return
  if ok "$tree_name: the project is built" make -s server "$@"; then
    works_with "$tree_name" ./server make "$@"
  fi
  cd ..
}

in_tree "debugging information of its own" CFLAGS='-O2 -g -gsplit-dwarf'
in_tree "all intermediate files" CFLAGS='-O2 -g3 -save-temps=obj'
in_tree "sections for each function" \
  CFLAGS='-O2 -ffunction-sections -fdata-sections -pipe'
in_tree "another name of the compiler" CC="$(command -v "$CC")"

# With a cache, what is the same comes out of it without the compiler.
for cache in ccache sccache distcc; do
  if ! command -v $cache >/dev/null; then
    skip "$cache" "$cache is not installed"
    continue
  fi
  CCACHE_DIR=$PWD/cache SCCACHE_DIR=$PWD/cache DISTCC_DIR=$PWD/cache
  SCCACHE_SERVER_UDS=$PWD/sccache.socket DISTCC_HOSTS=localhost
  SCCACHE_IDLE_TIMEOUT=60
  export CCACHE_DIR SCCACHE_DIR DISTCC_DIR SCCACHE_SERVER_UDS DISTCC_HOSTS \
    SCCACHE_IDLE_TIMEOUT
  rm -rf cache
  mkdir cache
  write_project warm
  ok "$cache: it has the objects" make -s -C warm server CC="$cache $CC"
  rm -rf warm
  in_tree "$cache" CC="$cache $CC"
  [ $cache != sccache ] || sccache --stop-server >/dev/null 2>&1
  unset CCACHE_DIR SCCACHE_DIR DISTCC_DIR SCCACHE_SERVER_UDS DISTCC_HOSTS \
    SCCACHE_IDLE_TIMEOUT
done

# A shell script that compiles all in one command.
rm -rf tree
write_project tree
cd tree || exit 99
echo "$CC -O2 -fplugin=$HP_PLUGIN -fplugin-arg-hotpatch-all \
-fplugin-arg-hotpatch-baseline -o server src/conn.c src/main.c" >build.sh
ok "one command: the project is built" sh build.sh
works_with "one command" ./server sh build.sh
cd ..

# libtool compiles each source twice and links into a directory of its own.
rm -rf tree
write_project tree
cd tree || exit 99
cat >Makefile <<END
PLUGIN = -fplugin=$HP_PLUGIN -fplugin-arg-hotpatch-all \\
	-fplugin-arg-hotpatch-inline -fplugin-arg-hotpatch-baseline
server: src/main.o libconn.la
	$HP_BUILDDIR/libtool --silent --mode=link $CC -o \$@ src/main.o libconn.la
libconn.la: src/conn.lo
	$HP_BUILDDIR/libtool --silent --mode=link $CC -rpath /usr/lib -o \$@ \$^
src/conn.lo: src/conn.c
	$HP_BUILDDIR/libtool --silent --mode=compile $CC -O2 \$(PLUGIN) -c -o \$@ \$<
src/main.o: src/main.c
	$CC -O2 \$(PLUGIN) -c -o \$@ \$<
END
ok "libtool: the project is built" make -s server
works_with "libtool" .libs/libconn.so make
without_links()
{
  # shellcheck disable=SC2030 # for this alone
  (
    hp_patch=$(control_tool hp-patch)
    export HOTPATCH_INTERCEPT="$intercept"
    cp -p src/conn.c ../conn.c
    sed -i 's/return n \* 2/return n * 3 + limit/' src/conn.c
    without keep_libtool_files patch_of .libs/libconn.so make
    cp -p ../conn.c src/conn.c
  ) && test -e .libs/libconn.so
}
ok "control: the tools for controls are built" build_controls
ok "control: libtool deletes the library otherwise" not without_links
cd ..

# CMake, out of the tree, with make, with ninja, and by its database.
if command -v cmake >/dev/null; then
  for generator in 'Unix Makefiles' Ninja; do
    if [ "$generator" = Ninja ] && ! command -v ninja >/dev/null; then
      skip "CMake and ninja" "ninja-build is not installed"
      continue
    fi
    rm -rf tree
    write_project tree
    cd tree || exit 99
    cat >CMakeLists.txt <<END
cmake_minimum_required(VERSION 3.18)
project(server C)
set(CMAKE_C_FLAGS_RELEASE "-O2")
add_compile_options(-fplugin=$HP_PLUGIN -fplugin-arg-hotpatch-all
  -fplugin-arg-hotpatch-inline -fplugin-arg-hotpatch-baseline)
add_library(conn SHARED src/conn.c)
add_executable(server src/main.c)
target_link_libraries(server conn)
END
    cmake_build()
    {
      cmake -S . -B out -G "$generator" -DCMAKE_C_COMPILER="$CC" \
        -DCMAKE_BUILD_TYPE=Release -DCMAKE_EXPORT_COMPILE_COMMANDS=ON &&
        cmake --build out
    }
    ok "$generator: the project is built" cmake_build
    # Its lists of dependencies are written again.
    cp -p src/conn.c ../conn.c
    sed -i 's/return n \* 2/return n * 3 + limit/' src/conn.c
    sum=$(cat out/libconn.so out/server | cksum)
    ok "$generator: a patch is made" patch_of out/libconn.so cmake --build out
    ok "$generator: of what has changed" gives_result made parse_header
    equals "$generator: the programs are as they were" "$sum" \
      "$(cat out/libconn.so out/server | cksum)"
    by_database()
    {
      "$hp_patch" --against=out/libconn.so -o ../fix.so --name=fix --json \
        -p out/compile_commands.json >"$report"
    }
    ok "$generator: by the database" by_database
    ok "$generator: the same" gives_result made parse_header
    cp -p ../conn.c src/conn.c
    cd ..
  done
else
  skip "CMake" "cmake is not installed"
fi

# A program in C++ and a library in C: each gets a patch.
mkdir both && cd both || exit 99
cat >library.c <<'EOT'
#include "library.h"
static int calls;
int level(int x) { return scaled(x) + ++calls; }
EOT
cat >library.h <<'EOT'
#ifdef __cplusplus
extern "C"
#endif
int level(int x);
static inline int scaled(int x) { return x * 2; }
EOT
cat >program.cc <<'EOT'
#include <cstdio>
#include <string>
#include "library.h"
namespace {
struct reader {
  std::string text;
  int read(int x) { text += "."; return scaled(x) + static_cast<int>(text.size()); }
} only;
}
int main()
{
  char line[64];
  while (std::fgets(line, sizeof line, stdin)) {
    int level_now = level(1);
    std::printf("%d %d\n", level_now, only.read(1));
    std::fflush(stdout);
  }
}
EOT
cat >Makefile <<END
FLAGS = $baseline_flags
program: program.o liblibrary.so
	$CXX -o \$@ program.o -L. -llibrary -Wl,-rpath,'\$\$ORIGIN'
program.o: program.cc library.h
	$CXX \$(FLAGS) -c -o \$@ program.cc
liblibrary.so: library.c library.h
	$CC \$(FLAGS) -fPIC -shared -o \$@ library.c
END
ok "a program and its library are built" make -s program
both()
{
  "$hp_patch" --against=program --against=liblibrary.so -o ./ --name=fix --json \
    -- make >"$report"
  both_status=$?
  cat "$report"
  return $both_status
}
sed -i 's/x \* 2/x * 102/' library.h
ok "both get a patch" both
start ./program
ok "the program runs" answers_are "3 3"
ok "that of the library is applied" "$tools/hp-apply" $pid fix-liblibrary.so
ok "it works" answers_are "104 4"
ok "that of the program is applied" "$tools/hp-apply" $pid fix-program.so
ok "it works as well" answers_are "105 105"
ok "both are named in the report" grep -q '"fix-program"' "$report"
# Nothing to patch, and a refusal, as documents.
sed -i 's/x \* 102/x * 2/' library.h
ok "the sources are as they were" gives 3 '"nothing"' both
ok "the document says so" gives_result nothing
sed -i 's/int x)/long x)/' library.h
sed -i 's/int x)/long x)/' library.c
ok "another type is refused" gives 1 '"refused"' both
ok "the document says it" gives_result refused
done_testing
