#!/bin/sh
# Patches as a programmer writes them to mend a class: the method itself, with what
# is private; templates; functions with a twin in another file; thread-local
# variables.  In the program itself and from outside.
#
# SPDX-License-Identifier: MIT
. "$HP_SRCDIR/testsuite/objects/objects.sh"
. "$HP_SRCDIR/testsuite/outside/start.sh"

cat >account.h <<'EOT'
#include <stdexcept>
namespace ns {
struct trouble : std::runtime_error {
  using std::runtime_error::runtime_error;
};
class account {
 public:
  virtual ~account() {}
  virtual int fee() const { return 1; }
  void withdraw(int amount);
  int balance() const { return balance_; }
  int noted() const { return noted_; }

 private:
  void note(int amount);
  int balance_ = 1000;
  int noted_ = 0;
};
class premium : public account {
 public:
  int fee() const override { return 0; }
};
template <typename T>
struct cache {
  T get(int key) { return T(key); }
};
template <typename T>
T doubled(T x) { return x + x; }
extern thread_local int depth;
int other_twin(int x);
}
EOT
cat >account.cc <<'EOT'
#include "account.h"
#include <cstdio>
namespace ns {
thread_local int depth = 3;
static int tries() { static int count = 0; return ++count; }
static int twin(int x) { return x + 1; }
void account::note(int amount) { noted_ += amount > 0; }
void account::withdraw(int amount)
{
  if (amount > balance_)
    throw trouble("too much");
  balance_ -= amount + fee();
  note(amount);
}
template int doubled<int>(int);
template struct cache<long>;
}
static void show()
{
  static ns::premium all;
  const char* thrown = "nothing";
  try {
    all.withdraw(10);
  } catch (const ns::trouble& trouble) {
    thrown = trouble.what();
  }
  const int tries = ns::tries();
  printf("%d %d %d %d %d %ld %d %d %s\n", all.balance(), all.noted(), tries % 10,
         ns::depth, ns::doubled(4), ns::cache<long>().get(1), ns::twin(1),
         ns::other_twin(1), thrown);
}
EOT
cat >other.cc <<'EOT'
#include "account.h"
namespace ns {
static int twin(int x) { return x + 2; }
int other_twin(int x) { return twin(x); }
}
EOT
cat >program.cc <<'EOT'
#include "testsuite/objects/commands.h"
#include "account.cc"
int main(int argc, char** argv) { return run_commands(argc, argv, show); }
EOT
cat >alone.cc <<'EOT'
#include "account.cc"
#include <unistd.h>
int main()
{
  for (;;) {
    ns::tries();
    printf("%d %ld %d %d %d\n", ns::doubled(4), ns::cache<long>().get(1),
           ns::twin(1), ns::other_twin(1), ns::depth);
    fflush(stdout);
    usleep(5000);
    if (ns::doubled(1) == 77)
      show();
  }
}
EOT
build()
{
  cxx -O2 -w "$headers" -fplugin-arg-hotpatch-all program.cc other.cc \
    -o program $with_library &&
    cxx -O2 -w -fplugin-arg-hotpatch-all alone.cc other.cc -o alone
}
ok "the programs are compiled" build

cat >method.cc <<'EOT'
#include <hotpatch.h>
#include "account.h"
extern int tries HP_IMPORT("ns::tries()::count");
HP_REPLACES("ns::account::withdraw(int)")
void ns::account::withdraw(int amount)
{
  if (balance_ < 970)
    throw trouble("from the patch");
  balance_ -= 2 * amount + (dynamic_cast<premium*>(this) ? 0 : 500);
  note(amount);
  tries += 3;
  depth += 5;
}
template <>
HP_REPLACES("int ns::doubled<int>(int)") int ns::doubled<int>(int x)
{
  return 5 * x;
}
HP_REPLACES("ns::cache<long>::get(int)")
static long get(ns::cache<long>*, int) { return 1000; }
HP_REPLACES("other.cc:ns::twin") static int twin(int x) { return x + 20; }
EOT
before="990 1 1 3 8 1 2 3 nothing"
during="970 2 5 8 20 1000 2 21 nothing
950 3 9 13 20 1000 2 21 nothing
950 3 0 13 20 1000 2 21 from the patch"
after="940 4 1 13 8 1 2 3 nothing"
for options in '' -O0 -fvisibility=hidden -flto; do
  # shellcheck disable=SC2086
  ok "a patch with a method of its own $options" patch method $options
  ok "does what it says $options" runs "$before
load: HP_OK
$during
unload: HP_OK
$after" call load:method.so call call call unload:method call
done
sed 's/^void ns::account::withdraw(int amount)/static void w(ns::account* self, int amount)/
  s/balance_ </self->balance_ </; s/throw /throw ns::/; s/(this)/(self)/
  s/<premium/<ns::premium/; s/  balance_ -=/  self->balance_ -=/
  s/  note(/  self->note(/; s/  depth/  ns::depth/' method.cc >access.cc
ok "or a function, with -fno-access-control" patch access -fno-access-control
ok "does the same" runs "$before
load: HP_OK
$during" call load:access.so call call call
sed 's/other.cc:ns::twin/twin/' method.cc >nearly.cc
patch nearly
ok "a name without its namespace: those that may be meant are told" tells \
  "similar: ns::twin(int) (account.cc:6), ns::twin(int) (other.cc:3)" \
  load:nearly.so

cat >outer.cc <<'EOT'
#include <hotpatch.h>
#include "account.h"
HP_PATCH("outer", 1, "");
template <>
HP_REPLACES("int ns::doubled<int>(int)") int ns::doubled<int>(int x)
{
  depth = 40;
  return 5 * x;
}
HP_REPLACES("other.cc:ns::twin") static int twin(int x)
{
  try {
    throw ns::trouble("inside");
  } catch (const std::exception&) {
    return x + 20;
  }
}
EOT
patch outer
begin ./alone
ok "from outside: before" says "8 1 2 3 3"
ok "from outside: applied" "$hp_apply" "$pid" outer.so
ok "from outside: the new, with a thread-local variable" says "20 1 2 21 40"
ok "from outside: reverted" "$hp_revert" "$pid" outer
ok "from outside: the old" says "8 1 2 3 40"
end

# A shared object's thread-local storage only the dynamic linker can find.
echo 'thread_local int hidden_depth = 1; int deep() { return ++hidden_depth; }' \
  >deep.cc
cat >user.cc <<'EOT'
#include <stdio.h>
#include <unistd.h>
int deep();
__attribute__((hotpatch)) int level(int x) { return x; }
int main()
{
  for (;;) {
    printf("%d\n", level(1) + 0 * deep());
    fflush(stdout);
    usleep(5000);
  }
}
EOT
cat >deeper.cc <<'EOT'
#include <hotpatch.h>
extern __thread int depth HP_IMPORT("hidden_depth");
HP_REPLACES("level(int)") static int level(int x) { return x + depth; }
EOT
cxx -O2 -fPIC -shared deep.cc -o libdeep.so &&
  cxx -O2 user.cc -o user -L. -ldeep "-Wl,-rpath,$workdir" && patch deeper
begin ./user
refused()
{
  refuses 'hidden_depth .*cannot be found from outside' --dry-run "$pid" \
    deeper.so && says 1
}
ok "from outside: a shared object's are refused by the checks" refused
end
done_testing
