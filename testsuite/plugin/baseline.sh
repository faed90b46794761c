#!/bin/sh
# The baseline: which changes of a source change the hashes of which functions
# and variables, and what does not.
#
# SPDX-License-Identifier: MIT
# shellcheck disable=SC2086 # lists of options
. "$HP_SRCDIR/testsuite/plugin/sites.sh"
baseline=-fplugin-arg-hotpatch-baseline

# baseline_of OBJECT: its text.
baseline_of()
{
  objcopy -O binary -j .debug.hotpatch.base \
    --set-section-flags .debug.hotpatch.base=alloc "$1" "$1.base" &&
    tr '\000' '\n' <"$1.base"
}

# compile_text NAME OPTION...: standard input, as u.c (or u.cc) in a directory
# NAME.
compile_text()
{
  name=$1 && shift && mkdir -p $name && cat >$name/u.$ending &&
    (cd $name && $compiler "$@" -c u.$ending -o u.o $baseline) &&
    baseline_of $name/u.o >$name.txt
}

# function_line NAME SYMBOL: flags and line number left out.
function_line()
{
  awk -v symbol="$2" '$1 == "f" && $7 == symbol {
    print $3, ($4 == "-" ? $3 : $4), $5 }' $1.txt
}

# same_body A B SYMBOL: by one of the two hashes.
same_body()
{
  function_line $1 $3 >a.line
  function_line $2 $3 >b.line
  [ -s a.line ] && [ -s b.line ] || return 1
  read -r strict_a masked_a type_a <a.line
  read -r strict_b masked_b type_b <b.line
  [ $type_a = $type_b ] &&
    { [ $strict_a = $strict_b ] || [ $masked_a = $masked_b ]; }
}
other_body()
{
  [ "$(function_line $1 $3)" ] && [ "$(function_line $2 $3)" ] &&
    ! same_body $1 $2 $3
}

# variable_field NAME KEY FIELD
variable_field()
{
  awk -v key="$2" -v field=$3 '$1 == "v" && ($8 == key || $7 == key) {
    print $field }' $1.txt
}

ending=c compiler=cc
first()
{
  cat <<'EOT'
#include <stdio.h>
struct conn { int id; int flags; };
static int limit = 10;
static const int table[] = {1, 2, 3};
static int small(int x) { return x + limit; }
int parse(struct conn *c, const char *text)
{
  static int count;
  int i, sum = 0;
  for (i = 0; text[i]; i++)
    sum += small(text[i]);
  if (sum > 100)
    printf("%s:%d\n", text, __LINE__);
  count++;
  return sum + c->flags + count + table[sum & 1];
}
int other(int x) { return x * 2; }
EOT
}
first >first.c
ok "a unit with a baseline compiles" compile_text one -O2 -fplugin-arg-hotpatch-all <first.c
equals "the text names its unit" "unit u.c" "$(sed -n 2p one.txt)"
equals "the text is complete" end "$(grep -v '^$' one.txt | tail -n 1)"
equals "a function with code and a site says so" es \
  "$(awk '$1 == "f" && $7 == "other" { print $2 }' one.txt)"
equals "a static variable of a function has a key" 'parse::count#0' \
  "$(awk '$1 == "v" && $8 { print $8 }' one.txt)"

# unchanged WHAT SED-SCRIPT: in parse.
unchanged()
{
  what=$1 && shift
  sed "$@" first.c >changed.c && ! cmp -s first.c changed.c &&
    compile_text two -O2 -fplugin-arg-hotpatch-all <changed.c
  ok "$what does not change a body" same_body one two parse
}
changed()
{
  what=$1 && shift
  sed "$@" first.c >changed.c && ! cmp -s first.c changed.c &&
    compile_text two -O2 -fplugin-arg-hotpatch-all <changed.c
  ok "$what changes a body" other_body one two parse
  ok "$what leaves other functions alone" same_body one two other
}
unchanged "a comment in front" '1i/* comment */'
unchanged "another place in the file" '5i\
\
\
'
unchanged "the name of a local variable" 's/\bsum\b/total/g'
unchanged "the initial value of a global variable" 's/limit = 10/limit = 11/'
unchanged "a changed function that it calls" 's/x + limit/x - limit/'
unchanged "a member that it does not use" 's/int flags;/int flags; int more;/'
changed "a constant" 's/> 100/> 101/'
changed "an operator" 's/sum +=/sum -=/'
changed "a string" 's/%s:%d/%s %d/'
changed "another callee" 's/small(text/other(text/'
changed "a variable's type" 's/static int limit/static long limit/;s/c->flags/c->flags + (int)limit/'
changed "a member's place" 's/int id; int flags/int flags; int id/'
changed "a condition" 's/if (sum > 100)/if (sum >= 100)/'
changed "a parameter's type" 's/const char \*text/const unsigned char *text/'
changed "the initial value of its static variable" 's/static int count;/static int count = 1;/'
changed "a constant that grows with its line" '/^int parse/i\
\
;s/> 100/> 15/'
changed "the order of labels in a table" 's/int i, sum = 0;/static void *const go[] = {\&\&b, \&\&a}; int i, sum = 0; goto *go[count \& 1]; a: sum++; b:;/'
sed 's/limit = 10/limit = 11/;s/{1, 2, 3}/{1, 2, 4}/' first.c >changed.c
ok "other initial values compile" compile_text two -O2 <changed.c
for key in limit table; do
  ok "another initial value of $key is seen" \
    test "$(variable_field one $key 4)" != "$(variable_field two $key 4)"
  equals "the type of $key is the same" "$(variable_field one $key 3)" \
    "$(variable_field two $key 3)"
done
for options in -g -g3 -fPIC -Os -O3; do
  ok "$options: compiles" compile_text two $options -O2 -fplugin-arg-hotpatch-all <first.c
  ok "$options does not change a body" same_body one two parse
done
ok "without inlining" compile_text two -O2 -fplugin-arg-hotpatch-all <first.c
equals "nothing is inlined" "" "$(grep '^i ' two.txt)"
ok "inlining allowed" compile_text two -O2 -fplugin-arg-hotpatch-all \
  -fplugin-arg-hotpatch-inline <first.c
ok "what was inlined where is listed" grep -q '^i [0-9]* [0-9]*$' two.txt

ending=cc compiler=cxx
cat >lambda.cc <<'EOT'
#include <functional>
namespace { int hidden(int x) { return x + 1; } }
std::function<int(int)> make(int y)
{
  return [y](int x) { return hidden(x) * y; };
}
int unrelated(int x) { return x; }
EOT
ok "C++ compiles" compile_text one -O2 -fplugin-arg-hotpatch-all <lambda.cc
make=_Z4makei
sed 's/hidden(x) \* y/hidden(x) + y/' lambda.cc >changed.cc
ok "a changed lambda compiles" compile_text two -O2 -fplugin-arg-hotpatch-all <changed.cc
ok "a changed lambda changes the function around it" other_body one two $make
ok "and no other" same_body one two _Z9unrelatedi
sed 's/int unrelated/std::function<int(int)> more() { return [](int x) { return x; }; }\
int unrelated/' lambda.cc >changed.cc
ok "a lambda elsewhere compiles" compile_text two -O2 -fplugin-arg-hotpatch-all <changed.cc
ok "a lambda in another function changes nothing" same_body one two $make

# other_code NAME BEFORE AFTER OPTION...: two bodies of f that differ.
other_code()
{
  what=$1
  printf '%s\n' "$2" >before.$ending
  printf '%s\n' "$3" >after.$ending
  shift 3
  compile_text one -O2 "$@" <before.$ending && compile_text two -O2 "$@" <after.$ending
  ok "$what changes a body" other_body one two _Z1fv
}
other_code "the order in a vector" \
  'typedef int v __attribute__((vector_size(16))); v f() { return v{1, 2, 1, 2}; }' \
  'typedef int v __attribute__((vector_size(16))); v f() { return v{1, 2, 2, 2}; }'
other_code "what is not a number" 'double f() { return __builtin_nan("1"); }' \
  'double f() { return __builtin_nan("2"); }'
other_code "the type that is caught" \
  'void g(); int f() { try { g(); } catch (long) { return 1; } return 0; }' \
  'void g(); int f() { try { g(); } catch (long long) { return 1; } return 0; }'
other_code "the operation of a reduction" \
  'int f() { int s = 0; _Pragma("omp parallel for reduction(+:s)") for (int i = 0; i < 9; i++) s += i; return s; }' \
  'int f() { int s = 0; _Pragma("omp parallel for reduction(*:s)") for (int i = 0; i < 9; i++) s += i; return s; }' \
  -fopenmp
other_code "the calling convention" \
  'extern int (*p)(int); int f() { return p(1); }' \
  'extern int (__attribute__((ms_abi)) *p)(int); int f() { return p(1); }'

echo 'int f(int x) { return x; }' >f.c
refuses_lto()
{
  ! cc -O2 -flto $baseline -c f.c -o f.o 2>f.err &&
    grep -q "leave out one of the two" f.err
}
ok "-flto is refused" refuses_lto
ok "a unit without the option" cc -O2 -c f.c -o f.o -fplugin-arg-hotpatch-all
equals "has no baseline" "" "$(readelf -SW f.o | grep -c hotpatch.base | grep -v 0)"
ok "a program links" cc -O2 $baseline -fplugin-arg-hotpatch-all -x c - -o prog <<'EOT'
int main(void) { return 0; }
EOT
copied_debug() { objcopy --only-keep-debug prog prog.debug && baseline_of prog.debug | grep -q '^unit'; }
ok "a separate debug file has it" copied_debug
stripped() { strip prog && ! readelf -SW prog | grep -q hotpatch.base; }
ok "strip removes it" stripped
done_testing
