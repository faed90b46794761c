#!/bin/sh
# Patch objects in C++: methods, virtual functions, templates, exceptions,
# dynamic_cast, and data that the program and the patch both define.
#
# SPDX-License-Identifier: MIT
. "$HP_SRCDIR/testsuite/objects/objects.sh"

cat >shapes.h <<'EOT'
#include <stdexcept>
#include <string>
#include <vector>
namespace ns {
struct shape {
  virtual ~shape();
  virtual double area() const;
  double scale(double by);
  double side = 2;
};
struct round : shape {
  double area() const override { return 3 * side * side; }
};
struct trouble : std::runtime_error {
  using std::runtime_error::runtime_error;
};
template <typename T>
struct box {
  static int made;
  T value;
  explicit box(T v) : value(v) { ++made; }
};
template <typename T>
int box<T>::made = 0;
template <typename T>
T doubled(T x) { return x + x; }
inline int& calls() { static int count = 10; return count; }
inline int shared = 100;
int parse(const std::string& text);
int total(const std::vector<int>& all);
shape* make();
}
EOT
cat >program.cc <<'EOT'
#include "testsuite/objects/commands.h"
#include "shapes.h"
namespace ns {
namespace { int secret = 5; int hidden(int x) { return x + secret; } }
shape::~shape() {}
double shape::area() const { return side * side; }
double shape::scale(double by) { return side *= by; }
int parse(const std::string& text) { return int(text.size()) + calls(); }
int total(const std::vector<int>& all) { return int(all.size()) + shared; }
shape* make() { return new shape; }
template int doubled<int>(int);
}
static void call()
{
  ns::shape s;
  ns::box<int> b(1);
  int caught = 0;
  int parsed = -1;
  try {
    parsed = ns::parse("four");
  } catch (const ns::trouble& t) {
    caught = 1;
  } catch (const std::exception&) {
    caught = 2;
  }
  ns::shape* made = ns::make();
  printf("parse %d caught %d scale %g area %g doubled %d total %d ", parsed,
         caught, s.scale(2), made->area(), ns::doubled(4), ns::total({1, 2}));
  printf("round %d made %d calls %d shared %d\n",
         dynamic_cast<ns::round*>(made) != nullptr, ns::box<int>::made,
         ns::calls(), ns::shared);
  delete made;
}
int main(int argc, char** argv)
{
  ns::secret += argc > 100;
  if (argc > 100)
    printf("%d\n", ns::hidden(argc));
  ns::round r;
  ns::shape& any = r;
  if (any.area() != 12)
    return 1;
  return run_commands(argc, argv, call);
}
EOT
# shellcheck disable=SC2086,SC2120 # lists of options; called through ok
build()
{
  cxx -O2 -w "$headers" -fplugin-arg-hotpatch-all "$@" program.cc -o program \
    $with_library
}
cat >fix.cc <<'EOT'
#include <hotpatch.h>
#include "shapes.h"
HP_PATCH("shapes", 1, "All kinds");
extern int secret HP_IMPORT("program.cc:ns::(anonymous namespace)::secret");
int hidden(int) HP_IMPORT("ns::(anonymous namespace)::hidden(int)");
double original_scale(ns::shape*, double) HP_ORIGINAL("ns::shape::scale");
HP_REPLACES("ns::parse")
static int parse(const std::string& text)
{
  ns::calls() += 1;
  ns::shared += 1;
  ns::box<int> one(2);
  try {
    if (secret == 5 && hidden(1) == 6)
      throw ns::trouble("from the patch: " + text);
  } catch (const std::runtime_error&) {
    throw;
  }
  return -2;
}
HP_REPLACES("ns::shape::scale(double)")
static double scale(ns::shape* self, double by)
{
  return original_scale(self, by) + 0.5;
}
HP_REPLACES("int ns::doubled<int>(int)") static int doubled(int x) { return -x; }
HP_REPLACES("ns::make()") static ns::shape* make() { return new ns::round; }
EOT
before="parse 14 caught 0 scale 4 area 4 doubled 8 total 102 round 0 made 1 \
calls 10 shared 100"
during="parse -1 caught 1 scale 4.5 area 12 doubled -4 total 103 round 1 made 3 \
calls 11 shared 101"
after="parse 15 caught 0 scale 4 area 4 doubled 8 total 103 round 0 made 4 calls \
11 shared 101"
for options in '' -rdynamic '-no-pie -fno-pie' -O0; do
  # shellcheck disable=SC2086
  ok "program $options" build $options
  ok "patch" patch fix
  ok "does what it says $options" runs "$before
load: HP_OK
${during}
unload: HP_OK
fix.so is not mapped
$after" call load:fix.so call unload:shapes mapped:fix.so call
done
ok "a patch without exported symbols" patch fix -fvisibility=hidden
build
ok "exceptions and classes still work" tells "caught 1 scale 4.5 area 12" \
  load:fix.so call
ok "control: data that is not exported there is not the program's" \
  tells "calls 10 shared 100" load:fix.so call

cat >layout.cc <<'EOT'
#include <hotpatch.h>
namespace ns { struct shape { virtual ~shape(); virtual double area() const;
  virtual double edge() const; double scale(double by); double side = 2; }; }
HP_REPLACES("ns::shape::scale(double)")
static double scale(ns::shape* self, double by) { return self->side * by; }
EOT
patch layout
ok "another virtual table is found" tells \
  "HP_LAYOUT: $workdir/layout.so: ns::shape::scale(double): struct ns::shape: " \
  load:layout.so
cat >wrong.cc <<'EOT'
#include <hotpatch.h>
#include <string>
HP_REPLACES("ns::parse") static int parse(std::string text) { return 1; }
EOT
patch wrong
ok "another signature is found" tells "ns::parse: the program has int (std::" \
  load:wrong.so
done_testing
