#!/bin/sh
# Every kind of function: has its site, and its record says what it is.
#
# SPDX-License-Identifier: MIT
. "$HP_SRCDIR/testsuite/plugin/sites.sh"

# flags NAME FLAGS PROTOTYPE: the record of $program has exactly these.
flags()
{
  flags_record=$(site "$1" $program) || return 1
  flags_found=$(echo "$flags_record" | field flags)
  flags_proto=${flags_record##* proto=}
  [ "$flags_found" = "$2" ] && [ "$flags_proto" = "$3" ] || {
    echo "$1: '$flags_found' '$flags_proto'"
    return 1
  }
}

# kind WHAT NAME FLAGS PROTOTYPE
kind()
{
  ok "$language: $1" flags "$2" "$3" "$4"
}

language=C program=c.out
cat >kinds.c <<'EOT'
#include <stdarg.h>
struct pair { long a, b; };
int public_one(int x) { return x; }
static int static_one(int x) { return x + 1; }
int variadic(const char *format, ...) { return format[0]; }
__attribute__((noreturn)) void endless(void) { for (;;) ; }
__attribute__((noreturn)) void gone(int code) { __builtin_exit(code); }
int tail(int x) { return public_one(x); }
void empty(void) {}
struct pair structure(struct pair p) { return p; }
_Complex double complex(_Complex double z) { return z; }
int no_prototype() { return 1; }
int old_style(c, f) char c; float f; { return c + (int)f; }
int renamed(int x) __asm__("other_name");
int renamed(int x) { return x; }
int second(int x) __attribute__((alias("public_one")));
extern int weak_second(int x) __attribute__((weak, alias("second")));
__attribute__((weak)) int weak(int x) { return x; }
__attribute__((visibility("hidden"))) int invisible(int x) { return x; }
__attribute__((constructor)) void starts(void) {}
__attribute__((destructor)) void stops(void) {}
__attribute__((section(".text.mine"))) int placed(int x) { return x; }
__attribute__((cold)) int rare(int x) { return x; }
__attribute__((hot)) int often(int x) { return x; }
__attribute__((noipa, flatten)) int flat(int x) { return public_one(x); }
__attribute__((optimize("O0"))) int slow(int x) { return x; }
__attribute__((target("avx2"))) int wide(int x) { return x; }
__attribute__((sysv_abi)) int sysv(int x) { return x; }
__attribute__((ms_abi)) int windows(int x) { return x; }
__attribute__((returns_twice)) int twice(int x) { return x; }
extern inline int inline_extern(int x) { return x; }
static inline int inline_static(int x) { return x; }
int vla(int n, int a[n]) { return a[n - 1]; }
int outer(int x)
{
  int nested(int y) { return x + y; }
  int (*volatile through)(int) = nested;
  return through(1);
}
int jumps(int x)
{
  static void *const where[] = {&&one, &&two};
  goto *where[x & 1];
one:
  return 1;
two:
  return 2;
}
int loop(int n) { do { n--; __asm__ volatile(""); } while (n); return n; }
int main(int argc, char **argv)
{
  int a[1] = {1};
  return static_one(argc) + inline_static(argc) + old_style(1, 1.0f) + vla(1, a) +
         tail(1) + outer(1) + jumps(argc) + loop(3) + wide(0) + windows(0) -
         (argc + 1 + argc + 2 + 1 + 1 + 2 + 2);
}
EOT
ok "C: compiles" cc -w -std=gnu11 -O2 -Wl,-z,execstack $all kinds.c -o c.out
ok "C: runs" ./c.out
kind "public" public_one "" "int (int)"
kind "static" static_one static "int (int)"
kind "variadic" variadic variadic "int (char const*, ...)"
kind "an endless loop" endless noreturn "void ()"
kind "noreturn" gone noreturn "void (int)"
kind "only a tail call" tail "" "int (int)"
kind "an empty body" empty "" "void ()"
kind "a structure by value" structure "" "pair (pair)"
kind "a complex number" complex "" "double _Complex (double _Complex)"
kind "no prototype" no_prototype "" "int ()"
kind "old style" old_style "" "int (int, double)"
kind "a name of its own" other_name "" "int (int)"
kind "an alias" second alias "int (int)"
kind "an alias of an alias" weak_second alias "int (int)"
kind "weak" weak "" "int (int)"
kind "hidden" invisible "" "int (int)"
kind "constructor attribute" starts "" "void ()"
kind "destructor attribute" stops "" "void ()"
kind "a section of its own" placed "" "int (int)"
kind "cold" rare "" "int (int)"
kind "hot" often "" "int (int)"
kind "flatten" flat "" "int (int)"
kind "its own optimisation level" slow "" "int (int)"
kind "its own target" wide "" "int (int)"
kind "sysv_abi" sysv "" "int (int)"
kind "ms_abi" windows "" "int (int)"
kind "returns_twice" twice "" "int (int)"
kind "extern inline" inline_extern "" "int (int)"
kind "static inline" inline_static static "int (int)"
kind "variable-length array" vla "" "int (int, int*)"
kind "around a nested function" outer "" "int (int)"
kind "nested" 'nested\.[0-9]*' static,nested "int (int)"
kind "computed goto" jumps "" "int (int)"
kind "a loop from the start" loop "" "int (int)"
kind "main" main "" "int (int, char**)"
ok "C: the file and line" [ "$(site public_one c.out | field at)" = kinds.c:3 ]
same_word()
{
  [ "$(site public_one c.out | field word)" = "$(site second c.out | field word)" ] &&
    [ "$(site public_one c.out | field id)" = "$(site second c.out | field id)" ]
}
ok "C: an alias has the word and the id of its site" same_word
nested_id()
{
  sites c.out | sed 's/.* flags=\([^ ]*\) id=\([^ ]*\).*/\1 \2/' | grep -v alias |
    sed 's/.* //' | sort | uniq -d >ids && cat ids && [ ! -s ids ]
}
ok "C: all ids differ" nested_id

language=C++ program=cxx.out
cat >kinds.cc <<'EOT'
#include <initializer_list>
#include <functional>
namespace ns { inline namespace v1 { int in_namespace(int x) { return x; } } }
namespace { int in_anonymous(int x) { return x; } }
struct base { base(); virtual ~base(); virtual int f(int); int n; };
struct left { virtual int g(int x) { return x; } virtual ~left() {} };
struct derived : left, base { derived() noexcept; ~derived(); int f(int) override; };
struct virtually : virtual base { virtually(int); ~virtually(); int f(int) final; };
base::base() : n(1) {}
base::~base() {}
int base::f(int x) { return x; }
derived::derived() noexcept {}
derived::~derived() {}
int derived::f(int x) { return x + n; }
virtually::virtually(int) {}
virtually::~virtually() {}
int virtually::f(int x) { return x - n; }
struct number {
  int v;
  explicit operator bool() const { return v; }
  number operator+(number o) const { return {v + o.v}; }
  number& operator=(const number&) & = default;
  int operator()(int x) && { return x + v; }
  static int s(int x) { return x; }
  int c() const volatile { return v; }
  friend int befriended(number n) { return n.v; }
  static void* operator new(std::size_t n) { return ::operator new(n); }
};
number operator""_n(unsigned long long v) { return {int(v)}; }
template <class T> T templated(T x) { return x; }
template <> long templated<long>(long x) { return x + 1; }
template <class T> struct box { T v; T get() { return v; } template <class U> U as() { return U(v); } };
template int box<short>::as<int>();
template <class... T> int pack(T... x) { return sizeof...(x); }
inline int inlined(int x) { return x; }
auto deduced(int x) -> int { return x; }
auto deduced2(int x) { return x; }
int throws(int x) { if (x) throw x; return 0; }
int nothrows(int x) noexcept { return x; }
int defaulted(int x = 3) { return x; }
int by_reference(int& x, int&& y, const std::initializer_list<int>& z) { return x + y + int(z.size()); }
int member_pointer(int number::*p, int (number::*q)() const volatile) { return p && q; }
int function_pointer(int (*f)(int) noexcept) { return f(1); }
int takes_function(const std::function<int(int)>& f) { return f(1); }
extern "C" int c_linkage(int x) { return x; }
int lambdas(int k)
{
  auto plain = [](int x) { return x; };
  auto captures = [&](auto x) mutable { return x + k; };
  auto inner = [&] { return [&](int z) { return z + k; }(1); };
  return plain(k) + captures(1) + inner();
}
int (*const through)(int) = [](int x) { return x; };
struct with_lambda { int (*f)(int) = [](int x) { return x * 2; }; };
int local(int k)
{
  struct inner { int m(int x) { return x; } static int s(int x) { return x; } };
  return inner().m(k) + inner::s(k);
}
int main()
{
  derived d; virtually v(1); base* b = &d; base* w = &v; box<int> x{1}; with_lambda l;
  int i = 1;
  number n = 3_n + 4_n;
  n = number{1};
  delete new number;
  return b->f(1) + w->f(1) + templated(1) + int(templated(1L)) + x.get() + x.as<char>() +
         pack(1, 2, 'c') + inlined(1) + lambdas(1) + through(1) + l.f(1) + local(1) +
         bool(n) + number{2}(1) + number::s(1) + n.c() + befriended(n) +
         in_anonymous(1) + by_reference(i, 2, {1}) + takes_function([](int q) { return q; }) == 0;
}
EOT
ok "C++: compiles" cxx -w -O0 $all kinds.cc -o cxx.out
ok "C++: runs" ./cxx.out
kind "a namespace" _ZN2ns2v112in_namespaceEi cxx "int (int)"
# The L came with GCC 15.
kind "an anonymous namespace" '_ZN12_GLOBAL__N_1L*12in_anonymousEi' static,cxx "int (int)"
kind "a base constructor" _ZN4baseC2Ev method,constructor,cxx "void (base*)"
kind "a complete constructor" _ZN4baseC1Ev method,constructor,cxx,alias "void (base*)"
kind "a noexcept constructor" _ZN7derivedC2Ev method,constructor,cxx,nothrow "void (derived*)"
kind "a base constructor with virtual bases" _ZN9virtuallyC2Ei \
  method,constructor,cxx "void (virtually*, void const**, int)"
kind "a complete constructor with virtual bases" _ZN9virtuallyC1Ei \
  method,constructor,cxx "void (virtually*, int)"
kind "a base destructor" _ZN4baseD2Ev method,destructor,cxx,nothrow "void (base*)"
kind "a deleting destructor" _ZN4baseD0Ev virtual,method,destructor,cxx,nothrow "void (base*)"
kind "virtual" _ZN4base1fEi virtual,method,cxx "int (base*, int)"
kind "virtual and overriding, with a thunk" _ZN7derived1fEi virtual,method,cxx "int (derived*, int)"
kind "virtual in a virtual base" _ZN9virtually1fEi virtual,method,cxx "int (virtually*, int)"
kind "virtual and inline" _ZN4left1gEi comdat,virtual,method,cxx "int (left*, int)"
kind "a conversion" _ZNK6numbercvbEv comdat,method,cxx "bool (number const*)"
kind "an operator" _ZNK6numberplES_ comdat,method,cxx "number (number const*, number)"
kind "a call operator" _ZNO6numberclEi comdat,method,cxx "int (number*, int)"
kind "a static member" _ZN6number1sEi comdat,cxx "int (int)"
kind "const volatile" _ZNVK6number1cEv comdat,method,cxx "int (number const volatile*)"
kind "a friend" _Z10befriended6number comdat,cxx "int (number)"
kind "operator new" _ZN6numbernwEm comdat,cxx "void* (unsigned long)"
kind "a literal operator" _Zli2_ny cxx "number (unsigned long long)"
kind "a template instance" _Z9templatedIiET_S0_ comdat,cxx "int (int)"
kind "a template specialisation" _Z9templatedIlET_S0_ cxx "long (long)"
kind "a member of a class template" _ZN3boxIiE3getEv comdat,method,cxx "int (box<int>*)"
kind "a member template" _ZN3boxIiE2asIcEET_v comdat,method,cxx "char (box<int>*)"
kind "an explicit instance" _ZN3boxIsE2asIiEET_v comdat,method,cxx "int (box<short>*)"
kind "a pack" _Z4packIJiicEEiDpT_ comdat,cxx "int (int, int, char)"
kind "inline" _Z7inlinedi comdat,cxx "int (int)"
kind "a trailing return type" _Z7deducedi cxx "int (int)"
kind "a deduced return type" _Z8deduced2i cxx "int (int)"
kind "throws" _Z6throwsi cxx "int (int)"
kind "noexcept" _Z8nothrowsi cxx,nothrow "int (int)"
kind "a default argument" _Z9defaultedi cxx "int (int)"
kind "references" _Z12by_referenceRiOiRKSt16initializer_listIiE cxx \
  "int (int&, int&&, std::initializer_list<int> const&)"
kind "pointers to members" _Z14member_pointerM6numberiMS_VKFivE cxx \
  "int (int number::*, int (number::*)() const volatile)"
kind "extern C" c_linkage cxx "int (int)"
kind "a lambda" _ZZ7lambdasiENKUliE_clEi static,method,lambda,cxx \
  "int (lambdas(int)::{lambda(int)#1} const*, int)"
kind "a member of a local class" _ZZ5localiEN5inner1mEi static,method,cxx \
  "int (local(int)::inner*, int)"
kind "main" main cxx "int ()"
ok "C++: no record twice" [ "$(sites cxx.out | sed 's/ .*//' | sort | uniq -d)" = "" ]
made_up()
{
  has_no_site cxx.out '[^ ]*_GLOBAL__sub_I[^ ]*' '[^ ]*static_init[^ ]*' \
    '_ZThn[^ ]*' '_ZTv[^ ]*' '[^ ]*4_FUN[^ ]*'
}
ok "C++: what the compiler makes up has no site" made_up

# Each of these alone, chosen in the source.
cat >members.cc <<'EOT'
#include <hotpatch.h>
struct s {
  HP_PATCHABLE s() { n = 1; }
  HP_PATCHABLE virtual ~s() {}
  HP_PATCHABLE s& operator=(const s&) = default;
  HP_PATCHABLE virtual int f() { return n; }
  HP_PATCHABLE static int g();
  int n;
  HP_PATCHABLE friend int friendly(const s&) { return 2; }
};
int s::g() { return 3; }
struct t : virtual s { HP_PATCHABLE t(int) {} HP_PATCHABLE ~t() override; };
t::~t() {}
int main()
{
  auto l = [](int x) HP_PATCHABLE { return x; };
  s a, b;
  t c(1);
  a = b;
  return a.f() + s::g() + friendly(a) + l(-6);
}
EOT
members()
{
  cxx -O2 -Werror members.cc -o members && ./members && has_site members \
    _ZN1sC2Ev _ZN1sC1Ev _ZN1sD2Ev _ZN1sD0Ev _ZN1saSERKS_ _ZN1s1fEv _ZN1s1gEv \
    _Z8friendlyRK1s _ZN1tC1Ei _ZN1tD0Ev _ZN1tD1Ev _ZN1tD2Ev \
    _ZZ4mainENKUliE_clEi && has_no_site members main '.LTHUNK0'
}
ok "C++: members chosen in the source" members

# Coroutines, OpenMP and friends split functions; the user's one has the site.
cat >openmp.c <<'EOT'
int sum(int n)
{
  int s = 0;
#pragma omp parallel for reduction(+ : s)
  for (int i = 0; i < n; i++)
    s += i;
  return s;
}
#pragma omp declare simd
int simd(int x) { return x + 1; }
int main(void) { return sum(10) - 45; }
EOT
openmp()
{
  cc -O2 -fopenmp $all openmp.c -o openmp && ./openmp &&
    has_site openmp sum main && has_no_site openmp simd '[^ ]*_omp_fn[^ ]*' '_ZGV[^ ]*'
}
ok "OpenMP" openmp
# GCC describes this frame at the very first place of the function.
cat >interrupt.c <<'EOT'
struct frame;
__attribute__((interrupt)) void fault(struct frame *f, unsigned long error)
{
  (void)f;
  (void)error;
}
int main(void) { return 0; }
EOT
interrupt()
{
  cc -g -O2 -mgeneral-regs-only $all interrupt.c -o interrupt &&
    has_site interrupt fault main
}
ok "an interrupt handler with an error code" interrupt

cat >coroutine.cc <<'EOT'
#include <coroutine>
struct task {
  struct promise_type {
    int v = 0;
    task get_return_object() { return {std::coroutine_handle<promise_type>::from_promise(*this)}; }
    std::suspend_always initial_suspend() noexcept { return {}; }
    std::suspend_always final_suspend() noexcept { return {}; }
    void return_value(int x) { v = x; }
    void unhandled_exception() {}
  };
  std::coroutine_handle<promise_type> h;
};
task answers() { co_return 42; }
int main()
{
  task t = answers();
  t.h.resume();
  return t.h.promise().v - 42;
}
EOT
coroutine()
{
  cxx -std=c++20 -O2 $all coroutine.cc -o coroutine && ./coroutine &&
    has_site coroutine _Z7answersv main
}
ok "coroutines" coroutine
done_testing
