# An image with COUNT sites, s1000000 and so on; each returns its number.
#
# SPDX-License-Identifier: MIT
	.altmacro
	.section .note.GNU-stack, "", @progbits
	.section .hotpatch, "a", @progbits
	.p2align 2

	.macro site n
	.section .text
	.p2align 4
	.fill 3, 1, 0xcc		# int3
	.fill 5, 1, 0x90		# nop
s\n:	.byte 0x0f, 0x1f, 0x84, 0x00	# nopl n(%rax,%rax,1)
	.long \n
	mov $\n, %eax
	ret
	.section .hotpatch, "a", @progbits
	.short 1, 64
	.long \n, s\n - ., s\n - ., s\n + 14 - ., t\n - ., .Lfile - ., 1
	.long .Lprototype - ., 0
	.byte 1, 8, 0, 0
	.long 0, 0, 0, 0, 0
	.section .hotpatch.str, "aMS", @progbits, 1
t\n:	.asciz "s\n"
	.endm

	.section .hotpatch.str, "aMS", @progbits, 1
.Lfile:
	.asciz "whole_image.s"
.Lprototype:
	.asciz "int ()"
	.set i, 1000000
	.rept COUNT
	site %i
	.set i, i + 1
	.endr
