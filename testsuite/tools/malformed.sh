#!/bin/sh
# What is no sound image is refused with exit status 2, a message that says what
# is wrong with which record, and not one line of output.
#
# SPDX-License-Identifier: MIT
. "$HP_SRCDIR/testsuite/lib/common.sh"
. "$HP_SRCDIR/testsuite/tools/sites.sh"

assemble sites.s
link server -static

# Record 1 begins at byte 64; the fields' places are in format/README.md.
# damaged NAME FIELD OFFSET HEX: the message names record 1 and the field.
damaged()
{
  cp server broken
  poke broken "$3" "$4"
  ok "$1" fails 2 "broken: .hotpatch is damaged: record 1 (offset 0x40): $2" \
    "$hp_list" broken
}

damaged "a record of a version to come" version 64 '02 00'
damaged "a record that is too short" size 66 '20 00'
damaged "a record whose size is no multiple of 4" size 66 '41 00'
damaged "a record that reaches past the section" size 66 'fc 0f'
damaged "a patch word outside of the code" word 72 '00 00 00 70'
damaged "a patch word that is not there" word 72 '00 00 00 00'
damaged "a symbol before the image" symbol 76 '00 00 00 80'
damaged "a body that ends before it begins" end 80 '00 00 00 00'
damaged "a name outside of the image" name 84 'ff ff ff 7f'
damaged "no name" name 84 '00 00 00 00'
damaged "a file outside of the image" file 88 'ff ff ff 7f'
damaged "a prototype outside of the image" prototype 96 'ff ff ff 7f'
damaged "a kind of word that is not known" kind 104 'ee'

cp server broken
add_to broken 72 1
ok "a patch word that is not aligned" \
  fails 2 "record 1 (offset 0x40): word: " "$hp_list" broken

# Record 1 takes the code of record 0.
cp server broken
for field in 8 12 16; do
  add_to broken $((64 + field)) $((-96))
done
ok "two records for one word" fails 2 "broken: .hotpatch is damaged: record " \
  "$hp_list" broken

# What the tool cannot list, it must not list in part, in no view.
for view in --long --json --count; do
  cp server broken
  poke broken 64 '63 00'
  if [ "$view" = --json ]; then
    ok "$view: a damaged file is a problem, not an image" \
      sh -c "'$hp_list' --json broken 2>errors >actual; [ \$? -eq 2 ] &&
        grep -q '\"images\": \[\]' actual && grep -q 'record 1' actual"
  else
    ok "$view: nothing of a damaged file" fails 2 "record 1" \
      "$hp_list" "$view" broken
  fi
done

ok "the other files are listed" sh -c \
  "'$hp_list' broken server >actual 2>errors; [ \$? -eq 2 ] &&
    grep -q parse_header actual && grep -q 'broken: ' errors"

cut_to()
{
  head -c "$1" server >short
}
size=$(wc -c <server)
for part in 0 3 20 64 100 $((size / 4)) $((size / 2)) $((size - 1)); do
  cut_to "$part"
  ok "cut to $part bytes of $size" fails 2 "short: " "$hp_list" short
done

echo 'int main(void) { return 0; }' >main.c
ok "a source file" fails 2 "main.c: not an ELF file" "$hp_list" main.c
ok "a directory" fails 2 "$workdir: not a regular file" "$hp_list" "$workdir"
ok "no such file" fails 2 "nowhere: No such file or directory" \
  "$hp_list" nowhere
cp server other-machine
printf '\267\000' | dd of=other-machine bs=1 seek=18 conv=notrunc status=none
ok "another machine" fails 2 "other-machine: not for x86-64" \
  "$hp_list" other-machine
"$CC" -c main.c -o main.o
ok "no section: said plainly, exit status 1" \
  fails 1 "main.o: has no .hotpatch section" "$hp_list" main.o
cc -flto -fplugin-arg-hotpatch-all -c main.c -o lto.o
ok "an object file of link-time optimisation" \
  fails 1 "made when it is linked" "$hp_list" lto.o
ar rcs empty.a main.o
ok "an archive without sites" \
  fails 1 "empty.a: has no .hotpatch section" "$hp_list" empty.a
cp sites.o bad.o
poke bad.o 0 '63 00'
ar rcs bad.a main.o bad.o
ok "a damaged member is named" \
  fails 2 "bad.a(bad.o): .hotpatch section 0 is damaged: record 0" \
  "$hp_list" bad.a
head -c "$(($(wc -c <bad.a) - 700))" bad.a >short.a
ok "an archive that was cut" fails 2 "short.a" "$hp_list" short.a

# claim FILE OUTPUT TIMES: the section .hotpatch of a file once more for
# each time, over the same bytes, with a longer table of sections at the end.
claim()
{
  cp "$1" "$2"
  table=$(od -An -tu8 -j40 -N8 "$1")
  count=$(od -An -tu2 -j60 -N2 "$1")
  number=$(readelf -SW "$1" | sed -n 's/^ *\[ *\([0-9]*\)\] [.]hotpatch .*/\1/p' |
    head -1)
  dd if="$1" bs=1 skip=$((table + 64 * number)) count=64 of=header status=none
  i=0
  : >headers
  while [ "$i" -lt "$3" ]; do
    cat header >>headers
    i=$((i + 1))
  done
  end=$(wc -c <"$2")
  dd if="$1" bs=1 skip=$((table)) count=$((64 * count)) status=none >>"$2"
  cat headers >>"$2"
  end=$(printf '%016x' "$end")
  count=$(printf '%04x' $((count + $3)))
  for byte in 15 13 11 9 7 5 3 1; do
    # shellcheck disable=SC2059 # the format is an escape
    printf "\\$(printf '%03o' "0x$(echo "$end" | cut -c$byte-$((byte + 1)))")"
  done | dd of="$2" bs=1 seek=40 conv=notrunc status=none
  for byte in 3 1; do
    # shellcheck disable=SC2059 # the format is an escape
    printf "\\$(printf '%03o' "0x$(echo "$count" | cut -c$byte-$((byte + 1)))")"
  done | dd of="$2" bs=1 seek=60 conv=notrunc status=none
}
claim server twice 1
ok "two sections over the same records are read" "$hp_list" twice
claim server greedy 2000
ok "thousands of sections over the same records are not" \
  fails 2 "greedy: its sections .hotpatch are larger together than the file" \
  "$hp_list" greedy

# Bytes turned over all through the file: whatever it says, it says it.
ok "no damage makes it crash" sh -c '
  i=0
  while [ $i -lt 150 ]; do
    cp server broken
    printf "\\377\\200\\001" |
      dd of=broken bs=1 seek=$((i * '"$size"' / 150)) conv=notrunc status=none
    "$1" --long broken >actual 2>errors
    status=$?
    [ $status -le 2 ] || { echo "byte $((i * '"$size"' / 150)): $status"; exit 1; }
    [ $status -ne 2 ] || [ -s errors ] || exit 1
    i=$((i + 1))
  done' sh "$hp_list"
done_testing
