/* Where a program comes in: at the entry of a function, and in the replacement.
 *
 * Both may stand before any instruction of the program, so they keep every
 * register that can hold an argument, vectors included.
 *
 * SPDX-License-Identifier: MIT
 */

/* SAVE leaves the stack pointer as it was in %rbx. */
.macro SAVE
	push	%rbx
	mov	%rsp, %rbx
	push	%rax
	push	%rcx
	push	%rdx
	push	%rsi
	push	%rdi
	push	%r8
	push	%r9
	push	%r10
	push	%r11
	/* Intel SDM volume 1, 13.4: the legacy region, the header, which must
	 * be zero, and x87, SSE, AVX and AVX-512 up to byte 2688.  All of it is
	 * made zero: what earlier calls left there may be the replacement's
	 * address, and a search of the stack would take it for a return. */
	sub	$2752, %rsp
	and	$-64, %rsp
	mov	%rsp, %rdi
	lea	-72(%rbx), %rcx
	sub	%rsp, %rcx
	shr	$3, %rcx
	xor	%eax, %eax
	cld
	rep stosq
	mov	$0xe7, %eax
	xor	%edx, %edx
	xsave	(%rsp)
.endm

.macro RESTORE
	mov	$0xe7, %eax
	xor	%edx, %edx
	xrstor	(%rsp)
	lea	-72(%rbx), %rsp
	pop	%r11
	pop	%r10
	pop	%r9
	pop	%r8
	pop	%rdi
	pop	%rsi
	pop	%rdx
	pop	%rcx
	pop	%rax
	pop	%rbx
.endm

	.text

/* What -mfentry calls: void update_point_entered(return address). */
	.globl	__fentry__
	.type	__fentry__, @function
__fentry__:
	endbr64
	SAVE
	mov	8(%rbx), %rdi
	call	update_point_entered@PLT
	RESTORE
	ret
	.size	__fentry__, . - __fentry__

/* Where the replacement of each site jumps to, with the site's number in %r11d,
 * which no argument is in: code* update_point_replaced(number). */
	.globl	update_point_replacement
	.hidden	update_point_replacement
	.type	update_point_replacement, @function
update_point_replacement:
	endbr64
	push	%rax		/* for the address to go on at */
	SAVE
	mov	%r11d, %edi
	call	update_point_replaced@PLT
	mov	%rax, 8(%rbx)
	RESTORE
	ret			/* there */
	.size	update_point_replacement, . - update_point_replacement

/* void update_point_clear_vectors(void). */
	.globl	update_point_clear_vectors
	.hidden	update_point_clear_vectors
	.type	update_point_clear_vectors, @function
update_point_clear_vectors:
	endbr64
	.irp	number, 0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15
	pxor	%xmm\number, %xmm\number
	.endr
	ret
	.size	update_point_clear_vectors, . - update_point_clear_vectors

	.section .note.GNU-stack, "", @progbits
