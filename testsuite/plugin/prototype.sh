#!/bin/sh
# The prototype hash of a C function is that of the same type in C++, where
# typeid gives the text that is hashed.
#
# SPDX-License-Identifier: MIT
. "$HP_SRCDIR/testsuite/plugin/sites.sh"

cat >types.h <<'EOT'
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <time.h>
#ifdef __cplusplus
#define restrict __restrict
#define _Bool bool
#define _Complex __complex__
extern "C" {
#endif
struct conn;
struct a1; struct a2; struct a3; struct a4; struct a5; struct a6; struct a7;
struct a8; struct a9; struct b1; struct b2; struct b3; struct b4; struct b5;
struct b6; struct b7; struct b8; struct b9; struct c1; struct c2;
struct point { int x, y; };
union either { int i; float f; };
enum color { red };
typedef struct { int a; } unnamed;
typedef unnamed renamed;
typedef struct { int b; } first_name, *its_pointer;
typedef enum { one } unnamed_enum;
typedef struct tag *tag_pointer;
typedef int (*callback)(struct conn *, void *);
typedef float vector4 __attribute__((vector_size(16)));
typedef long vector2 __attribute__((vector_size(16)));
typedef int row[4];
typedef int function(int);
#define F(which, result, ...) result which(__VA_ARGS__);
#include "list.h"
#undef F
#ifdef __cplusplus
}
#endif
EOT
cat >list.h <<'EOT'
F(f01, int, struct conn *, unsigned long)
F(f02, void, void)
F(f03, char *, const char *, const char *, char *, const char *const *)
F(f04, void, callback, callback, void *, int (*)(const char *, ...))
F(f05, void, enum color, union either, unnamed, renamed *, tag_pointer)
F(f06, void, unnamed_enum, unnamed_enum *, first_name, its_pointer)
F(f07, long long, signed char, unsigned char, char, short, unsigned short)
F(f08, _Bool, long, unsigned long, long long, unsigned long long, _Bool *)
F(f09, double, float, double, long double, float *, long double *)
F(f10, float _Complex, double _Complex, float _Complex *, long double _Complex)
F(f11, void, row, const row, int (*)[3], const int (*)[5], int (*)[2][7])
F(f12, int, int (*)[], int[], const char *const[])
F(f13, int, const char *, ...)
F(f14, void, const volatile int *restrict, char *restrict *restrict, volatile void *)
F(f15, size_t, FILE *, va_list, va_list *, uint64_t, int64_t, ptrdiff_t)
F(f16, vector4, vector4, vector4 *, const vector2 *, vector2)
F(f17, __int128, unsigned __int128, __int128 *)
F(f18, callback, int, callback (*)(callback))
F(f19, void, const int, struct conn *const, volatile char, const struct point)
F(f20, const struct conn *, const struct conn *, struct conn *, const struct conn **)
F(f21, void, callback *, callback, callback **, void (*)(callback, callback))
F(f22, __float128, __float128, __float128 *)
F(f23, void, int (*)(int (*)(int), int (*)(int)), int (*)(int), function *, function)
F(f24, struct point, struct point, struct point *, const struct point *)
F(f25, void, struct a1 *, struct a2 *, struct a3 *, struct a4 *, struct a5 *, struct a6 *, struct a7 *, struct a8 *, struct a9 *, struct b1 *, struct b2 *, struct b3 *, struct b4 *, struct b5 *, struct b6 *, struct b7 *, struct b8 *, struct b9 *, struct c1 *, struct c2 *, struct a1 *, struct b1 *, struct c1 *, struct c2 *, struct c2 *, struct b9 **, struct b9 **)
F(f26, void, struct tm *, time_t, struct timespec, char ***, char **, char ****)
F(f27, const char *const *, volatile struct point *, const volatile struct point *)
F(f28, void, void (*)(void), void (**)(void), void (*(*)(void))(void))
F(f29, unsigned, const void *, const void *, size_t, int (*)(const void *, const void *))
F(f30, int, int (*const *)(int), int *const *, int *volatile *const *)
EOT
# GCC takes parameters without names in C, too, with a warning.
cat >functions.c <<'EOT'
#include "types.h"
#ifdef __cplusplus
extern "C" {
#endif
#define F(which, result, ...) result which(__VA_ARGS__) { __builtin_trap(); }
#include "list.h"
#ifdef __cplusplus
}
#endif
int main(void) { return 0; }
EOT
cp functions.c functions.cc
cat >names.cc <<'EOT'
#include <typeinfo>
#include "format/record.h"
#include "types.h"
int main()
{
#define F(which, ...)           \
  printf("%s %016lx\n", #which, \
         hotpatch::format::type_hash(typeid(which).name()));
#include "list.h"
}
EOT
hashes()
{
  sites "$1" | sed -n 's/^name=\(f[0-9]*\) .* hash=\([0-9a-f]*\) .*/\1 \2/p' |
    sort
}
# shellcheck disable=SC2086 # CXX may hold options
ok "typeid: compiles" $CXX -w "-I$HP_SRCDIR" names.cc -o names
./names | sort >expected
for mode in -O0 '-O2 -flto'; do
  # shellcheck disable=SC2086
  ok "C $mode: compiles" cc -w -std=gnu11 $mode $all functions.c -o c.out
  hashes c.out >c.txt
  ok "C $mode: the hashes are those of typeid" diff expected c.txt
  # shellcheck disable=SC2086
  ok "C++ $mode: compiles" cxx -w $mode $all functions.cc -o cxx.out
  hashes cxx.out >cxx.txt
  ok "C++ $mode: the hashes are those of typeid" diff expected cxx.txt
done
ok "there are thirty of them" [ "$(wc -l <expected)" = 30 ]
ok "all different" [ "$(cut -d' ' -f2 expected | sort -u | wc -l)" = 30 ]
prototypes()
{
  sites "$1" | sed 's/^name=\([^ ]*\) .* proto=/\1 /' | sort
}
prototypes c.out >c.txt
prototypes cxx.out >cxx.txt
ok "the texts are the same" diff c.txt cxx.txt
ok "a text is what one would write" grep -qxF \
  'f01 int (conn*, unsigned long)' c.txt

# noexcept is no part of it, and a method is a function of its object.
cat >methods.cc <<'EOT'
#include <cstdio>
#include <typeinfo>
#include "format/record.h"
struct point {
  int get(int) const;
  int quiet(int) const noexcept;
};
int point::get(int x) const { return x; }
int point::quiet(int x) const noexcept { return x; }
int (*pointer)(const point*, int);
int main()
{
  std::printf("%016lx\n", hotpatch::format::type_hash(typeid(*pointer).name()));
}
EOT
methods()
{
  cxx $all "-I$HP_SRCDIR" methods.cc -o methods &&
    wanted=$(./methods) &&
    [ "$(site _ZNK5point3getEi methods | field hash)" = "$wanted" ] &&
    [ "$(site _ZNK5point5quietEi methods | field hash)" = "$wanted" ]
}
ok "a method hashes as a function with this in front" methods
done_testing
