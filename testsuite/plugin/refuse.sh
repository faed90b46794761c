#!/bin/sh
# What cannot have a site says so, where it is declared: as an error when it
# was chosen in the source, as a warning when by name, and with -all on request.
#
# SPDX-License-Identifier: MIT
. "$HP_SRCDIR/testsuite/plugin/sites.sh"

match=-fplugin-arg-hotpatch-match
list=-fplugin-arg-hotpatch-list

# The compiler's driver: C for files *.c, else C++.
compile()
{
  compile_file=$1
  shift
  case $compile_file in
    *.cc) cxx -std=c++20 -O2 -c "$compile_file" -o out.o "$@" ;;
    *) cc -O2 -c "$compile_file" -o out.o "$@" ;;
  esac
}

fails()
{
  fails_text=$1
  shift
  ! compile "$@" >/dev/null 2>&1 && says "$fails_text" compile "$@"
}

# copies_only [OPTION...]: there are many of these functions, and who writes a
# wildcard means none of them.
copies_only()
{
  echo '*f*' >wild
  echo 'f' >named
  for wildcard in "$match=*f*" "$match=[f]" "$match=$file" "$match=*.c*" \
    "$match=$file:*" $list=wild; do
    ok "$name: nothing with $wildcard" says_not "patch site" compile "$file" \
      -DHOT= "$wildcard" "$@"
  done
  ok "$name: a note with a wildcard and -verbose" says "$file:$place: note:" \
    compile "$file" -DHOT= "$match=*f*" $verbose "$@"
  for named in "$match=$file:f" $list=named; do
    ok "$name: a warning with $named" says "$file:$place: warning:" compile \
      "$file" -DHOT= "$named" "$@"
  done
  ok "$name: a warning when named beside a wildcard" \
    says "$file:$place: warning:" compile "$file" -DHOT= "$match=*f*" \
    "$match=f" "$match=*" "$@"
  rm -f report.txt
  ok "$name: a report with a wildcard" compile "$file" -DHOT= "$match=*f*" \
    -fplugin-arg-hotpatch-report=report.txt "$@"
}

# refused NAME FILE PLACE REASON [OPTION...]: function f of the file, which
# calls itself HOT when chosen in the source.
refused()
{
  name=$1 file=$2 place=$3 reason=$4
  shift 4
  ok "$name: an error at the declaration" \
    fails "$file:$place: error:" "$file" "-DHOT=__attribute__((hotpatch))" "$@"
  ok "$name: the reason" fails "$reason" "$file" \
    "-DHOT=__attribute__((hotpatch))" "$@"
  ok "$name: the way out" fails "or remove the attribute hotpatch" "$file" \
    "-DHOT=__attribute__((hotpatch))" "$@"
  ok "$name: a warning when chosen by name" \
    says "$file:$place: warning:" compile "$file" -DHOT= "$match=f" "$@"
  case $reason in
    'it is always_inline' | 'it is extern gnu_inline' | 'it is consteval')
      copies_only "$@" ;;
    *)
      ok "$name: a warning with a wildcard" \
        says "$file:$place: warning:" compile "$file" -DHOT= "$match=*f*" "$@"
      ;;
  esac
  ok "$name: nothing with -all" \
    says_not "patch site" compile "$file" -DHOT= $all "$@"
  ok "$name: a note with -all -verbose" \
    says "$file:$place: note:" compile "$file" -DHOT= $all $verbose "$@"
  ok "$name: nothing when it is kept out" says_not "patch site" compile \
    "$file" '-DHOT=__attribute__((no_hotpatch))' "$match=*f*" "$@"
}

echo 'HOT static inline __attribute__((always_inline)) int f(int x) { return x; }
int g(int x) { return f(x); }' >always_inline.c
refused always_inline always_inline.c 1:54 "it is always_inline"

echo 'HOT __attribute__((naked)) void f(void) { __asm__("ret"); }' >naked.c
refused naked naked.c 1:33 "it is naked"

echo 'HOT __attribute__((ms_hook_prologue)) int f(int x) { return x; }' >hook.c
refused ms_hook_prologue hook.c 1:43 "ms_hook_prologue takes the place"

echo 'HOT __attribute__((patchable_function_entry(5))) int f(int x) { return x; }' \
  >entry.c
refused "patchable_function_entry attribute" entry.c 1:54 \
  "patchable_function_entry takes the place"

echo 'HOT int f(int x) { return x; }' >plain.c
refused "-fpatchable-function-entry" plain.c 1:9 \
  "compile without -fpatchable-function-entry" -fpatchable-function-entry=5,2
ok "patchable_function_entry(0) overrides the option" \
  says_not "patch site" compile plain.c -fpatchable-function-entry=5 \
  '-DHOT=__attribute__((hotpatch, patchable_function_entry(0)))'
refused "-fsplit-stack" plain.c 1:9 "compile without -fsplit-stack" \
  -fsplit-stack

echo 'HOT __attribute__((target_clones("avx2", "default")))
int f(int x) { return x; }' >clones.c
refused target_clones clones.c 2:5 "target_clones makes several functions"

echo 'int one(int x) { return x; }
static int (*resolve(void))(int) { return one; }
HOT int f(int x) __attribute__((ifunc("resolve")));' >ifunc.c
refused ifunc ifunc.c 3:9 "it is an ifunc"

echo 'int one(int x) { return x; }
HOT int (*f(void))(int) { return one; }
int chosen(int x) __attribute__((ifunc("f")));' >resolver.c
refused "ifunc resolver" resolver.c 2:11 "it is the resolver of an ifunc"

echo '__attribute__((no_hotpatch)) int one(int x) { return x; }
HOT int f(int x) __attribute__((alias("one")));' >alias.c
refused "alias of what is not chosen" alias.c 2:9 "choose that function"
sed -i 's/^__attribute__((no_hotpatch)) //' alias.c
ok "alias of what is chosen" says_not "patch site:" compile alias.c \
  '-DHOT=__attribute__((hotpatch))' "$match=one"

echo 'HOT extern inline __attribute__((gnu_inline)) int f(int x) { return x; }
int g(int x) { return f(x); }' >gnu_inline.c
refused "extern gnu_inline" gnu_inline.c 1:51 "it is extern gnu_inline"

echo 'HOT consteval int f(int x) { return x; }
int g() { return f(1); }' >consteval.cc
refused consteval consteval.cc 1:19 "it is consteval"

# bodiless NAME PLACE REASON SOURCE: what is declared for good, in C++.
bodiless()
{
  echo "$4" >bodiless.cc
  ok "$1: an error at the declaration" fails "bodiless.cc:$2: error:" \
    bodiless.cc '-DHOT=__attribute__((hotpatch))'
  ok "$1: the reason" fails "$3" bodiless.cc '-DHOT=__attribute__((hotpatch))'
  ok "$1: told once" sh -c '[ "$(grep -c error: says.out)" = 1 ]'
  ok "$1: nothing with a pattern or -all" says_not "patch site" compile \
    bodiless.cc -DHOT= "$match=*" $all
  ok "$1: nothing when it is kept out" says_not "patch site" compile \
    bodiless.cc '-DHOT=__attribute__((hotpatch, no_hotpatch))'
}
bodiless "pure virtual" 1:28 "it is pure virtual" \
  'struct s { HOT virtual int f() = 0; };'
bodiless "pure virtual in a template" 1:47 "it is pure virtual" \
  'template <class T> struct s { HOT virtual int f() = 0; };'
bodiless "pure virtual in a function" 1:38 "it is pure virtual" \
  'int g() { struct s { HOT virtual int f() = 0; }; return 0; }'
bodiless "deleted" 1:9 "it is deleted" 'HOT int f(int) = delete;'
bodiless "a deleted member" 1:16 "it is deleted" \
  'struct s { HOT s(const s&) = delete; };'
bodiless "a deleted member of a template" 1:39 "it is deleted" \
  'template <class T> struct s { HOT int f() = delete; };'
bodiless "a trivial assignment" 1:26 "it is defaulted and trivial" \
  'struct s { int n; HOT s& operator=(const s&) = default; };'
bodiless "a trivial constructor" 1:23 "it is defaulted and trivial" \
  'struct s { int n; HOT s() = default; };'
bodiless "a trivial destructor" 1:23 "it is defaulted and trivial" \
  'struct s { int n; HOT ~s() = default; };'
cat >bodies.cc <<'EOT'
struct abstract {
  __attribute__((hotpatch)) virtual ~abstract() = 0;
  __attribute__((hotpatch)) abstract& operator=(const abstract&) = default;
  virtual int f() = 0;
};
abstract::~abstract() {}
__attribute__((hotpatch)) int abstract::f() { return 1; }
struct leaf : abstract { int f() override { return abstract::f(); } };
int main() { leaf a, b; a = b; return a.f() - 1; }
EOT
bodies()
{
  cxx -O2 -Werror bodies.cc -o bodies && ./bodies && has_site bodies \
    _ZN8abstractD2Ev _ZN8abstract1fEv _ZN8abstractaSERKS_
}
ok "pure virtual with a definition, and not trivial: sites" bodies
echo 'template <class T> struct s {
  T t;
  __attribute__((hotpatch)) s& operator=(const s&) = default;
};' >some.cc
ok "trivial in some instances: a warning" says "some.cc:3:32: warning:" \
  compile some.cc

# What gets a site, but not every call.
limited()
{
  name=$1 file=$2 place=$3 reason=$4
  ok "$name: a warning" says "$file:$place: warning: a replacement of" \
    compile "$file" '-DHOT=__attribute__((hotpatch))'
  ok "$name: the reason" says "$reason" \
    compile "$file" '-DHOT=__attribute__((hotpatch))'
  ok "$name: a warning when chosen by name" says "$reason" \
    compile "$file" -DHOT= "$match=f*"
  ok "$name: nothing with -all" says_not "replacement" compile "$file" -DHOT= \
    $all
  ok "$name: a note with -all -verbose" says "$file:$place: note:" \
    compile "$file" -DHOT= $all $verbose
}
echo 'HOT constexpr int f(int x) { return x; }
int g() { return f(1); }' >constexpr.cc
limited constexpr constexpr.cc 1:19 "it is constexpr"
echo 'HOT __attribute__((const)) int f(int x) { return x; }' >const.c
limited const const.c 1:32 "const or pure"
echo 'HOT __attribute__((pure)) int f(int x) { return x; }' >pure.c
limited pure pure.c 1:31 "const or pure"

# What is not a function.
for source in 'HOT int v;' 'HOT typedef int t;' 'struct HOT s { int m; };' \
  'struct s { HOT int m; };' 'void g(HOT int p);' 'enum e { a HOT };' \
  'void g(void) { HOT int l; }' 'HOT int (*pointer)(int);'; do
  echo "$source" >not.c
  ok "not a function: $source" fails "attribute 'hotpatch' is for functions" \
    not.c '-DHOT=__attribute__((hotpatch))'
done
echo '[[gnu::hotpatch]] int v;' >std.cc
ok "not a function: [[gnu::hotpatch]] int v" fails "is for functions" std.cc
echo '__attribute__((hotpatch(1))) int f(void) { return 1; }' >argument.c
ok "the attribute takes no argument" fails "wrong number of arguments" argument.c

# Other targets.
for bits in -m32 -mx32 -m16; do
  ok "$bits" fails "x86-64 only" plain.c '-DHOT=__attribute__((hotpatch))' $bits
  ok "$bits without a chosen function" compile plain.c -DHOT= $bits
done

# Options.
option()
{
  compile plain.c -DHOT= "-fplugin-arg-hotpatch-$1"
}
refuses()
{
  refuses_text=$1
  shift
  ! option "$@" >/dev/null 2>&1 && says "$refuses_text" option "$@"
}
ok "an unknown option" refuses "there is no option 'frobnicate'" frobnicate
ok "it names those there are" refuses "'match', 'list', 'all'" frobnicate=1
ok "match without a value" refuses "option 'match' needs a value" match
ok "match with an empty value" refuses "option 'match' needs a value" match=
ok "all with a value" refuses "option 'all' takes no value" all=yes
ok "a list that is not there" refuses "'nowhere': No such file" list=nowhere
mkdir directory
ok "a list that is a directory" refuses "cannot read the list" list=directory
ok "version" says "hotpatch 0." option version
ok "help" says "match=GLOB" option help
ok "verbose" says "gets a patch site" compile plain.c -DHOT= $all $verbose

# The compiler itself.
major=$($CC -dumpversion | cut -d. -f1)
cp -L "$HP_PLUGIN" copy.so
mkdir "gcc-$major"
cp -L "${HP_PLUGIN%/*}/gcc-$major/hotpatch.so" "gcc-$major/hotpatch.so"
ok "loaded twice" fails "loaded twice" plain.c -DHOT= -fplugin=./copy.so
ln -s "$HP_PLUGIN" link.so
ok "a link to the plugin" $CC -DHOT= -c plain.c -fplugin=./link.so

# without_plugin COMPILER MESSAGE: hotpatch has none for its release.
mkdir empty
cp -L "$HP_PLUGIN" empty/hotpatch.so
without_plugin()
{
  refuses_release=$($1 -dumpfullversion)
  ! $1 -DHOT= -c plain.c -fplugin="$2" 2>err &&
    grep "there is no plugin for GCC $refuses_release in .*$3; configure" err
}
ok "no plugin" without_plugin "$CC" empty/hotpatch.so empty
mkdir empty/gcc-4 empty/gcc-8 empty/gcc-9 empty/gcc-10
touch empty/gcc-8/hotpatch.so empty/gcc-9/hotpatch.so empty/gcc-10/hotpatch.so
ok "it names those there are" without_plugin "$CC" empty/hotpatch.so \
  ", only for GCC 8, 9 and 10"
mkdir "empty/gcc-$major"
touch "empty/gcc-$major/hotpatch.so"
ok "a plugin that is no plugin" \
  says "gcc-$major/hotpatch.so: file too short" \
  "$CC" -DHOT= -c plain.c -fplugin=empty/hotpatch.so

others=
for other in 11 12 13 14 15 16; do
  if [ "$other" != "$major" ] && command -v "gcc-$other" >/dev/null; then
    others=yes
    ok "GCC $other with the plugin for $major" \
      without_plugin "gcc-$other" "$HP_PLUGIN" ", only for GCC $major"
  fi
done
[ -n "$others" ] || skip "another GCC" "only one GCC is installed"
done_testing
