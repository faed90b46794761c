#!/bin/sh
# The programs in place of `as`, `collect2` and `objcopy`: they make what is
# hp-patch's, and never write over what the tree has.
#
# SPDX-License-Identifier: MIT
. "$HP_SRCDIR/testsuite/lib/common.sh"
. "$HP_SRCDIR/testsuite/patching/project.sh"

gcc_with()
{
  HOTPATCH_AGAINST=$PWD/against COMPILER_PATH=$intercept $CC "$@"
}
mkdir against
: >against/units

cat >plain.c <<'EOT'
int one(void) { return 1; }
int main(void) { return one() - 1; }
EOT
ok "assembly without a mark becomes what the build asks for" \
  gcc_with -c plain.c -o plain.o
ok "and is noted" grep -qx "$PWD/plain.o" against/assembled
ok "without hp-patch the real assembler is used" \
  env COMPILER_PATH="$intercept" $CC -c plain.c -o other.o
ok "which makes the same" cmp plain.o other.o
ok "a program of such is linked" gcc_with plain.o -o plain
ok "and runs" ./plain
ok "with -pipe it is the same" gcc_with -pipe -c plain.c -o piped.o
ok "the same object is made with -pipe" cmp plain.o piped.o
ok "assembly that a person wrote is assembled" sh -c \
  'printf "\t.globl two\ntwo:\tret\n" >two.S'
ok "from a file that is preprocessed" gcc_with -c two.S -o two.o
ok "with its symbols" sh -c 'nm two.o | grep -q two'

# Assembly as the plugin writes it.
printf '#hotpatch-against 0 result-1-0\n\t.globl new_code\nnew_code:\tret\n' \
  >marked.s
cp plain.o kept.o
touch -d 2001-01-01 kept.o
cp -a kept.o before.o
is_kept()
{
  cmp kept.o before.o && [ "$(stat -c %y kept.o)" = "$(stat -c %y before.o)" ]
}
ok "marked assembly is taken" gcc_with -c marked.s -o kept.o
ok "an object that is there stays as it is" is_kept
ok "what is new is hp-patch's" sh -c 'nm against/result-1-0.o | grep -q new_code'
ok "the object is noted" grep -qx "$PWD/kept.o" against/kept
rm against/result-1-0.o
piped()
{
  gcc_with -x assembler -pipe -c - -o kept.o <marked.s
}
ok "from a pipe it is the same" piped
ok "an object that is there stays then, too" is_kept
ok "what came from a pipe is hp-patch's" \
  sh -c 'nm against/result-1-0.o | grep -q new_code'

printf '#hotpatch-against 1 result-2-0\n' >same.s
ok "a mark alone is taken" gcc_with -c same.s -o kept.o
ok "it changes nothing" is_kept
ok "it makes nothing of hp-patch's" not ls against/result-2-0.o
ok "where there was no object, there is an empty one" sh -c \
  'HOTPATCH_AGAINST=$PWD/against COMPILER_PATH=$0 $1 -c same.s -o stub.o &&
   readelf -S stub.o | grep -q hotpatch.stub' "$intercept" "$CC"
ok "it is noted as such" grep -qx "$PWD/stub.o" against/stubs
printf '#hotpatch-against 1\n' >broken.s
ok "a mark that names no result is an error" not gcc_with -c broken.s -o b.o
printf '#hotpatch-against 0 result-3-0\n\tno such instruction\n' >wrong.s
ok "assembly that cannot be assembled does not fail the driver" \
  gcc_with -c wrong.s -o kept.o
ok "which would remove the object" is_kept
ok "it is noted" grep -qx "$PWD/kept.o" against/failed

cp plain program
touch -d 2001-01-01 program
cp -a program program.before
ok "a link of kept objects is passed over" gcc_with kept.o -o program
ok "the program stays as it is" sh -c \
  'cmp program program.before && [ "$(stat -c %y program)" = "$(stat -c %y program.before)" ]'
ok "a link of empty objects is passed over" gcc_with plain.o stub.o -o fresh
ok "what it would have made is empty" sh -c \
  'readelf -S fresh | grep -q hotpatch.stub'
ok "each link is noted" sh -c \
  '[ "$(wc -l <against/links)" -eq 3 ] && grep -q "\"made\":true" against/links'
ok "what is linked to what was passed over is passed over" \
  gcc_with plain.o -L. -l:fresh -o second
touch -d '2 seconds' stub.o kept.o
ar rcs libkept.a kept.o && touch -d tomorrow libkept.a
ok "an archive of kept objects is not linked" gcc_with plain.o libkept.a -o third
ok "by -l neither" gcc_with plain.o -L. -lkept -o fourth
ok "nor a thin one" sh -c 'ar rcsT libthin.a kept.o; touch -d tomorrow libthin.a'
ok "it is passed over" gcc_with plain.o libthin.a -o fifth
are_stubs()
{
  for name in second third fourth fifth; do
    readelf -S $name | grep -q hotpatch.stub || {
      echo "$name is none"
      return 1
    }
  done
}
ok "none of them is a program" are_stubs
printf 'plain.o kept.o\n' >list
ok "a list of objects in a file is read" gcc_with @list -o sixth
ok "and passed over" sh -c 'readelf -S sixth | grep -q hotpatch.stub'
ar rcs libold.a two.o
ok "an archive of other objects is linked" gcc_with plain.o libold.a -o seventh
ok "into a program that runs" ./seventh

ok "a program that a patch is for is not written over" sh -c \
  'readlink -f program >against/images
   HOTPATCH_AGAINST=$PWD/against COMPILER_PATH=$0 $1 plain.o -o program &&
   cmp program program.before && [ "$(stat -c %y program)" = "$(stat -c %y program.before)" ]' \
  "$intercept" "$CC"
done_testing
