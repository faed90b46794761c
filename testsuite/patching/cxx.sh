#!/bin/sh
# Patches that hp-patch makes of changed C++ sources: lambdas, virtual functions,
# anonymous namespaces, templates, exceptions and static objects.
#
# SPDX-License-Identifier: MIT
# shellcheck disable=SC2034,SC2154 # used and set in common.sh
. "$HP_SRCDIR/testsuite/patching/common.sh"

cat >program.cc <<'EOT'
#include <cstdio>
#include <functional>
#include <map>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>
namespace {
int hidden(int x) { static int calls; return x + ++calls; }
struct shape { virtual ~shape() = default; virtual int area() const { return 1; } };
struct square : shape {
  int side;
  explicit square(int s) : side(s) {}
  int area() const override { static std::string name = "sq"; return side * side + (int)name.size(); }
};
}
template <class T> struct box {
  static int made;
  T value;
  explicit box(T v) : value(v) { ++made; }
  T get() const { return value; }
};
template <class T> int box<T>::made = 100;
std::map<std::string, int> registry;
std::function<int(int)> stored;
thread_local int local = 3;
thread_local std::string word("abc");
int parse(const std::string& text)
{
  if (text.size() > 3)
    throw std::runtime_error("long " + text);
  return (int)text.size();
}
int work(int i)
{
  std::unique_ptr<shape> p(new square(i));
  int area = p->area();
  box<int> b(i);
  registry["k"] += 1;
  local += (int)word.size() - 2;
  auto add = [&](int x) { return x + area; };
  int sum = 0;
  for (int x : std::vector<int>{1, 2, 3})
    sum += add(x);
  int length = 0;
  try {
    length = parse(i % 2 ? "ab" : "abcdef");
  } catch (const std::exception& e) {
    length = -(int)std::string(e.what()).size();
  }
  if (!stored)
    stored = [](int x) { return hidden(x) * 2; };
  return sum + b.get() + box<int>::made + length + stored(i) + registry["k"] + local;
}
int loop(int i) { return work(i); }
int main()
{
  char line[64];
  for (int i = 0; fgets(line, sizeof line, stdin); i++) {
    printf("%d\n", loop(1));
    fflush(stdout);
  }
}
EOT
cp program.cc program.cc.0

build()
{
  cp program.cc.0 program.cc
  touch -d '2001-01-01' program.cc
  rm -f program.o program
  {
    echo "CXX = $CXX"
    echo "CXXFLAGS = -std=c++17 $1 \$(MORE)"
    echo 'program: program.o'
    echo '	$(CXX) -o $@ program.o'
  } >Makefile
  make -s
}

# changed NAME SED-SCRIPT DIFFERENCE: what the change adds to the answer.
changed()
{
  sed -i "$2" program.cc
  ok "$1: a patch is made" make_patch fix.so -- make
  start ./program
  before=$(answer)
  second=$(answer)
  # Each call adds the same to the answer before.
  step=$((second - before))
  ok "$1: the patch is applied" applied
  ok "$1: the new code runs, with the program's data" \
    answers_are $((second + step + $3))
  ok "$1: the patch is reverted" reverted
  ok "$1: the program goes on" answers_are $((second + 2 * step))
  cp program.cc.0 program.cc
  touch -d '2001-01-01' program.cc
}

for mode in baseline inline; do
  eval "flags=\$${mode}_flags"
  # shellcheck disable=SC2154 # set by eval
  ok "$mode: the program is built" build "$flags"
  changed "$mode: a loop around a lambda" 's/sum += add(x)/sum += add(x) + 1000/' 3000
  changed "$mode: a lambda" 's/return x + area;/return x + area + 1000;/' 3000
  changed "$mode: a virtual function of an anonymous namespace" \
    's/return side \* side/return 1000 + side * side/' 3000
  changed "$mode: a template's member" \
    's/T get() const { return value; }/T get() const { return value + 1000; }/' 1000
  changed "$mode: a function that throws" \
    's/return (int)text.size();/return 1000 + (int)text.size();/' 1000
  changed "$mode: a lambda before another one" \
    's/  int sum = 0;/  auto first = [](int x) { return x + 1000; };\n  int sum = first(0);/' 1000
  changed "$mode: a static object in a function" \
    's/  int length = 0;/  static std::string fresh(1000, 97);\n  int length = (int)fresh.size() * 0; sum += (int)fresh.size();/' 1000
done

ending=cc
ok "the program is built without inlining" build "$baseline_flags"
start ./program
before=$(answer)
second=$(answer)
misses "virtual calls stay" 's/sum += add(x)/sum += add(x) + 1000/' \
  virtual-calls $((second + 3000))
ok "the program is built again" build "$inline_flags"
refused "another virtual function" "virtual functions" \
  's/virtual int area() const { return 1; }/& virtual int more() const { return 2; }/'
refused "a new global object" "initialisation of global objects" \
  's/^std::map<std::string, int> registry;/&\nstd::map<int, int> second;/'
refused "another initialisation of a static object in a function" \
  'program.cc:14:.*initialisation of std::string name has changed' \
  's/name = "sq"/name = "square"/'
sed -i 's/name = "sq"/name = "square"/' program.cc
ok "control: this is where it is refused" not gives 1 'initialisation' \
  make_patch fix.so -- make MORE=-fplugin-arg-hotpatch-without=initialisers
cp program.cc.0 program.cc
refused "another initialisation of a thread-local object" \
  'program.cc:.*initialisation of thread-local objects has changed' \
  's/word("abc")/word("abcd")/'
done_testing
