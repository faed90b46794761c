# Names of what the plugin makes of C and C++, found in a running program.
#
# SPDX-License-Identifier: MIT
# shellcheck disable=SC2086  # CC, CXX and some lists are several words
. "$HP_SRCDIR/testsuite/lib/common.sh"
. "$HP_SRCDIR/testsuite/lib/site_tests.sh"

reader="$HP_BUILDDIR/runtime/.libs/libhpread.a"
probe_o="$HP_BUILDDIR/testsuite/sites/probe-probe.o"

mkdir net
cat >net/conn.c <<'END'
static int reset(int n) { return n + 1; }
int conn_open(int n) { return reset(n) * 2; }
int conn_visit(int n)
{
  int step(int m) { return m + n; }
  return step(1);
}
END
cat >net/pool.c <<'END'
static int reset(int n) { return n - 1; }
int pool_open(int n) { return reset(n) * 2; }
END
cat >shape.cc <<'END'
#include <string>
namespace ns {
struct Point {
  double x;
  Point(int v);
  virtual ~Point();
  double scale(double f);
  double scale(int f);
  virtual double area() const;
  operator bool() const;
  Point operator+(const Point& other) const;
  double operator()(int);
  bool operator!() const;
};
Point::Point(int v) : x(v) {}
Point::~Point() {}
double Point::scale(double f) { return x * f; }
double Point::scale(int f) { return x * f; }
double Point::area() const { return x; }
Point::operator bool() const { return x != 0; }
Point Point::operator+(const Point& other) const
{
  Point sum(1);
  sum.x = x + other.x;
  return sum;
}
double Point::operator()(int i) { return i; }
bool Point::operator!() const { return x == 0; }
}
template <class T> T biggest(T a, T b) { return a < b ? b : a; }
template int biggest<int>(int, int);
template double biggest<double>(double, double);
namespace {
int hidden(int v) { return v + 1; }
}
static int local(std::string s) { return static_cast<int>(s.size()); }
int uses() { return hidden(1) + local("x"); }
END
cc -fplugin-arg-hotpatch-all -O2 -c net/conn.c \
  -o conn.o || exit 99
cc -fplugin-arg-hotpatch-all -O2 -c net/pool.c \
  -o pool.o || exit 99
cxx -fplugin-arg-hotpatch-all -O2 -c shape.cc || exit 99
$CXX -o program "$probe_o" conn.o pool.o shape.o "$reader" -lelf -liberty ||
  exit 99
strip program

# names EXPECTED NAME: the site that is meant.
names()
{
  prints ./program "$1 *in program" which "$2"
}

ok 'a C function' names 'conn_open net/conn.c:2' conn_open
ok 'a static function of one of two files' \
  names 'reset net/conn.c:1' conn.c:reset
ok 'the same by more of the path' names 'reset net/pool.c:1' net/pool.c:reset
ok 'without the file it is ambiguous, and the message says what helps' \
  prints ./program 'status 3: 2 sites are called reset; use FILE:NAME to choose one of:
  reset net/conn.c:1 in */program
  reset net/pool.c:1 in */program' which reset
ok 'a nested function' names 'step* net/conn.c:5' step
ok 'a method by its signature' \
  names _ZN2ns5Point5scaleEd 'ns::Point::scale(double)'
ok 'blanks do not count' \
  names _ZN2ns5Point5scaleEi ' ns::Point::scale ( int )'
ok 'an overloaded method without parameters is ambiguous' \
  prints ./program 'status 3: 2 sites are called ns::Point::scale; use the assembler name to choose one of:
  _ZN2ns5Point5scaleE? (ns::Point::scale(*)) shape.cc:* in */program
  _ZN2ns5Point5scaleE? (ns::Point::scale(*)) shape.cc:* in */program' \
  which ns::Point::scale
ok 'a virtual method without parameters' \
  names _ZNK2ns5Point4areaEv ns::Point::area
ok 'the two names of a constructor are one site' \
  names '_ZN2ns5PointC?Ei' 'ns::Point::Point(int)'
ok 'a destructor as written in the source is not the deleting one' \
  names '_ZN2ns5PointD[12]Ev' 'ns::Point::~Point()'
ok 'the deleting destructor has its own name' \
  names _ZN2ns5PointD0Ev _ZN2ns5PointD0Ev
ok 'a conversion' names _ZNK2ns5PointcvbEv 'ns::Point::operator bool() const'
ok 'operator+' names _ZNK2ns5PointplERKS0_ ns::Point::operator+
ok 'operator()' names _ZN2ns5PointclEi 'ns::Point::operator()(int)'
ok 'operator!' names _ZNK2ns5PointntEv 'ns::Point::operator!() const'
ok 'a template with its return type' \
  names _Z7biggestIiET_S0_S0_ 'int biggest<int>(int, int)'
ok 'a template without' names _Z7biggestIdET_S0_S0_ 'biggest<double>'
ok 'the anonymous namespace' \
  names _ZN12_GLOBAL__N_16hiddenEi '(anonymous namespace)::hidden(int)'
ok 'a static function with the file and the signature' \
  names '_ZL5local*' 'shape.cc:local'
ok 'a wrong signature brings the right one to mind' \
  prints ./program 'status 2: *similar: _ZN2ns5Point5scaleE*-fplugin=hotpatch.so*' \
  which 'ns::Point::scale(char)'

done_testing
