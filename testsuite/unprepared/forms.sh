#!/bin/sh
# Which functions can be replaced without a site, in which form, and why others
# cannot: hand-written code, one function for each rule.
#
# SPDX-License-Identifier: MIT
# shellcheck disable=SC2086 # CC may be several words
. "$HP_SRCDIR/testsuite/lib/common.sh"
. "$HP_SRCDIR/testsuite/unprepared/analysis.sh"

# function NAME: the directives that begin one; end_function NAME ends it.
cat >code.s <<'END'
# Hidden: the linker then lets other functions lead into it.
.macro function name, align=4
  .p2align \align, 0x90
  .globl \name
  .protected \name
  .type \name, @function
\name:
  .cfi_startproc
.endm
.macro static name, align=4
  .p2align \align, 0x90
  .type \name, @function
\name:
  .cfi_startproc
.endm
.macro end_function name
  .cfi_endproc
  .size \name, . - \name
.endm

  .text
# --- Forms ---------------------------------------------------------------------
function at_offset_0
  mov $1, %eax
  ret
end_function at_offset_0

# The instruction is longer than the jump and than what is left of its word.
function long_at_offset_0
  movq $1, -16(%rsp)
  ret
end_function long_at_offset_0

  .p2align 4
  .skip 3, 0x90
function at_offset_3, 0
  mov $1, %eax
  ret
end_function at_offset_3

  .p2align 4
  .skip 4, 0x90
function at_offset_4, 0
  mov $1, %eax
  ret
end_function at_offset_4

  .p2align 4
  .skip 7, 0x90
function at_offset_7, 0
  mov $1, %eax
  ret
end_function at_offset_7

function short_first
  xor %eax, %eax
  add $1, %eax
  ret
end_function short_first

function one_byte_first
  push %rbp
  mov %rsp, %rbp
  pop %rbp
  ret
end_function one_byte_first

function with_endbr64
  endbr64
  xor %eax, %eax
  add $1, %eax
  ret
end_function with_endbr64

# No dead bytes anywhere near.
static precedes_no_pad
  .rept 68
  inc %rax
  .endr
  ret
end_function precedes_no_pad
function no_pad, 0
  mov %rdi, %rax
  add %rsi, %rax
  .rept 200
  inc %rax
  .endr
  ret
end_function no_pad

# All of it is one instruction, and dead bytes follow.
function only_ret
  ret
end_function only_ret
  .p2align 4
  .skip 5, 0x90
function only_ret_at_5, 0
  ret
end_function only_ret_at_5

# It goes on into the bytes after it, which are not dead.
function falls_on
  cmp %rsi, %rdi
  je only_ret
end_function falls_on
function comes_after_it
  lea 1(%rdi), %rax
  add %rsi, %rax
  ret
end_function comes_after_it

# --- Refusals ------------------------------------------------------------------
function too_short
  push %rax
end_function too_short
function after_too_short, 0
  pop %rax
  .rept 200
  inc %rax
  .endr
  ret
end_function after_too_short

function short_of_five
  push %rax
  pop %rax
  ret
end_function short_of_five
static no_room_before, 0
  xor %eax, %eax
  ret
end_function no_room_before

function loops_to_start
1: dec %rdi
  jne 1b
  ret
end_function loops_to_start

function loops_past_endbr
  endbr64
1: dec %rdi
  jne 1b
  ret
end_function loops_past_endbr

# Calls itself: each call may go to the replacement.
function recursive
  mov $1, %eax
  call recursive
  ret
end_function recursive

# Entered at its second instruction by another function.
function entered_inside
  push %rbx
  pop %rbx
  mov %rdi, %rax
  ret
end_function entered_inside
static enters
  mov %rsi, %rdi
  jmp entered_inside + 1
end_function enters

# The same through a word in data, and through an address in code.
function data_leads_inside
  push %rbx
  pop %rbx
  mov %rdi, %rax
  ret
end_function data_leads_inside
function code_leads_inside
  push %rbx
  pop %rbx
  mov %rdi, %rax
  ret
end_function code_leads_inside
static takes_address
  lea code_leads_inside + 2(%rip), %rax
  ret
end_function takes_address

# Inside of the whole function, but not of the one instruction of the form.
function entered_after
  mov %rdi, %rax
  mov %rsi, %rdx
  ret
end_function entered_after
static enters_after
  jmp entered_after + 3
end_function enters_after

# By code that no table calls a function.
function entered_by_bare_code
  push %rbx
  pop %rbx
  mov %rdi, %rax
  ret
end_function entered_by_bare_code
  .p2align 4
  xor %esi, %esi
  jmp entered_by_bare_code + 1

# A switch whose table leads into the beginning.
function by_table
  push %rbx
1: pop %rbx
  mov %edi, %edi
  lea 9f(%rip), %rdx
  movslq (%rdx,%rdi,4), %rax
  add %rdx, %rax
  jmp *%rax
2: ret
  .pushsection .rodata
  .p2align 2
9: .long 2b - 9b, 1b - 9b, 2b - 9b
  .popsection
end_function by_table

function by_other_table
  mov %edi, %edi
  lea 9f(%rip), %rdx
  movslq (%rdx,%rdi,4), %rax
  add %rdx, %rax
  notrack jmp *%rax
1: ret
2: ret
  .pushsection .rodata
  .p2align 2
9: .long 2b - 9b, 1b - 9b, 2b - 9b
  .popsection
end_function by_other_table

function by_distance
  mov %edi, %edi
  lea 1f(%rip), %rax
  lea (%rax,%rdi,4), %rax
  jmp *%rax
1: ret
  nop
  nop
  nop
  ret
end_function by_distance

# A call through a pointer in the last place is no computed jump.
function tail_call
  mov (%rdi), %rax
  add $8, %rdi
  jmp *16(%rax)
end_function tail_call

function with_data
  mov $1, %eax
  jmp 1f
  .byte 0x06, 0x07, 0x0e
1: ret
end_function with_data

function f.constprop.0
  mov $1, %eax
  ret
end_function f.constprop.0
function f.isra.0.cold_like
  mov $1, %eax
  ret
end_function f.isra.0.cold_like
function g.part.3
  mov $1, %eax
  ret
end_function g.part.3

function setjmp
  mov $1, %eax
  ret
end_function setjmp

  .p2align 4
  .globl chosen_later
  .type chosen_later, @gnu_indirect_function
chosen_later:
  lea at_offset_0(%rip), %rax
  ret
  .size chosen_later, . - chosen_later

# A caller that keeps r11 over the call.
function keeps_nothing_back
  mov $1, %eax
  ret
end_function keeps_nothing_back
static keeper
  mov %rsi, %r11
  call keeps_nothing_back
  add %r11, %rax
  ret
end_function keeper

# A caller that passes the same argument on to the next call.
function argument_stays
  mov $1, %eax
  ret
end_function argument_stays
static passes_on
  mov $5, %edi
  call argument_stays
  call uses_rdi
  ret
end_function passes_on
static uses_rdi
  lea 1(%rdi), %eax
  ret
end_function uses_rdi

# A caller that obeys the rules.
function called_well
  mov $1, %eax
  ret
end_function called_well
static calls_well
  push %rbx
  mov %rsi, %rbx
  call called_well
  add %rbx, %rax
  xor %r11d, %r11d
  add %r11, %rax
  sete %cl
  movzbl %cl, %ecx
  pop %rbx
  ret
end_function calls_well

# It never comes back, so what follows the call is another path.
function never_returns
  mov $60, %eax
  xor %edi, %edi
  syscall
  hlt
end_function never_returns
static calls_it
  mov %rdi, %r11
  test %rdi, %rdi
  jne 1f
  call never_returns
1: mov %r11, %rax
  ret
end_function calls_it

function finds_itself
  call 1f
1: pop %rax
  ret
end_function finds_itself

  .data
  .p2align 3
  .quad data_leads_inside + 1
  .section .note.GNU-stack, "", @progbits
END
$CC -c code.s -o code.o && $CC -shared -nostdlib -o libcode.so code.o || exit 99

ok "an instruction of five bytes at the start of a word: one store" \
  is one-store libcode.so at_offset_0
ok "a longer instruction: one store" is one-store libcode.so long_at_offset_0
ok "at offset 3 of its word: one store" is one-store libcode.so at_offset_3
ok "at offset 4: two bytes, and a pad" is short-jump libcode.so at_offset_4
ok "at offset 7 not even two bytes are in the word" \
  is several libcode.so at_offset_7
ok "a short instruction: two bytes, and a pad" \
  is short-jump libcode.so short_first
ok "an instruction of one byte: several" is several libcode.so one_byte_first
ok "no dead bytes in reach: several" is several libcode.so no_pad
ok "endbr64 stays" is short-jump libcode.so with_endbr64
entry=$("$hp_list" --unprepared --long -m with_endbr64 libcode.so |
  awk '$1 == "entry" || $1 == "address" { print $2 }' | xargs)
# shellcheck disable=SC2086 # two words
ok "what is overwritten comes after it" \
  sh -c '[ $(($2 - $1)) -eq 4 ]' sh $entry

ok "a function that is one ret, and dead bytes: one store" \
  is one-store libcode.so only_ret
ok "the same where only two bytes are in the word: two bytes, and a pad" \
  is short-jump libcode.so only_ret_at_5
ok "bytes that a function goes on into are no pad" sh -c '
  pad=$("$1" --unprepared --long -m comes_after_it libcode.so |
    sed -n "s/^  pad *\(0x[0-9a-f]*\).*/\1/p")
  start=$("$1" --unprepared -m falls_on libcode.so | awk "\$4 == \"falls_on\" { print \$1 }")
  for each in $pad; do
    echo "$each $start"
    [ $((each)) -lt $((0x$start)) ] || [ $((each)) -gt $((0x$start + 16)) ] || exit 1
  done' sh "$hp_list"
ok "a function of one byte is too short" is too-short libcode.so too_short
ok "one of three bytes that need five is too short" \
  is too-short libcode.so short_of_five
ok "a loop that goes back to the start" \
  is branch-to-start libcode.so loops_to_start
ok "a loop that goes back to what follows endbr64" \
  is branch-to-start libcode.so loops_past_endbr
ok "a call of itself is a call" is one-store libcode.so recursive
ok "a function that another one enters at its second instruction" \
  is branch-inside libcode.so entered_inside
ok "a word in data that leads inside" \
  is branch-inside libcode.so data_leads_inside
ok "an address in code that leads inside" \
  is branch-inside libcode.so code_leads_inside
ok "what leads to the instruction after the one that changes does no harm" \
  is short-jump libcode.so entered_after
ok "code that nothing calls a function counts" \
  is branch-inside libcode.so entered_by_bare_code
ok "a table that leads inside" is branch-inside libcode.so by_table
ok "a table that does not" is short-jump libcode.so by_other_table
ok "a jump by a distance without a table" \
  is computed-jump libcode.so by_distance
ok "a call through a pointer in the last place is none" \
  is short-jump libcode.so tail_call
ok "data among the instructions" is undecodable libcode.so with_data
for name in f.constprop.0 f.isra.0.cold_like g.part.3; do
  ok "$name is specialised for its callers" is clone libcode.so $name
done
ok "setjmp returns twice" is returns-twice libcode.so setjmp
ok "a caller that keeps r11" is kept-register libcode.so keeps_nothing_back
ok "a caller that passes an argument on" \
  is kept-register libcode.so argument_stays
ok "a caller that keeps nothing" is one-store libcode.so called_well
ok "what follows a call that does not come back does not count" \
  is one-store libcode.so never_returns
ok "a function that asks where it is" is unmovable libcode.so finds_itself
ok "an ifunc" sh -c '"$1" --unprepared --long -m chosen_later libcode.so |
  grep "refused.*stands for one of several"' sh "$hp_list"

# --- Files ------------------------------------------------------------------------

strip -o stripped.so libcode.so
ok "a stripped file: what it exports" is one-store stripped.so at_offset_0
ok "a stripped file: the branch into the function is still found" \
  is branch-inside stripped.so entered_inside
objcopy --only-keep-debug libcode.so libcode.debug
objcopy --strip-all --add-gnu-debuglink=libcode.debug libcode.so linked.so
ok "a separate debug file names static functions" \
  is short-jump linked.so uses_rdi
ok "an object file has no addresses yet" \
  gives 2 "not linked" "$hp_list" --unprepared code.o
ok "a file that is none" gives 2 "" "$hp_list" --unprepared code.s
ok "without the library hp-list says what is missing" \
  gives 2 "libzydis" env LD_LIBRARY_PATH=/nowhere "$hp_list" --unprepared libcode.so
needs_zydis()
{
  readelf -d "$1" | grep 'NEEDED.*libZydis'
}
ok "hp-list itself does not load a disassembler" \
  not needs_zydis "$hp_list"
ok "nor does the library of the runtime" \
  not needs_zydis "$HP_BUILDDIR/runtime/.libs/libhotpatch.so"
ok "control: that of the analysis does" \
  needs_zydis "$HP_BUILDDIR/unprepared/.libs/libhotpatch-unprepared.so"

# --- What is printed --------------------------------------------------------------

ok "the totals add up" sh -c '"$1" --unprepared -c libcode.so |
  awk "{ exit \$1 != \$3 + \$9 + \$16 }"' sh "$hp_list"
ok "--match selects" gives 0 "^1 function: 1 at every level" \
  "$hp_list" --unprepared -c -m at_offset_0 libcode.so
ok "nothing that matches" gives 1 "no function matches" \
  "$hp_list" --unprepared -m nothing libcode.so
sleep 60 &
process=$!
until [ "$(cat /proc/$process/comm)" = sleep ]; do :; done
ok "a process: the functions of its C library" sh -c '
  "$1" --unprepared -p "$2" -m getppid | grep -q " getppid"' sh "$hp_list" $process
kill $process
if python3 -c 'import jsonschema' 2>/dev/null; then
  "$hp_list" --unprepared --json libcode.so >document
  ok "the schema describes the document" python3 -c 'import json, sys, jsonschema
jsonschema.validate(json.load(open(sys.argv[1])), json.load(open(sys.argv[2])))
' document "$HP_SRCDIR/tools/hp-list-unprepared.schema.json"
else
  skip "the schema describes the document" "python3-jsonschema is not installed"
fi
ok "each refusal names the instruction that it is about" sh -c '
  "$1" --unprepared --long -m entered_inside libcode.so |
  grep "refused.*(at 0x[0-9a-f]* in enters)"' sh "$hp_list"

# --- Controls ---------------------------------------------------------------------

ok "the analysis without its countermeasures is built" build_analysis_controls
ok "control: without counting branches a function entered inside passes" \
  blind branches_counted not is branch-inside libcode.so entered_inside
ok "control: without looking at the whole object" \
  blind whole_object not is branch-inside libcode.so entered_by_bare_code
ok "control: without looking at computed jumps" \
  blind computed_jumps not is computed-jump libcode.so by_distance
ok "control: without following callers" \
  blind callers_scanned not is kept-register libcode.so keeps_nothing_back
done_testing
