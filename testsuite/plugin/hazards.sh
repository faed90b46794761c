#!/bin/sh
# What GCC does to callers because it sees a body: each optimisation that makes
# a replacement go wrong, prevented, and seen to go wrong when the
# countermeasure is taken out (-fplugin-arg-hotpatch-without=).
#
# SPDX-License-Identifier: MIT
# shellcheck disable=SC2154 # set in survival.sh
. "$HP_SRCDIR/testsuite/plugin/survival.sh"

# The body is pure, so four calls are one; the replacement counts.
cat >pure.c <<'EOT'
#include "raw_patch.h"
static int count;
__attribute__((hotpatch)) int f(int x) { return x * 3; }
static int counts(int x) { return ++count, x; }
__attribute__((noipa)) int four(int x) { return f(x) + f(x) + f(x) + f(x); }
int main(void)
{
  raw_patch((void *)f, (void *)counts);
  four(1);
  return count != 4;
}
EOT

# The body uses one register, so the caller keeps values in the others.
cat >registers.c <<'EOT'
#include "raw_patch.h"
static __attribute__((hotpatch)) int f(int x) { return x + 1; }
static __attribute__((noipa)) int clobbers(int x)
{
  __asm__ volatile("xorl %%ecx, %%ecx; xorl %%edx, %%edx; xorl %%esi, %%esi;"
                   "xorl %%r8d, %%r8d; xorl %%r9d, %%r9d; xorl %%r10d, %%r10d;"
                   "xorl %%r11d, %%r11d; movl $70, %%edi"
                   ::: "ecx", "edx", "esi", "edi", "r8", "r9", "r10", "r11");
  return x;
}
__attribute__((noipa)) int keeps(int a, int b, int c) { return f(a) + a + b + c; }
int main(void)
{
  raw_patch((void *)f, (void *)clobbers);
  return keeps(1, 2, 4) != 8;
}
EOT

# The body needs no aligned stack, so the caller does not align it.
cat >alignment.c <<'EOT'
#include "raw_patch.h"
static __attribute__((hotpatch)) int f(int x) { return x + 1; }
static __attribute__((noipa)) int misaligned(int x)
{
  return x * 0 + (int)((uintptr_t)__builtin_frame_address(0) & 15);
}
__attribute__((noipa)) int calls(int x) { return f(x) | f(x + 1); }
int main(void)
{
  raw_patch((void *)f, (void *)misaligned);
  return calls(1) != 0;
}
EOT

# The body does not return, so the caller has nothing after the call.
cat >noreturn.c <<'EOT'
#include "raw_patch.h"
static __attribute__((hotpatch)) int f(int x) { exit(x + 40); }
static __attribute__((noipa)) int returns(int x) { return x; }
__attribute__((noipa)) int calls(int x) { return f(x) + 1; }
int main(void)
{
  raw_patch((void *)f, (void *)returns);
  return calls(1) != 2;
}
EOT

# The body does not throw, so the caller's handler is deleted.
cat >nothrow.cc <<'EOT'
#include "raw_patch.h"
[[gnu::hotpatch]] int f(int x) { return x + 1; }
static int throws(int x) { throw x; }
[[gnu::noipa]] int catches(int x)
{
  try {
    return f(x);
  } catch (int caught) {
    return caught + 40;
  }
}
int main()
{
  raw_patch((void*)f, (void*)throws);
  return catches(2) != 42;
}
EOT

# The same, one caller removed: the one between has no handler, but must not
# be taken for one that does not throw.
sed 's/\[\[gnu::noipa]] int catches/static int between(int x) { return f(x) * 2; }\n&/
  s/return f(x);/return between(x);/' nothrow.cc >nothrow_between.cc

# The same in C, where a cleanup is the handler: an exception that passes
# through it comes from a replacement in C++.
cat >cleanup.c <<'EOT'
int cleaned;
__attribute__((hotpatch)) int f(int x) { return x + 1; }
static void clean(int *p) { cleaned += *p; }
int between(int x)
{
  __attribute__((cleanup(clean))) int n = 2;
  return f(x);
}
EOT
cat >cleanup_main.cc <<'EOT'
#include "raw_patch.h"
extern "C" int cleaned, f(int), between(int);
static int throws(int x) { throw x; }
int main()
{
  raw_patch((void*)f, (void*)throws);
  try {
    between(40);
  } catch (int caught) {
    return caught + cleaned != 42;
  }
  return 1;
}
EOT
cleanup()
{
  rm -f program
  cc -w -fexceptions "$@" -c cleanup.c && cxx -w "$@" -c cleanup_main.cc &&
    cxx "$@" cleanup.o cleanup_main.o -o program && ./program
}

# A member that the compiler declares noexcept by itself is no hazard; one
# that the user declares so is on record.
cat >declared.cc <<'EOT'
struct s { ~s(); void f() noexcept; void g() throw(); void h(); };
s::~s() {} void s::f() noexcept {} void s::g() throw() {} void s::h() {}
extern "C" __attribute__((nothrow)) void attribute();
void attribute() {}
int main() { s x; x.f(); x.g(); x.h(); attribute(); }
EOT

for options in -O2 '-O3 -fPIC' '-O2 -flto' '-O2 -fcf-protection=full'; do
  for file in pure.c registers.c alignment.c noreturn.c nothrow.cc \
    nothrow_between.cc; do
    # shellcheck disable=SC2086 # a list
    ok "$file survives $options" survives $file $options
  done
done
for file in pure.c registers.c alignment.c noreturn.c nothrow.cc \
  nothrow_between.cc; do
  for options in -O2 '-O3 -fPIC'; do
    # shellcheck disable=SC2086 # a list
    ok "$file survives $options where inlining is allowed" \
      survives_open $file $options
  done
done
for file in pure.c registers.c alignment.c noreturn.c; do
  ok "$file breaks where inlining is allowed and nothing is closed" \
    breaks_open $file -O2
done
ok "a cleanup in C survives -O2" cleanup -O2
ok "a cleanup in C survives -O2 -flto" cleanup -O2 -flto
for file in pure.c registers.c alignment.c noreturn.c; do
  ok "$file breaks without noipa" breaks $file -O2 $without=noipa
  ok "$file breaks without noipa with -flto" breaks $file -O2 -flto \
    $without=noipa
done
ok "nothrow.cc breaks without clearing" breaks nothrow.cc -O2 $without=nothrow
ok "nothrow_between.cc breaks without clearing" \
  breaks nothrow_between.cc -O2 $without=nothrow

cleanup_breaks()
{
  ! cleanup "$@" 2>/dev/null && [ -x program ]
}
ok "a cleanup in C breaks without noipa" cleanup_breaks -O2 $without=noipa
ok "noexcept functions compile" cxx -O2 $all declared.cc -o declared
nothrow_flag()
{
  site "$1" declared | field flags | grep -qw nothrow
}
ok "noexcept is on record" nothrow_flag _ZN1s1fEv
ok "throw() is on record" nothrow_flag _ZN1s1gEv
ok "a destructor is noexcept" nothrow_flag _ZN1sD2Ev
ok "the attribute nothrow is on record" nothrow_flag attribute
ok "another function is not" not nothrow_flag _ZN1s1hEv

done_testing
