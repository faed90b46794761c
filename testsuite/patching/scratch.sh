#!/bin/sh
# A diff is applied to a copy of the tree, the copy is built, and the tree stays
# as it is; what the build makes in the tree itself is never written over.
#
# SPDX-License-Identifier: MIT
. "$HP_SRCDIR/testsuite/lib/common.sh"
. "$HP_SRCDIR/testsuite/patching/project.sh"

command -v patch >/dev/null || skip_all "patch is not installed"
write_project tree
make -s -C tree server >make.log 2>&1
cp -a tree changed
sed -i 's/n \* 2/n * 3/' changed/src/conn.c
diff -u tree/src/conn.c changed/src/conn.c >fix.diff
(cd tree && diff -u src/conn.c ../changed/src/conn.c |
  sed '1s,src/,src/,; 2s,../changed/,,') >fix-p0.diff
state_of tree >before

makes()
{
  gives 0 "replaces parse_header" "$hp_patch" --against=tree/server \
    --source=tree -o fix.so "$@" -- make
}
stays()
{
  state_of tree >after
  diff before after
}
ok "a diff with the names of two trees is applied" makes --patch=fix.diff
ok "the tree stays as it is" stays
cp fix.so first.so
ok "one without is applied as well" makes --patch=fix-p0.diff
ok "the same diff gives the same patch" cmp first.so fix.so
ok "the same as the changed tree does" sh -c \
  "cd changed && '$hp_patch' --against=../tree/server -o ../third.so -- make \
    >/dev/null"
ok "the copies leave nothing" leaves_nothing
in_tree()
{
  (cd tree && gives 0 "replaces parse_header" "$hp_patch" --against=server \
    --patch=../fix.diff -o ../fix.so -- make)
}
ok "the tree is that of the working directory, if no other is named" in_tree
rm -f tree/output
ok "which stays as it is" stays

ok "a diff that is not there" gives 1 "none.diff: No such file" "$hp_patch" \
  --against=tree/server --source=tree --patch=none.diff -- make
ok "a source directory that is not there" gives 1 "is no directory" \
  "$hp_patch" --against=tree/server --source=none --patch=fix.diff -- make
sed 's/n \* 2/n * 7/' fix.diff >other.diff
ok "a diff that does not fit is refused with what patch says" \
  gives 1 "other.diff: cannot be applied" "$hp_patch" --against=tree/server \
  --source=tree --patch=other.diff -- make
ok "then the tree stays, too" stays
ok "and nothing is left" leaves_nothing

# The changed tree itself.
state_of changed >before
changed_stays()
{
  state_of changed >after
  diff before after
}
twice()
{
  (cd changed && "$hp_patch" --against=../tree/server -o ../a.so -- make &&
    "$hp_patch" --against=../tree/server -o ../b.so -- make) && cmp a.so b.so
}
ok "hp-patch run twice gives the same patch twice" twice
ok "it leaves each file of the tree as it is" changed_stays
ok "the next make compiles what has changed" sh -c \
  'make -n -C changed | grep -q "conn\.c"'

# A source that no baseline knows.
cp -a changed extended
sed -i 's/n \* 3/extra(n)/; s/^int count/int extra(int n);\n&/' \
  extended/src/conn.c
sed -i '1i int extra(int n);' extended/src/conn.c
echo 'int extra(int n) { return n + 100; }' >extended/src/extra.c
echo 'int unused(void) { return 1; }' >extended/src/unused.c
sed -i 's,src/main.o,& src/extra.o src/unused.o,' extended/Makefile
extended()
{
  (cd extended && gives 0 "new function extra" "$hp_patch" \
    --against=../tree/server -o ../extended.so -- make && ! grep unused output)
}
ok "a new source is taken in if the patch needs it, and no other" extended
cp extended.so first.so
ok "the second run finds it, too" extended
ok "and gives the same patch" cmp first.so extended.so
sed -i 's, src/extra.o,,' extended/Makefile
no_source()
{
  (cd extended && gives 1 "src/conn.c: needs extra, and neither" "$hp_patch" \
    --against=../tree/server -o ../none.so -- make)
}
ok "what no source of the build defines is refused" no_source

# A tree without objects.
cp -a changed fresh
rm -f fresh/src/*.o fresh/server
fresh()
{
  (cd fresh && gives 0 "replaces parse_header" "$hp_patch" \
    --against=../tree/server -o ../fresh.so -- make && rm output)
}
ok "a tree that was never built gives a patch" fresh
ok "nothing that the build made stays" sh -c \
  '[ -z "$(find fresh -name "*.o" -o -name server)" ]'
ok "nothing is left in the temporary directory at the end" leaves_nothing
done_testing
