#!/bin/sh
# A debugger that stops on a chosen function shows its parameters.
#
# SPDX-License-Identifier: MIT
# shellcheck disable=SC2086,SC2154 # lists of options; set in survival.sh
. "$HP_SRCDIR/testsuite/plugin/survival.sh"

command -v gdb >/dev/null || skip_all "gdb is not installed"
gdb -nx -batch -ex 'print 6*7' 2>&1 | grep -q '^[$]1 = 42' ||
  skip_all "gdb does not work here"

# What gdb has to show stands before each function.
cat >c.c <<'EOT'
#define APART __attribute__((noipa))
#include <stdarg.h>
#include <string.h>
struct pair { long a, b; };
struct big { int n[9]; };
volatile int sink;
/// leaf: x = 7
APART int leaf(int x) { return x + 1; }
/// used_late: x = 8, s = "eight"
APART int used_late(int x, const char *s)
{
  sink = x;
  int length = (int)strlen(s);
  return length + leaf(7);
}
/// dead_at_once: x = 9, y = 10
APART int dead_at_once(int x, int y)
{
  sink = 3;
  return y;
}
/// many: a = 1, b = 2, c = 3, d = 4, e = 5, f = 6, g = 7, h = 8, i = 9.5
APART double many(long a, short b, int c, long d, unsigned e, int f, int g, long h,
            double i)
{
  return used_late(8, "eight") + a + b + c + d + e + f + g + h + i;
}
/// pairs: p = {a = 1, b = 2}, q = {n = {0, 1, 2, 3, 4, 5, 6, 7, 8}}
APART long pairs(struct pair p, struct big q)
{
  return p.a + p.b + q.n[8] + dead_at_once(9, 10);
}
/// variadic: count = 2
APART int variadic(int count, ...)
{
  va_list list;
  va_start(list, count);
  int sum = 0;
  while (count--)
    sum += va_arg(list, int);
  va_end(list);
  return sum;
}
/// begins_with_loop: n = 3
APART int begins_with_loop(unsigned n)
{
  do
    sink += 1;
  while (--n);
  return sink;
}
/// dynamic: n = 40
APART int dynamic(int n)
{
  char memory[n];
  memset(memory, 1, sizeof memory);
  __asm__ volatile("" : : "r"(memory) : "memory");
  return memory[n - 1];
}
/// large_frame: n = 50
APART int large_frame(int n)
{
  char memory[70000];
  memset(memory, n, sizeof memory);
  __asm__ volatile("" : : "r"(memory) : "memory");
  return memory[n];
}
/// in_file: n = 60
APART static int in_file(int n) { return n * 2; }
/// nothing: No arguments.
APART void nothing(void) {}
/// one_line: n = -1
APART int one_line(long n) { return !n; }
/// floats: f = 1.5, g = 2.5, h = 3.5
APART double floats(float f, double g, long double h) { return f + g + h; }
/// recursive: n = 1
APART int recursive(int n) { return n < 1 ? 0 : n + recursive(n - 1); }
int c_functions(void)
{
  double all = many(1, 2, 3, 4, 5, 6, 7, 8, 9.5);
  all += pairs((struct pair){1, 2},
               (struct big){{0, 1, 2, 3, 4, 5, 6, 7, 8}});
  all += variadic(2, 1, 2) + begins_with_loop(3) + dynamic(40) +
         large_frame(50) + in_file(60) + one_line(-1) + floats(1.5f, 2.5, 3.5L) +
         recursive(1);
  nothing();
  return (int)all;
}
EOT
cat >main.cc <<'EOT'
#define APART __attribute__((noipa))
extern "C" int c_functions(void);
namespace ns {
struct base {
  explicit base(int first);
  virtual ~base();
  int method(int x) const;
  virtual int overridden(int x);
  static int of_class(int x);
  int operator+(int x) const;
  int n;
};
struct derived : base {
  derived() : base(5) {}
  int overridden(int x) override;
};
/// ns::base::base: first = 5
APART base::base(int first) : n(first) {}
base::~base() {}
/// ns::base::method: x = 11
APART int base::method(int x) const { return x + n; }
/// ns::base::overridden: x = 12
APART int base::overridden(int x) { return x - n; }
/// ns::derived::overridden: x = 13
APART int derived::overridden(int x)
{
  try {
    if (x == 14)
      throw x;
  } catch (int) {
    return 1;
  }
  return base::overridden(12);
}
/// ns::base::of_class: x = 15
APART int base::of_class(int x) { return x; }
/// ns::base::operator+: x = 16
APART int base::operator+(int x) const { return x + n; }
/// ns::twice<int>: x = 17
template <class T> APART T twice(T x) { return x + x; }
/// ns::by_reference: x = 18
APART int by_reference(const int& x) { return x + 1; }
}
int main()
{
  ns::derived one;
  ns::base* volatile p = &one;
  const int eighteen = 18;
  int all = c_functions() + p->method(11) + p->overridden(13) +
            ns::base::of_class(15) + (*p + 16) + ns::twice(17) +
            ns::by_reference(eighteen);
  return all == 0;
}
EOT
sed -n 's,^/// ,,p' c.c main.cc | sort >wanted
sed 's/: .*//' wanted >names
while read -r name; do
  printf 'break %s\ncommands\nsilent\necho ::%s:\\n\ninfo args\ncontinue\nend\n' \
    "$name" "$name"
done <names >breakpoints

# built OPTION...: ./program.
built()
{
  $CC -w "$@" -c c.c && $CXX -w "$@" main.cc c.o -o program
}
# shown: what gdb shows at the breakpoints, in the form of ./wanted.  Where a
# breakpoint is hit again, the first time counts.
shown()
{
  gdb -nx -batch -iex 'set width 0' -iex 'set print entry-values no' \
    -iex 'set print address off' -iex 'set startup-with-shell off' \
    -x breakpoints -ex run ./program >gdb.out 2>&1
  awk 'function tell() { if (name && !seen[name]++) print name " " args }
    /^::/ { tell(); name = substr($0, 3); args = ""; next }
    /^\[Inferior/ { tell(); name = ""; next }
    name && !/^this = / { args = args (args == "" ? "" : ", ") $0 }' gdb.out |
    sort
}
# as_without_plugin OPTION...: with the plugin gdb shows what it has to, except
# what it does not show without the plugin either.
as_without_plugin()
{
  plain=plain$(printf '%s' "$@" | tr -d ' /' | sed 's,-fcf-protection=[a-z]*\|-pg.*,,g')
  [ -e "$plain" ] || {
    built "$@" && shown >all_shown && comm -12 wanted all_shown >"$plain"
  }
  # shellcheck disable=SC2086 # none or one
  built "$@" -fplugin="$HP_PLUGIN" $all ${countermeasure-} &&
    shown >found || return
  comm -23 "$plain" found >missing
  echo "not shown as without the plugin:"
  cat missing
  [ "$(wc -l <"$plain")" -ge 14 ] && [ ! -s missing ]
}
for level in -O0 -Og -O1 -O2 -O3 -Os; do
  for cet in none full; do
    ok "$level -fcf-protection=$cet" as_without_plugin $level -g \
      -fcf-protection=$cet
  done
done
while read -r options; do
  ok "$options" as_without_plugin $options
done <<END
-O0 -g -fcf-protection=none -gdwarf-4
-O2 -g -fcf-protection=none -gdwarf-4
-O0 -g -fcf-protection=none -ffunction-sections -Wl,--gc-sections
-O0 -g -pg -mfentry -fno-pie -no-pie
-O2 -g -fcf-protection=none -fno-omit-frame-pointer
-O2 -g -fcf-protection=none -falign-functions=64
-O1 -g -fno-var-tracking
-O2 -g -fcf-protection=none -flto
END
countermeasure=$without=lines
for level in -O0 -O2; do
  ok "control: $level, without=lines" not as_without_plugin $level -g \
    -fcf-protection=none
done

# A breakpoint by line, stepping into a function, and the line of the symbol.
cat >steps.c <<'EOT'
#include <stdio.h>
int first(int x, int y)
{
  return x + y;
}
int second(int x) { return x + 1; }
int main(void)
{
  int n = first(1, 2);
  n += second(3);
  n += second(4);
  return n == 0;
}
EOT
# steps OPTION...: gdb shows the parameters where it stops.
steps()
{
  cc $all "$@" steps.c -o program || return
  gdb -nx -batch -iex 'set width 0' -ex 'break first' -ex 'break steps.c:6' \
    -ex run -ex 'info args' -ex finish -ex next -ex continue -ex 'info args' \
    -ex 'delete 2' -ex finish -ex next -ex step -ex 'info args' \
    ./program >gdb.out 2>&1
  sed -n '/^[xy] = /p' gdb.out | tr '\n' ' ' >found
  cat gdb.out found
  [ "$(cat found)" = "x = 1 y = 2 x = 3 x = 4 " ]
}
# line_of_symbol OPTION...: a profiler finds the line of the first instruction.
line_of_symbol()
{
  cc $all "$@" steps.c -o program || return
  for line_of in first second; do
    addr2line -e program "$(nm program | sed -n "s/ T $line_of\$//p")"
  done >found
  cat found
  sed 's/.*steps.c://; s/ .*//' found | tr '\n' ' ' | grep -x '[23] 6 '
}
for options in '-O0 -g' '-O0 -g -fcf-protection=full' '-Og -g'; do
  ok "$options: by line and by stepping" steps $options
done
for options in '-O0 -g' '-O0 -g -fcf-protection=full' '-Og -g' '-O2 -g'; do
  ok "$options: the line of the symbol" line_of_symbol $options
done
ok "control: without=lines, stepping at -O0" not steps -O0 -g $without=lines
ok "control: without=lines, the line of the symbol" not line_of_symbol -O0 -g \
  -fcf-protection=none $without=lines
done_testing
