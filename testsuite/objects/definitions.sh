#!/bin/sh
# What a patch defines, and the program, too: the patch's functions are its own,
# data and classes are shared, new variables are warned of, and constants that
# have changed are noticed.
#
# SPDX-License-Identifier: MIT
# shellcheck disable=SC2086 # lists of options
. "$HP_SRCDIR/testsuite/objects/objects.sh"
. "$HP_SRCDIR/testsuite/outside/start.sh"
. "$HP_SRCDIR/testsuite/lib/controls.sh"

# --- Functions ----------------------------------------------------------------
cat >program.c <<'EOT'
#include "testsuite/objects/commands.h"
int helper(int a) { return a; }
int work(int a) { return helper(a); }
static void call(void) { printf("%d\n", work(1)); }
int main(int argc, char** argv) { return run_commands(argc, argv, call); }
EOT
cat >fix.c <<'EOT'
#include <hotpatch.h>
HP_PATCH("two-args", 1, "");
int helper(int a, int b) { return a + b; }
static int (*volatile table[])(int, int) = {helper};
static int (*const constant[])(int, int) = {helper};
HP_REPLACES("work") int work(int a)
{
  int (*volatile taken)(int, int) = helper;
  return helper(a, 100) + taken(0, 1000) + table[0](0, 10000) +
         constant[a - 1](0, 100000);
}
EOT
for options in -O2 -O0 '-O2 -flto' '-O2 -fno-plt' '-O2 -Wl,-z,lazy'; do
  ok "the program exports what it has: $options" program -rdynamic \
    -fplugin-arg-hotpatch-all program.c
  ok "the patch is compiled: $options" patch fix $options
  ok "the patch's own function wins: $options" tells 111101 load:fix.so call
done
ok "control: without the plugin's part" patch fix \
  -fplugin-arg-hotpatch-without=own-functions
ok "the library still corrects the slots" tells 111101 load:fix.so call
ok "control: the library for controls is built" build_control_library
ok "control: a program with it" with_controls program -rdynamic \
  -fplugin-arg-hotpatch-all program.c
ok "control: it corrects the slots" tells 111101 load:fix.so call
ok "control: without that the program's function is called" \
  without own_functions_first tells 1 load:fix.so call
ok "control: and not the patch's" not grep -q 111101 said
printf '%s\n' '#include <hotpatch.h>' 'HP_PATCH("user", 1, ""); HP_PATCH_NEEDS("two-args", 1);' \
  'int helper(int, int) HP_IMPORT("fix.so!helper");' \
  'HP_REPLACES("helper") static int h(int a) { return helper(a, 7); }' >user.c
ok "another patch is compiled" patch user
ok "and uses the first one's function" tells "load: HP_OK" load:fix.so load:user.so

cat >box.hh <<'EOT'
template <class T> struct box { T v; __attribute__((noinline)) T get() const { return v; } };
inline int& shared_count() { static int count = 40; return count; }
inline thread_local int before_it = 3;
inline thread_local int of_thread = 50;
struct made { int n; made(int k) : n(k) { ++shared_count(); } ~made() {} };
inline thread_local made with_constructor{60};
template <class T> struct holder { static thread_local T held; static inline thread_local T inside = 80; };
template <class T> thread_local T holder<T>::held = 70;
EOT
cat >program.cc <<'EOT'
#include "testsuite/objects/commands.h"
#include "box.hh"
#include <thread>
static void call()
{
  box<int> b{7};
  printf("%d %d\n", b.get(), ++shared_count());
  if (before_it != 3)
    printf("wrong\n");
}
static void show() { printf("%d %d %d %d\n", of_thread, with_constructor.n, holder<int>::held, holder<int>::inside); }
int per_thread(int n) { of_thread += n; with_constructor.n += n; holder<int>::held += n; return holder<int>::inside += n; }
static void call_both()
{
  auto twice = [] { per_thread(1); show(); per_thread(1); show(); };
  twice();
  std::thread(twice).join();
}
int main(int argc, char** argv)
{
  if (argc == 2)
    call_both();
  const int status = run_commands(argc, argv, argc == 2 ? call_both : call);
  if (argc == 2)
    call_both();
  return status;
}
EOT
sed 's/return v;/return v + 1000;/' box.hh >fixed.hh
cat >template.cc <<'EOT'
#include "fixed.hh"
#include <hotpatch.h>
HP_REPLACES("box<int>::get() const")
int new_get(const box<int>* self) { return self->get() + ++shared_count() * 10000; }
EOT
cxx_program()
{
  cxx -O2 -w -rdynamic "$headers" -fplugin-arg-hotpatch-all program.cc \
    -o program $with_library
}
ok "a program with templates is linked" cxx_program
ok "a patch with the fixed header" patch template
ok "calls its own instance and shares data" tells "421007 41" load:template.so call

cat >thread_local.cc <<'EOT'
#include "fixed.hh"
#include <hotpatch.h>
thread_local int mine = 5;
HP_REPLACES("per_thread") int per(int n)
{
  of_thread += 100 * n;
  with_constructor.n += 100 * n;
  holder<int>::held += 100 * n;
  return holder<int>::inside += 100 * n + (++mine < 0);
}
EOT
# What the program has added and what the patch adds is in one variable of each
# thread.
of_threads='51 61 71 81
52 62 72 82
51 61 71 81
52 62 72 82
load: HP_OK
152 162 172 182
252 262 272 282
150 160 170 180
250 260 270 280'
for options in '' -rdynamic '-O0' '-rdynamic -no-pie -fno-pie'; do
  # shellcheck disable=SC2086
  ok "a program with inline thread-local variables is linked: $options" \
    cxx -O2 -w "$headers" -std=c++17 -fplugin-arg-hotpatch-all program.cc \
    $options -o program $with_library
  ok "a patch that defines them, too: $options" patch thread_local -std=c++17
  ok "uses the program's: $options" runs "$of_threads" load:thread_local.so
done
cxx_with_controls()
{
  cxx -O2 -w "$headers" -std=c++17 -fplugin-arg-hotpatch-all program.cc \
    -o program $control_library
}
ok "control: a program that exports nothing" cxx_with_controls
ok "control: shares them" runs "$of_threads" load:thread_local.so
ok "control: without sharing the patch has its own" \
  not without share_data runs "$of_threads" load:thread_local.so
ok "a patch without exported symbols" patch thread_local -std=c++17 -fvisibility=hidden
ok "control: has its own" not runs "$of_threads" load:thread_local.so

# --- Classes ------------------------------------------------------------------
cat >classes.hh <<'EOT'
#include <stdexcept>
struct plain { virtual int code() const; int n = 1; };
struct failure : std::runtime_error {
  using std::runtime_error::runtime_error;
  virtual int code() const;
};
struct virtual_base { int n; explicit virtual_base(int k); virtual ~virtual_base(); };
struct derived : virtual virtual_base { int m; explicit derived(int k); ~derived(); };
struct simple { int n; explicit simple(int k); ~simple(); };
struct further : derived { explicit further(int k); };
extern int ended;
EOT
cat >program.cc <<'EOT'
#include "testsuite/objects/commands.h"
#include "classes.hh"
int ended = 0;
int plain::code() const { return 1; }
int failure::code() const { return 2; }
virtual_base::virtual_base(int k) : n(k) {}
virtual_base::~virtual_base() { ++ended; }
derived::derived(int k) : virtual_base(k), m(k) {}
derived::~derived() { ++ended; }
simple::simple(int k) : n(k) {}
simple::~simple() { ++ended; }
further::further(int k) : virtual_base(k), derived(k) {}
int risky(int n) { return n; }
static void call()
{
  int caught = 0;
  try { caught = risky(3); } catch (const failure& f) { caught = 100 * f.code(); }
  { derived d(1); further f(2); simple s(3); printf("%d %d %d %d %d\n", caught, d.m, f.m, f.n, s.n); }
  virtual_base* heap = new derived(4);
  delete heap;
  printf("ended %d\n", ended);
}
int main(int argc, char** argv) { return run_commands(argc, argv, call); }
EOT
cat >throws.cc <<'EOT'
#include "classes.hh"
#include <hotpatch.h>
HP_REPLACES("risky") static int r(int n)
{
  plain* volatile p = new plain;
  if (p->code() == 1)
    throw failure("from the patch");
  return n;
}
EOT
cat >structors.cc <<'EOT'
#include "classes.hh"
#include <hotpatch.h>
HP_REPLACES("derived::derived(int)") derived::derived(int k) : virtual_base(k + 100), m(k + 1000) {}
HP_REPLACES("derived::~derived()") derived::~derived() { ended += 100; }
HP_REPLACES("simple::simple(int)") simple::simple(int k) : n(k + 10) {}
HP_REPLACES("simple::~simple()") simple::~simple() { ended += 1000; }
EOT
for options in -O2 -O0; do
  ok "a program with classes is linked: $options" cxx_program $options
  ok "a patch makes and throws objects of its classes: $options" patch throws $options
  ok "and they are the program's: $options" tells "200 1 2 2 3" load:throws.so call
  ok "constructors and destructors, with no warning: $options" patch structors $options
  ok "every body is replaced: $options" tells "3 1001 1002 2 13
ended 1303" load:structors.so call
done
ok "control: a program with the library for controls" with_controls cxx_program
ok "control: it replaces every body" tells "ended 1303" load:structors.so call
ok "control: without the rule of variants it does not" \
  not without structor_for_structor tells "ended 1303" load:structors.so call
cat >twice.cc <<'EOT'
#include "classes.hh"
#include <hotpatch.h>
HP_REPLACES("_ZN6simpleD1Ev") static void one(simple*) {}
HP_REPLACES("_ZN6simpleD2Ev") static void two(simple*) {}
EOT
patch twice
ok "two names of one body are found" tells "are two names of one function" load:twice.so

# --- Copies -------------------------------------------------------------------
cat >server.c <<'EOT'
#include <stdio.h>
#include <unistd.h>
int total;
static int served;
static int bump(int n) { static int calls; calls++; total += n; served += n; return calls; }
int main(void) { for (;;) { printf("%d\n", bump(1)); fflush(stdout); usleep(5000); } }
EOT
sed 's/int main(void)/int main_of_patch(void)/' server.c >server_fixed.c
printf '%s\n' '#include <hotpatch.h>' \
  'HP_REPLACES("server.c:bump") static int bump(int n);' \
  '#include "server_fixed.c"' >included.c
{
  echo '#include <hotpatch.h>'
  echo 'HP_REPLACES("server.c:bump") static int bump(int n);'
  cat server_fixed.c
} >marked.c
printf '%s\n' '#include <hotpatch.h>' 'static int patched;' \
  'extern int served HP_IMPORT("server.c:served");' \
  'HP_REPLACES("server.c:bump") static int bump(int n) { return ++patched + n * ++served; }' >good.c
warned()
{
  cc -O2 -fPIC -shared "$1.c" -o "$1.so" >warnings 2>&1
  cat warnings
  [ "$(grep -c 'is a new variable of the patch' warnings)" -eq "$2" ]
}
ok "an included source: each variable is warned of" warned included 3
ok "a copied source, too" warned marked 3
ok "not a variable that the patch needs" warned good 0
ok "and not if that is switched off" patch marked \
  -fplugin-arg-hotpatch-warn-copies=no
cc -O2 -fplugin-arg-hotpatch-all server.c -o server
begin ./server
rehearsed()
{
  "$hp_apply" --dry-run "$pid" "$1.so" >dry
  cat dry
  [ "$(grep -c 'has its own variable' dry)" -eq "$2" ]
}
ok "a dry run names those that the program has" rehearsed marked 3
ok "and no others" rehearsed good 0
end

# --- Constants ----------------------------------------------------------------
cat >message.h <<'EOT'
enum { first, second };
struct message { int kind; };
EOT
cat >program.c <<'EOT'
#include "testsuite/objects/commands.h"
#include "message.h"
enum { off, on } mode;
struct { int a; int b; } state = {1, 2};
int handle(struct message* m) { return m->kind == second; }
int any(int n) { return n; }
static void call(void) { struct message m = {second}; printf("%d\n", handle(&m) + any(mode) + state.a); }
int main(int argc, char** argv) { return run_commands(argc, argv, call); }
EOT
program -fplugin-arg-hotpatch-all program.c
# constants HEADER-EDIT BODY
constants()
{
  mkdir -p new && sed "$1" message.h >new/message.h &&
    printf '#include <hotpatch.h>\n#include "new/message.h"\n%s\n' "$2" >fix.c &&
    patch fix
}
handler='HP_REPLACES("handle") static int h(struct message* m) { return m->kind == second; }'
ok "the same constants" constants '' "$handler"
ok "fit" tells "load: HP_OK" load:fix.so
ok "a new constant" constants 's/second/second, third/' "$handler"
ok "does no harm" tells "load: HP_OK" load:fix.so
ok "one that moves the others" constants 's/first/first, between/' "$handler"
ok "is refused with both values" tells "second is 1 in the program, 2 in the patch" load:fix.so
cp program plain
ok "control: a program with the library for controls" with_controls program \
  -fplugin-arg-hotpatch-all program.c
ok "control: it refuses" tells "second is 1 in the program, 2 in the patch" load:fix.so
ok "control: without the comparison the other value is used" \
  without compare_constants tells "load: HP_OK" load:fix.so
mv plain program
ok "an import of an enumeration without a name" constants '' 'extern enum { on, off } mode;
HP_REPLACES("any") static int a(int n) { return n + (mode == on); }'
ok "is compared" tells "HP_LAYOUT: $workdir/fix.so: mode: a type without a name has changed" load:fix.so
ok "and of a structure without a name" constants '' 'extern struct { int b; int a; } state;
HP_REPLACES("any") static int a(int n) { return n + state.a; }'
ok "is compared, too" tells "HP_LAYOUT: $workdir/fix.so: state: a type" load:fix.so
cat >message.hh <<'EOT'
enum { first, second };
namespace net { enum { idle, busy }; namespace { enum : long { low = -5, high }; } }
namespace other { enum { busy = 7 }; }
enum kinds { one_kind, two_kinds };
struct message { int kind; };
EOT
cat >program.cc <<'EOT'
#include "testsuite/objects/commands.h"
#include "message.hh"
int handle(message* m) { return m->kind == second ? net::busy + net::high : 1; }
static void call() { message m{second}; printf("%d\n", handle(&m)); }
int main(int argc, char** argv) { return run_commands(argc, argv, call); }
EOT
ok "a program in C++ with enumerations in namespaces" cxx_program
# cxx_constants HEADER-EDIT
cxx_constants()
{
  sed "$1" message.hh >new/message.hh &&
    printf '%s\n' '#include <hotpatch.h>' '#include "new/message.hh"' \
      'HP_REPLACES("handle") static int h(message* m) { return m->kind == second ? net::busy + net::high : 1; }' \
      >cxx_constants.cc && patch cxx_constants
}
ok "the same constants in C++" cxx_constants ''
ok "fit" tells "load: HP_OK" load:cxx_constants.so
ok "new ones" cxx_constants 's/busy }; n/busy, gone }; n/; s/one_kind/one_kind = 3/'
ok "do no harm" tells "load: HP_OK" load:cxx_constants.so
ok "one that moves the others of the file" cxx_constants 's/first/first, between/'
ok "is refused" tells "second is 1 in the program, 2 in the patch" load:cxx_constants.so
ok "one that moves those of a namespace" cxx_constants 's/idle/unknown, idle/'
ok "is refused with its name" tells "net::busy is 1 in the program, 2 in the patch" \
  load:cxx_constants.so
ok "one that moves those of an unnamed namespace" cxx_constants 's/-5/-6/'
ok "is refused, negative or not" tells "net::(anonymous namespace)::high is -4 in the program, -5 in the patch" \
  load:cxx_constants.so
cat >program.cc <<'EOT'
#include "testsuite/objects/commands.h"
struct parser { enum { idle, busy }; static constexpr int limit = 8; int state; int step(int n); };
int parser::step(int n) { return state == busy ? n : limit; }
static void call() { parser p{parser::busy}; printf("%d\n", p.step(3)); }
int main(int argc, char** argv) { return run_commands(argc, argv, call); }
EOT
cxx_program
class_constants()
{
  {
    echo '#include <hotpatch.h>'
    sed -n '2p' program.cc | sed "$1"
    echo 'HP_REPLACES("parser::step(int)") static int s(parser* p, int) { return p->state == parser::busy; }'
  } >class.cc
  patch class
}
ok "a class with the same constants" class_constants ''
ok "fits" tells "load: HP_OK" load:class.so
ok "a class with another enumerator before" class_constants 's/idle/unknown, idle/'
ok "is refused" tells "busy is 1 in the program, 2 in the patch" load:class.so
ok "a class with another constant" class_constants 's/limit = 8/limit = 9/'
ok "is refused, too" tells "limit is 8 in the program, 9 in the patch" load:class.so
done_testing
