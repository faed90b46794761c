#!/bin/sh
# Every way to choose functions, and what is never chosen.
#
# SPDX-License-Identifier: MIT
. "$HP_SRCDIR/testsuite/plugin/sites.sh"

match=-fplugin-arg-hotpatch-match
list=-fplugin-arg-hotpatch-list

mkdir src
cat >src/conn.c <<'EOT'
#include <hotpatch.h>
int conn_open(int x) { return x; }
static int reset(int x) { return x + 1; }
int conn_close(int x) { return reset(x); }
HP_PATCHABLE static int marked(int x) { return x; }
static int unused(int x) { return x; }
HP_NOT_PATCHABLE int never(int x) { return x; }
EOT
cat >src/main.c <<'EOT'
int conn_close(int);
static int reset(int x) { return x + 2; }
int main(void) { return conn_close(1) + reset(2) - 6; }
EOT

# chooses EXPECTED OPTION...: the names of all sites, in a row.
chooses()
{
  chooses_wanted=$1
  shift
  cc -O2 "$@" src/conn.c src/main.c -o program && ./program || return 1
  chooses_found=$(sites program | sed 's/^name=\([^ ]*\).*/\1/' | sort |
    tr '\n' ' ')
  [ "$chooses_found" = "$chooses_wanted" ] || {
    echo "chose '$chooses_found', not '$chooses_wanted'"
    return 1
  }
}

ok "the attribute alone" chooses "marked "
ok "all" chooses "conn_close conn_open main marked reset reset " $all
ok "a name" chooses "conn_open marked " $match=conn_open
ok "a glob" chooses "conn_close conn_open marked " "$match=conn_*"
ok "two globs" chooses "conn_open main marked " $match=conn_open "$match=m*n"
cat >src/shop.cc <<'EOT'
#include <string>
namespace shop { std::string label(int n) { return std::to_string(n); } }
int main() { return shop::label(0).size() != 1; }
EOT
# tagged GLOB: the function with an ABI tag is chosen by it.
tagged()
{
  cxx -O2 "$match=$1" src/shop.cc -o program && ./program &&
    sites program | grep -q '^name=_ZN4shop5labelB5cxx11Ei '
}
for name in 'shop::label' 'shop::label(int)' 'shop::label[[]abi:cxx11](int)' \
  'shop::label[abi:cxx11]' 'shop::la*' 'src/shop.cc:shop::label'; do
  ok "ABI tags may be left out: $name" tagged "$name"
done
ok "a character class" chooses "conn_close marked " "$match=conn_[a-l]*"
ok "nothing matches" chooses "marked " $match=no_such_function
ok "a file" chooses "main marked reset " $match=main.c
ok "a file with its directory" chooses "main marked reset " $match=src/main.c
ok "a glob of files" chooses "conn_close conn_open marked reset " "$match=*/conn.c"
ok "a function of a file" chooses "marked reset " $match=conn.c:reset
ok "a glob of functions of a file" chooses "conn_close conn_open marked " \
  "$match=conn.c:conn*"
ok "conn* is not conn.c" chooses "conn_close conn_open marked " "$match=conn*"
ok "no_hotpatch wins over a name" chooses "marked " $match=never
cat >functions <<'EOT'
# what we want to change

conn_open   # and why
	mai*  
EOT
ok "a list" chooses "conn_open main marked " $list=functions
ok "a list and a glob" chooses "conn_close conn_open main marked " \
  $list=functions $match=conn_close
# Longer than what a string keeps inside of itself.
cat >src/long.c <<'EOT'
int connection_pool_release_everything(int x) { return x; }
EOT
echo " connection_pool_release_everything # and why" >functions.long
list_with_a_long_name()
{
  cc -shared -fPIC $list=functions.long src/long.c -o long.so &&
    has_site long.so connection_pool_release_everything
}
ok "a list with a long name" list_with_a_long_name
: >empty
ok "an empty list" chooses "marked " $list=empty

cat >names.cc <<'EOT'
#include <hotpatch.h>
#include <algorithm>
#include <vector>
namespace ns {
struct point {
  double scale(double k);
  double scale(int k);
  int get() const { return 1; }
};
double point::scale(double k) { return k; }
double point::scale(int k) { return k; }
template <class T> T twice(T x) { return x + x; }
}
struct open_t { HP_PATCHABLE int chosen(); HP_NOT_PATCHABLE int kept(); };
int open_t::chosen() { return 1; }
int open_t::kept() { return 1; }
template <class T> HP_PATCHABLE T marked(T x) { return x; }
int lambda(int k) { auto l = [=](int x) { return x + k; }; return l(k); }
typedef struct { int m() { return 2; } } unnamed;
int sorts() { std::vector<int> v{2, 1}; std::sort(v.begin(), v.end()); return v[0]; }
int main()
{
  ns::point p;
  unnamed u;
  volatile int one = 1;
  return int(p.scale(1.0) + p.scale(1) + p.get() + ns::twice(1) + marked(1) +
             lambda(one) + u.m() + sorts() + ns::twice(1L)) == 0;
}
EOT
cxx_chooses()
{
  cxx_wanted=$(echo "$1" | tr ' ' '\n' | sort | tr '\n' ' ')
  shift
  cxx -O2 "$@" names.cc -o program && ./program || return 1
  cxx_found=$(sites program | sed 's/^name=\([^ ]*\).*/\1/' | sort | tr '\n' ' ')
  [ "$cxx_found" = "${cxx_wanted# }" ] || {
    echo "chose '$cxx_found', not '$cxx_wanted'"
    return 1
  }
}
marked="_Z6markedIiET_S0_ _ZN6open_t6chosenEv"
ok "C++: the attribute in the class and on a template" cxx_chooses "$marked"
ok "C++: a mangled name" cxx_chooses "$marked _ZN2ns5point5scaleEd" \
  $match=_ZN2ns5point5scaleEd
ok "C++: a signature" cxx_chooses "$marked _ZN2ns5point5scaleEi" \
  "$match=ns::point::scale(int)"
ok "C++: a name without parameters" cxx_chooses \
  "$marked _ZN2ns5point5scaleEd _ZN2ns5point5scaleEi" $match=ns::point::scale
ok "C++: a namespace" cxx_chooses \
  "$marked _ZN2ns5point5scaleEd _ZN2ns5point5scaleEi _ZN2ns5twiceIiEET_S1_ _ZN2ns5twiceIlEET_S1_ _ZNK2ns5point3getEv" \
  "$match=ns::*"
ok "C++: a lambda" cxx_chooses "$marked _ZZ6lambdaiENKUliE_clEi" \
  "$match=lambda(int)::*"
ok "C++: no_hotpatch wins" cxx_chooses "$marked" "$match=open_t::*"
all_chosen()
{
  cxx -O2 $all names.cc -o program && ./program && has_site program main \
    _Z5sortsv _Z6lambdai _ZZ6lambdaiENKUliE_clEi &&
    has_no_site program '_ZSt[^ ]*' '_ZNSt[^ ]*' _ZN6open_t4keptEv
}
ok "C++: all leaves system headers out" all_chosen
system_named()
{
  cxx -O0 "$match=std::sort<*" names.cc -o program &&
    has_no_site program '_ZSt4sort[^ ]*' &&
    cxx -O0 "$match=$(nm program | sed -n 's/.* \(_ZSt4sort[^ ]*\)/\1/p')" \
      names.cc -o program && has_site program '_ZSt4sort[^ ]*'
}
ok "C++: a system header's function by its exact name only" system_named
same_names()
{
  "$@" -O0 -S names.cc -o with.s -fplugin="$HP_PLUGIN" "$match=zzz*" &&
    "$@" -O0 -S -D__HOTPATCH__ '-Dhotpatch=unused' '-Dno_hotpatch=unused' \
      names.cc -o without.s -w &&
    sed -n 's/.*\.globl//p; s/\.type\(.*\), @function/\1/p' with.s | sort -u >a &&
    sed -n 's/.*\.globl//p; s/\.type\(.*\), @function/\1/p' without.s | sort -u >b &&
    grep -c Ul b && diff a b
}
# shellcheck disable=SC2086 # CXX may hold options
ok "C++: asking for names changes none" same_names $CXX \
  "-I$HP_SRCDIR/runtime/include"

# A mark on the declaration is enough, even after calls.
cat >declared.c <<'EOT'
int f(int);
int calls(int x) { return f(x); }
__attribute__((hotpatch)) int f(int);
int f(int x) { return x; }
int main(void) { return calls(0); }
EOT
declared()
{
  cc -O2 declared.c -o program && ./program && has_site program f
}
ok "the attribute on a later declaration" declared

# Without the plugin the source means the same and needs no change.
ok "HP_PATCHABLE is nothing without the plugin" "$CC" -Wall -Wno-unused-function \
  -Werror "-I$HP_SRCDIR/runtime/include" -c src/conn.c -o plain.o
unused_kept()
{
  cc -O2 -c src/conn.c $all -o conn.o && nm conn.o >nm.out && cat nm.out &&
    grep -qw marked nm.out && ! grep -qw unused nm.out
}
ok "a marked static stays, an unmarked unused one goes" unused_kept

# A name that is asked for too early is another one.  Lambdas are constexpr by
# themselves where they can, and then called while they are parsed.
cat >early.cc <<'EOT'
auto global = [](int x) { return x; };
namespace { auto hidden = [](int x) { return x + 1; }; }
inline auto shared = [](int x) { return x + 2; };
static_assert(global(1) == 1 && hidden(1) == 2 && shared(1) == 3);
template <auto F> struct holder { int call(int x) { return F(x); } };
holder<[](int x) { return x + 3; }> parameter;
template <class T> auto generic(T t)
{
  auto inner = [t](int x) { return x + t; };
  return inner(1);
}
struct s { static inline auto member = [](int x) { return x * 2; }; };
typedef struct { int method(int x) { return x; } } unnamed;
int main()
{
  auto local = [](auto x) { return [](int y) { return y + 1; }(x); };
  static_assert(local(1) == 2);
  struct l { int g(int x) { return [&](int y) { return x + y; }(1); } };
  int (*volatile pointer)(int) = [](int x) { return x; };
  return local(0) + global(0) + hidden(-2) + shared(-2) + generic(0) +
         parameter.call(-3) + s::member(0) + unnamed().method(0) + l().g(-2) +
         pointer(0);
}
EOT
# named_alike OPTION...: the plugin changes no name, and all are on record.
named_alike()
{
  $CXX -std=c++20 -O0 early.cc -o without && ./without &&
    cxx -std=c++20 -O0 "$@" early.cc -o program && ./program || return 1
  for named_alike_program in without program; do
    nm $named_alike_program | sed -n 's/.* [TtWw] \(_Z.*\)/\1/p' | sort \
      >$named_alike_program.names
  done
  diff without.names program.names || return 1
  grep -v '_FUN\|_GLOBAL__sub\|_Z41__static_init' program.names >wanted
  [ "$(wc -l <wanted)" -ge 12 ] &&
    sites program | sed 's/^name=\([^ ]*\).*/\1/' | sort >recorded &&
    [ -z "$(comm -23 wanted recorded)" ]
}
ok "names of lambdas are as without the plugin" named_alike $all
ok "also when they are compared with patterns" named_alike "$match=*"
done_testing
