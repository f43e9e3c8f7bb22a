/*
 * The switch for x86-64 (System V ABI). context.h says what it does; context_x86_64.h says who jumps
 * here and which registers that code takes for lost: all but rbp, rbx, r12-r15.
 *
 * In: rdi = from, rsi = to, rdx = where from goes on. The frame stays below the 128 bytes under rsp
 * that the compiler may use without telling (red zone). rsp moves before anything is written below
 * it and leaves the old stack before that is published, so a signal does no harm at any point.
 */
    .text
    .globl  sley__context_jump
    .hidden sley__context_jump
    .type   sley__context_jump, @function
    .p2align 5
sley__context_jump:
    .cfi_startproc
    .cfi_def_cfa rsp, 0
    .cfi_register rip, rdx
    movq    (%rsi), %rax            /* to->saved */
    leaq    -184(%rsp), %rsp
    .cfi_def_cfa_offset 184
    movq    48(%rax), %rcx          /* early: the jump below waits for it */
    movq    %r15, 0(%rsp)
    movq    %r14, 8(%rsp)
    movq    %r13, 16(%rsp)
    movq    %r12, 24(%rsp)
    movq    %rbx, 32(%rsp)
    movq    %rbp, 40(%rsp)
    movq    %rdx, 48(%rsp)
    movq    %rsp, %r8
    movq    $0, (%rsi)              /* to runs */
    movq    %rax, %rsp
    .cfi_offset r15, -184
    .cfi_offset r14, -176
    .cfi_offset r13, -168
    .cfi_offset r12, -160
    .cfi_offset rbx, -152
    .cfi_offset rbp, -144
    .cfi_offset rip, -136
    movq    %r8, (%rdi)             /* a release store here; from may run elsewhere from now on */
    movq    0(%rax), %r15
    movq    8(%rax), %r14
    movq    16(%rax), %r13
    movq    24(%rax), %r12
    movq    32(%rax), %rbx
    movq    40(%rax), %rbp
    leaq    184(%rax), %rsp
    .cfi_endproc
    .cfi_startproc
    .cfi_def_cfa rsp, 0
    .cfi_register rip, rcx
    jmp     *%rcx
    .cfi_endproc
    .size   sley__context_jump, . - sley__context_jump

/* Where a fresh context goes on: r12 = entry, r13 = argument, rsp = top. Unwinding ends here. */
    .globl  sley__context_start
    .hidden sley__context_start
    .type   sley__context_start, @function
    .p2align 4
    .cfi_startproc
    .cfi_undefined rip
    nop                             /* an unwinder looks one byte before a return address */
sley__context_start:
    movq    %r13, %rdi
    call    *%r12
    ud2                             /* an entry never returns */
    .cfi_endproc
    .size   sley__context_start, . - sley__context_start
/* Where compilers jump to instead of a return, in functions that ask for it: see
 * SLEY__RETURNS_BY_JUMP in context_x86_64.h. The name is the compilers'. */
    .globl  __x86_return_thunk
    .hidden __x86_return_thunk
    .type   __x86_return_thunk, @function
    .p2align 4
__x86_return_thunk:
    .cfi_startproc
    popq    %rcx
    .cfi_def_cfa rsp, 0
    .cfi_register rip, rcx
    jmp     *%rcx
    .cfi_endproc
    .size   __x86_return_thunk, . - __x86_return_thunk
    .section .note.GNU-stack, "", @progbits
