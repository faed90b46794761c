# Sites in files: linked ones, objects, archives, and what is none of these.
#
# SPDX-License-Identifier: MIT
# shellcheck disable=SC2086  # CC, CXX and some lists are several words
. "$HP_SRCDIR/testsuite/lib/common.sh"
. "$HP_SRCDIR/testsuite/lib/site_tests.sh"

dump="$HP_BUILDDIR/testsuite/sites/dump"

# says EXPECTED FILE...: what the reader makes of them.
says()
{
  prints "$dump" "$@"
}

assemble one <<'END'
site first, file="one.c", line=1, value=1
further_name second, first, file="one.c", line=1
END
assemble two <<'END'
site third, file="two.c", line=3, value=3, prototype="int (conn*, unsigned long)"
END
echo 'int main(void) { return 0; }' >main.c
$CC -o program main.c one.o two.o
$CC -shared -Wl,-Bsymbolic -o shared.so one.o two.o
$CC -c -o none.o main.c

sites_of_one='first one.c:1 int () size 14
second one.c:1 int () size 14'
site_of_two='third two.c:3 int (conn\*, unsigned long) size 14'

ok 'an executable' says "program: 1 sections
$sites_of_one
$site_of_two" program
ok 'a shared object' says "shared.so: 1 sections
$sites_of_one
$site_of_two" shared.so
strip -s -o stripped program
ok 'a stripped executable' says "stripped: 1 sections
*$site_of_two" stripped
ok 'an object' says "one.o: 1 sections
$sites_of_one" one.o
sed 1d two.S | cat one.S - >both.S
$CC -c "-Wa,-I$HP_SRCDIR/testsuite/lib" -o both.o both.S
ok 'an object with a section per function' says "both.o: 2 sections
$sites_of_one
$site_of_two" both.o
$CC -r -nostdlib -o joined.o one.o two.o
# The linker makes one of their sections, or leaves two (binutils 2.42).
ok 'objects joined by ld -r' says "joined.o: [12] sections
$sites_of_one
$site_of_two" joined.o
ok 'an object without sites' says 'none.o: 0 sections' none.o

ar rc archive.a one.o none.o two.o
echo text >note.txt
ar rc archive.a note.txt
ok 'an archive, with a member that is no object' \
  says "archive.a(one.o): 1 sections
$sites_of_one
archive.a(none.o): 0 sections
archive.a(two.o): 1 sections
$site_of_two" archive.a
cp one.o a_name_that_is_too_long_for_the_header.o
ar rc long.a a_name_that_is_too_long_for_the_header.o
ok 'a member with a long name' \
  says 'long.a(a_name_that_is_too_long_for_the_header.o): 1 sections*' long.a
ar rcT thin.a one.o
ok 'a thin archive is refused with the reason' \
  says 'status 8: thin.a: a thin archive*' thin.a
head -c 300 archive.a >short.a
ok 'a truncated archive' \
  says 'status 7: short.a(one.o): the section headers are *' short.a

# An object in which the section's group and the merged strings come from the
# compiler's own directives.
assemble comdat <<'END'
	.section .text._Z1fv, "axG", @progbits, _Z1fv, comdat
	.p2align 4
	.fill 8, 1, 0x90
	.weak _Z1fv
_Z1fv:
1:	.byte 0x0f, 0x1f, 0x84, 0x00
	.long 7
	ret
2:
	.section .hotpatch, "aoG", @progbits, .text._Z1fv, _Z1fv, comdat
	.p2align 2
	.short 1, 64
	.long 7, 1b - ., 1b - ., 2b - ., 3f - ., 0, 0, 0, 4
	.byte 1, 8
	.short 0
	.long 0, 0, 0, 0, 0
	.section .hotpatch.str, "aMS", @progbits, 1
3:	.asciz "_Z1fv"
END
ok 'a COMDAT group in an object' says 'comdat.o: 1 sections
_Z1fv :0  size 9' comdat.o

# --- what cannot be read -----------------------------------------------------

ok 'a file that is missing' says 'status 8: missing: No such file*' missing
ok 'a directory' says 'status 8: sub: not a regular file' "$(mkdir sub; echo sub)"
mkfifo fifo
ok 'a FIFO does not make it wait' says 'status 8: fifo: not a regular file' fifo
: >empty
ok 'an empty file' says 'status 8: empty: not an ELF file*' empty
ok 'a text' says 'status 8: note.txt: not an ELF file*' note.txt
as --32 -o small.o /dev/null
ok 'a 32-bit object' says 'status 8: small.o: not for x86-64 (32-bit*' small.o
# e_machine, offset 18: AArch64.
cp one.o other.o
printf '\267\000' | dd of=other.o bs=1 seek=18 conv=notrunc 2>/dev/null
ok 'an object for another machine' \
  says 'status 8: other.o: not for x86-64 (other machine)' other.o
objcopy --only-keep-debug program program.debug
ok 'a separate debug file' \
  says 'program.debug: *no contents here; this is a separate debug file*' \
  program.debug
head -c 3000 program >shortened
ok 'a truncated executable' \
  says 'status 7: shortened: the section headers are damaged or cut off' shortened
assemble undefined <<'END'
site lost, line=1
	.section .hotpatch, "ao", @progbits, .text.lost
	.short 1, 64
	.long 0, nowhere - ., 0, 0, 0, 0, 0, 0, 0
	.fill 24, 1, 0
END
ok 'a record that refers to an undefined symbol' \
  says 'undefined.o: section *relocation * refers to a symbol that is not in this object' \
  undefined.o
assemble unloaded <<'END'
	.section .hotpatch, "", @progbits
	.long 0
END
$CC -shared -o unloaded.so unloaded.o
ok 'a section that is not loaded' \
  says 'unloaded.so: the section .hotpatch is not part of the loaded image' \
  unloaded.so
assemble later <<'END'
site sound, line=1
site unsound, line=2, version=9
END
$CC -shared -o later.so later.o
ok 'a record of a later version' \
  says '*record 1: version is unknown; use a hotpatch as new as*' later.so

# More sections than a symbol can number, so that the indices are in a table
# of their own.
{
  awk 'BEGIN {
    for (n = 0; n < 66000; ++n)
      printf ".section .data.e%d, \"aw\"\n.byte 0\n", n
  }'
  echo 'site beyond, file="b.c", line=5'
} | assemble wide
ok 'an object with more than 65279 sections' says 'wide.o: 1 sections
beyond b.c:5 int () size 14' wide.o

done_testing
