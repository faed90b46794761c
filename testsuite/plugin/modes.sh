#!/bin/sh
# A C and a C++ program with every kind of function, compiled in every way that
# changes what GCC puts at a function's entry, run and have sound records.
#
# SPDX-License-Identifier: MIT
. "$HP_SRCDIR/testsuite/plugin/sites.sh"

cat >one.c <<'EOT'
#include <stdarg.h>
#include <stdio.h>
int other(int x);
static int hidden(int x) { return x * 3; }
__attribute__((cold)) void rare(void) { puts("rare"); }
__attribute__((noreturn)) void forever(void) { for (;;) ; }
int tail(int x) { return other(x + 1); }
int sum(int count, ...)
{
  va_list list;
  va_start(list, count);
  int total = 0;
  while (count--)
    total += va_arg(list, int);
  va_end(list);
  return total;
}
int split(int x)
{
  if (__builtin_expect(x > 1000, 0)) {
    rare();
    __builtin_abort();
  }
  return x;
}
int main(int argc, char **argv)
{
  int nested(int x) { return x + argc; }
  int (*volatile through)(int) = nested;
  if (argc > 5)
    forever();
  printf("%d %d %d %d %d\n", tail(1), hidden(4), sum(3, 1, 2, 3),
         split(argc), through(2));
  return argv == 0;
}
EOT
cat >two.c <<'EOT'
static int hidden(int x) { return x - 3; }
int other(int x) { return hidden(x) + 10; }
EOT
echo '9 12 6 1 3' >expected.c.out

cat >one.cc <<'EOT'
#include <cstdio>
#include <string>
namespace ns {
struct base {
  base() : n(1) {}
  virtual ~base() { std::puts("~base"); }
  virtual int f(int x) const { return x + n; }
  int n;
};
struct other {
  virtual int g() { return 3; }
  virtual ~other() {}
};
struct point : other, base {
  double x = 2;
  double scale(double k) noexcept { return x *= k; }
  int f(int x) const override;
  int operator+(int k) const { return k + n; }
};
int point::f(int x) const { return x + 10; }
}
template <class T> T twice(T value) { return value + value; }
namespace { int anonymous(int x) { return x + 5; } }
struct shared : virtual ns::base {
  shared() {}
  int h() { return anonymous(n); }
};
inline std::string joined(const std::string& s, int n)
{
  return s + std::to_string(n);
}
int catches(int x)
{
  try {
    if (x > 0)
      throw x;
  } catch (int caught) {
    return caught + 1;
  }
  return 0;
}
int main()
{
  ns::point p;
  const ns::base& b = p;
  shared s;
  auto lambda = [&](int k) { return k + b.f(1); };
  struct local { int m(int a) { return a * 2; } } here;
  std::printf("%g %d %d %d %d %s %d %d %d\n", p.scale(2), b.f(1), twice(4),
              p + 1, lambda(1), joined("a", 2).c_str(), s.h(), here.m(3),
              catches(1));
}
EOT
printf '%s\n' '4 11 8 2 12 a2 6 6 2' '~base' '~base' >expected.cc.out

# runs_in_c OPTION...: both files, the right output, and sound records.
runs_in_c()
{
  cc -w "$@" "$all" one.c two.c -o c.out && ./c.out >out &&
    diff expected.c.out out && has_site c.out main tail other hidden sum split
}

runs_in_cxx()
{
  cxx -w "$@" "$all" one.cc -o cxx.out && ./cxx.out >out &&
    diff expected.cc.out out &&
    has_site cxx.out main _ZNK2ns5point1fEi _ZN2ns5point5scaleEd _Z7catchesi
}

# Since GCC 13, AddressSanitizer keeps local variables, and so the trampoline of
# a nested function, where code cannot run.
export ASAN_OPTIONS=detect_stack_use_after_return=0

echo 'int main(void) { return 0; }' >empty.c
while read -r options; do
  # A linker or a part of the compiler may not be installed.
  # shellcheck disable=SC2086 # a list
  if ! "$CC" $options empty.c -o empty >empty.out 2>&1; then
    skip "C   $options" "$(tail -n 1 empty.out)"
    skip "C++ $options" "$(tail -n 1 empty.out)"
    continue
  fi
  # shellcheck disable=SC2086 # a list
  ok "C   $options" runs_in_c $options
  # shellcheck disable=SC2086
  ok "C++ $options" runs_in_cxx $options
done <<'EOT'
-O0
-O1
-O2
-O3
-Os
-Og -g
-O2 -fcf-protection=full
-O2 -fcf-protection=branch -mmanual-endbr
-O2 -fcf-protection=none
-O2 -fPIE -pie
-O2 -fno-pie -no-pie
-O2 -ffunction-sections -Wl,--gc-sections
-O2 -falign-functions=64
-O2 -fno-toplevel-reorder
-O2 -g3 -fvar-tracking-assignments
-O2 -masm=intel
-O2 -fno-asynchronous-unwind-tables
-O2 -pg
-O2 -pg -mfentry -fcf-protection=full
-O2 -pg -mfentry -fcf-protection=none
-O2 -fsanitize=address --param asan-use-after-return=0
-O2 -fsanitize=undefined
-O2 -fuse-ld=gold
-O2 -fprofile-arcs -ftest-coverage
-O2 -mcmodel=medium
-O2 -march=x86-64-v3
-O2 -fstack-protector-all -fstack-clash-protection
-O2 -freorder-blocks-and-partition -fuse-ld=lld -Wl,-z,execstack
-O2 -save-temps
-O2 -pipe -fverbose-asm
-O0 -flto
-O2 -flto
-O2 -flto -fcf-protection=full -g
-O2 -flto -flto-partition=none
-O2 -flto -flto-partition=max
-O2 -flto -ffat-lto-objects -fno-fat-lto-objects
-O2 -fwhole-program
EOT

# Plugins share the scope in which GCC loads them, and each has this symbol.
mkdir elsewhere
cat >another.c <<'EOT'
int plugin_is_GPL_compatible;
int plugin_init(void *arguments, void *version)
{
  return !arguments || !version;
}
EOT
beside_another()
{
  $CC -shared -fPIC another.c -o elsewhere/another.so &&
    $CC -fplugin=./elsewhere/another.so "-fplugin=$HP_PLUGIN" \
      -fplugin-arg-hotpatch-all -O2 -c one.c -o beside.o &&
    readelf -SW beside.o | grep -q ' \.hotpatch '
}
ok "beside another plugin that was loaded before" beside_another
done_testing
