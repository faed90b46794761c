# The headers in every language standard, without casts and without warnings.
# SPDX-License-Identifier: MIT
. "$HP_SRCDIR/testsuite/lib/common.sh"

warnings="-Wall -Wextra -Wpedantic -Wcast-function-type -Wconversion -Wshadow -Werror"
include=-I$HP_SRCDIR/runtime/include

cat >common.inc <<'EOF2'
#include <hotpatch.h>
struct point { double x, y, z; };
HP_PATCHABLE int patchable(int);
int patchable(int x) { return x; }
void nothing(void);
void nothing(void) {}
int number(int x);
int number(int x) { return x; }
int variadic(const char* format, ...);
int variadic(const char* format, ...) { return *format; }
struct point structure(struct point a, long b);
struct point structure(struct point a, long b) { a.x = (double)b; return a; }
int (*returns_function(void))(int);
int (*returns_function(void))(int) { return number; }
int use(void);
int use(void)
{
  int (*pointer)(int) = number;
  hp_status status = hp_apply("a", nothing);
  status = hp_apply("a", number);
  status = hp_apply("a", &number);
  status = hp_apply("a", pointer);
  status = hp_apply("a", variadic);
  status = hp_apply("a", structure);
  status = hp_apply("a", returns_function);
  status = hp_apply_flags("a", number, HP_ANY_PROTOTYPE);
  status = hp_remove("a", number);
  status = hp_revert("a");
  hp_transaction* several = hp_begin();
  status = hp_add_apply(several, "a", number);
  status = hp_add_apply_flags(several, "a", &number, HP_ANY_PROTOTYPE);
  status = hp_add_remove(several, "a", structure);
  const hp_commit_options options = {sizeof(hp_commit_options), HP_STRICT, 0, 10};
  status = hp_commit(several, &options);
  return status == HP_OK && hp_original("a") != 0;
}
EOF2

cp common.inc c.c
cat common.inc - >cxx.cc <<'EOF2'
struct shape {
  int plain(int);
  int constant(int) const;
  int both(int) const volatile;
  int left(int) &;
  int right(int) &&;
  int promise(int) noexcept;
  int rest(int, ...);
  static int shared(int);
};
int promise(int) noexcept;
namespace { struct local {}; int takes_local(local*) { return 0; } }
int use_cxx();
int use_cxx()
{
  hp_apply("a", &shape::plain);
  hp_apply("a", &shape::constant);
  hp_apply("a", &shape::both);
  hp_apply("a", &shape::left);
  hp_apply("a", &shape::right);
  hp_apply("a", &shape::promise);
  hp_apply("a", &shape::rest);
  hp_apply("a", &shape::shared);
  hp_apply("a", promise);
  hp_apply("a", takes_local);
  hp_apply("a", +[](int x) { return x; });
  return hp_remove("a", &shape::plain);
}
EOF2
cat >hpp.cc <<'EOF2'
#include <hotpatch.hpp>
int number(int x);
int number(int x) { return x; }
bool use();
bool use()
{
  hotpatch::patch one("a", number);
  const hotpatch::original<int(int)> before("a");
  one.release();
  hotpatch::transaction two;
  two.apply("a", number).remove("a", number).revert("a").revert_all();
  return two.commit(HP_STRICT) && hotpatch::apply("a", number).ok() &&
         before && before(1) == 1 && hotpatch::sites().empty();
}
EOF2

for std in c11 gnu11 c17 gnu17 c2x gnu2x; do
  ok "C, -std=$std" $CC -std=$std $warnings -Wstrict-prototypes \
    $include -c c.c -o c.o
done
for std in c++11 gnu++11 c++14 c++17 gnu++17 c++20 gnu++20 c++2b; do
  ok "C++, -std=$std" $CXX -std=$std $warnings $include -c cxx.cc -o cxx.o
done
ok "C++, -fno-rtti -fno-exceptions" $CXX -std=c++20 -fno-rtti \
  -fno-exceptions $warnings $include -c cxx.cc -o cxx.o
for options in -std=c++17 -std=c++20 -std=c++2b \
  "-std=c++17 -fno-exceptions" "-std=c++20 -fno-rtti"; do
  ok "hotpatch.hpp, $options" $CXX $options $warnings $include \
    -c hpp.cc -o hpp.o
done
ok "C with the plugin" cc -std=c11 $warnings -c c.c -o c.o
ok "C++ with the plugin" cxx -std=c++11 $warnings -c cxx.cc -o cxx.o
for clang in clang++ clang++-14; do
  if command -v $clang >/dev/null; then
    ok "C++ of $clang" $clang -std=c++17 $warnings $include -c cxx.cc -o cxx.o
    break
  fi
done

# That the test can fail: an argument that is no function does not compile.
cat common.inc - >bad.cc <<'EOF2'
int data;
int bad();
int bad() { return hp_apply("a", &data); }
EOF2
ok "data is refused by the compiler" not $CXX -std=c++17 $include \
  -c bad.cc -o bad.o
echo 'int bad() { hotpatch::revert("a"); return 0; }' | cat hpp.cc - >unused.cc
ok "a status that is not looked at is warned about" not $CXX -std=c++17 \
  -Wall -Werror $include -c unused.cc -o unused.o

# Feature test macros count also after the header, as they do after any other
# that includes nothing of the C library's.
cat >macros.c <<'EOF2'
#include FIRST
#define _GNU_SOURCE
#include <dlfcn.h>
#include <sched.h>
Dl_info information;
cpu_set_t processors;
void* next(void);
void* next(void) { return dlsym(RTLD_NEXT, "next"); }
EOF2
for standard in c99 c11 gnu17; do
  ok "$standard: macros after the header" \
    cc "-std=$standard" -Wall -Wextra -Wpedantic -Werror \
    '-DFIRST=<hotpatch.h>' -c macros.c
done
ok "control: after one that fixes them" \
  not cc -std=c11 -Werror '-DFIRST=<stdint.h>' -c macros.c

done_testing
