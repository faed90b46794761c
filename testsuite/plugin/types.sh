#!/bin/sh
# The layout hash: the same for the same types wherever and however they are
# compiled, another when anything moves; and the description after it.
#
# SPDX-License-Identifier: MIT
# shellcheck disable=SC2086,SC2154 # lists of options; set in sites.sh
. "$HP_SRCDIR/testsuite/plugin/sites.sh"

cat >common.h <<'EOT'
enum color { red, green = 7, blue = -2 };
struct list { struct list *next; struct node *owner; };
struct node {
  int fd; unsigned flags : 3; unsigned more : 5;
  struct list all;
  enum color paint;
  union { long number; double real; };
  struct { short x, y; } at[2];
  char name[16];
  int (*call)(struct node *, const char *);
};
typedef struct { float left, right; } pair;
EOT
cat >a.c <<'EOT'
#include "common.h"
int f(struct node *n, const pair *p, unsigned long size)
{
  return n->fd + (p->left > 1) + (int)size;
}
EOT
{
  echo 'struct unrelated { int z; }; typedef int number;'
  echo 'struct list; struct node; typedef unsigned long ulong_type;'
  sed 's/^int f/number f/; s/unsigned long/ulong_type/' a.c
} >b.c
{
  echo '#include "common.h"'
  echo 'extern "C" int f(node *n, const pair *p, unsigned long size)'
  echo '{ return n->fd + (p->left > 1) + (int)size; }'
} >c.cc

# hash NAME FILE OPTION...: the layout hash of a function.
hash()
{
  hash_name=$1 hash_file=$2
  shift 2
  case $hash_file in
    *.cc) cxx -w -shared -fPIC "$hash_file" -o out.so $all "$@" ;;
    *) cc -w -shared -fPIC "$hash_file" -o out.so $all "$@" ;;
  esac || return 1
  site "$hash_name" out.so | field layout
}
same()
{
  [ -n "$1" ] && [ "$1" = "$2" ] && [ "$1" != 0000000000000000 ] || {
    echo "$1 and $2"
    return 1
  }
}
differ()
{
  [ -n "$1" ] && [ -n "$2" ] && [ "$1" != "$2" ]
}

first=$(hash f a.c -O2)
ok "there is one" same "$first" "$first"
for options in -O0 '-O3 -g' '-O2 -flto' '-O2 -flto -ffat-lto-objects' \
  -fcf-protection=full '-std=c99 -D_GNU_SOURCE'; do
  ok "the same with $options" same "$first" "$(hash f a.c $options)"
done
ok "the same in another file" same "$first" "$(hash f b.c -O2)"
ok "the same in C++" same "$first" "$(hash f c.cc -O2)"
# Whichever GCC this test runs with.
ok "the same with every GCC" same "$first" 424ff6fd9ce7d5cf

# changed WHAT SED-SCRIPT: common.h with the change makes another hash.
cp common.h original.h
changed()
{
  sed "$2" original.h >common.h
  ok "$1 counts" differ "$first" "$(hash f a.c -O2)"
  ok "$1 counts in C++" same "$(hash f a.c -O2)" "$(hash f c.cc -O2)"
  cp original.h common.h
}
changed "a new member" 's/int fd;/int fd, fe;/'
changed "a renamed member" 's/struct list \*next/struct list *following/'
changed "members that change places" 's/left, right/right, left/'
changed "a member of another type" 's/double real/unsigned long real/'
changed "another size" 's/name\[16]/name[17]/'
changed "a bit-field" 's/flags : 3; unsigned more : 5/flags : 4; unsigned more : 4/'
changed "the value of an enumerator" 's/green = 7/green = 8/'
changed "a new enumerator" 's/blue = -2/blue = -2, black/'
changed "an unnamed structure" 's/short x, y/short y, x/'
changed "a function pointer's type" 's/node \*, const char/node *, char/'
changed "alignment" 's/^struct list {/struct __attribute__((aligned(16))) list {/'

cat >class.cc <<'EOT'
struct base { virtual void one(); virtual void two(); int b; };
struct other { virtual void three(); long o; };
template <class T> struct box { T value; };
struct leaf : base, other {
  box<int> boxed; static int shared; void plain();
  void two() override; int leaf::*member;
  int go(const box<leaf*>& all);
};
int leaf::go(const box<leaf*>& all) { return all.value->boxed.value + b; }
EOT
go=_ZN4leaf2goERK3boxIPS_E
cxx_first=$(hash $go class.cc -O2)
ok "a class has one" same "$cxx_first" "$(hash $go class.cc -O0)"
# Whichever GCC.
ok "the same with every GCC in C++" same "$cxx_first" 7cec719b0a6d9efd
class_changed()
{
  sed "$2" class.cc >changed.cc
  ok "$1" "$3" "$cxx_first" "$(hash $go changed.cc -O2)"
}
class_changed "the order of virtual functions counts" \
  's/virtual void one(); virtual void two()/virtual void two(); virtual void one()/' \
  differ
class_changed "bases count" 's/: base, other/: other, base/' differ
class_changed "a template's member counts" 's/T value/T value, next/' differ
class_changed "a static member does not" 's/static int shared;//' same
class_changed "a plain member function does not" 's/void plain();//' same

# What a tool needs: from the hash of the site to each member.
types()
{
  readelf -p .hotpatch.types out.so
}
describes()
{
  types >types.out
  grep -qF -e "$1" types.out || {
    cat types.out
    return 1
  }
}
cat >untagged.c <<'EOT'
typedef enum { one, two } first; typedef first second;
struct n { first type; struct n *next; };
#ifdef USES
int a(const struct n *p, second s) { first t = p->type; const first c = t;
  __auto_type d = c; const second e = s; return *(second *)&e == t || d == c; }
first b(const struct n *p) { return p->type; }
#endif
int f(struct n *x) { return x->type; }
EOT
ok "a type without a tag has the name of its first typedef, whichever is used" \
  same "$(hash f untagged.c -O2)" "$(hash f untagged.c -O2 -DUSES)"
hash f untagged.c -O2 -DUSES >layout.out
ok "and that stands in its description" describes ' 5first'

hash f a.c -O2 >layout.out
ok "the hash of the site is described" describes "layout $(cat layout.out)"
ok "a structure is described" describes ' 4node'
ok "by size and alignment" describes 'struct 72 8'
ok "by its members" describes 'member 32 3 flags u32'
ok "arrays" describes 'member 384 128 name A16_i8'
ok "enumerators" describes 'value -2 blue'
ok "the section is not loaded" sh -c \
  'readelf -SW out.so | grep -E "hotpatch.types +PROGBITS +0+ .* 01 +MS"'
{
  cc -O2 -c a.c -o a.o $all && sed 's/^int f/int g/' a.c >g.c &&
    cc -O2 -c g.c -o g.o $all && cc -shared a.o g.o -o out.so
} >/dev/null 2>&1
ok "a linker keeps one description" sh -c \
  '[ "$(readelf -p .hotpatch.types out.so | grep -c "type .* 4node")" = 1 ]'
hash f a.c -O2 -flto >layout.out
ok "it passes through -flto" describes "layout $(cat layout.out)"
done_testing
