/*
 * The switch for aarch64 (AAPCS64). context.h says what it does; context_aarch64.h says who jumps
 * here and which registers that code takes for lost: all but x19-x29 and v8-v15.
 *
 * In: x0 = from, x1 = to, x2 = where from goes on. sp moves before anything is written below it
 * and leaves the old stack before that is published, so a signal does no harm at any point.
 */
    .text
    .globl  sley__context_jump
    .hidden sley__context_jump
    .type   sley__context_jump, %function
    .p2align 5
sley__context_jump:
    .cfi_startproc
    .cfi_def_cfa sp, 0
    .cfi_register x30, x2
    ldr     x3, [x1]                /* to->saved */
    sub     sp, sp, #224
    .cfi_def_cfa_offset 224
    ldr     x5, [x3, #88]           /* early: the jump below waits for it */
    stp     x19, x20, [sp, #0]
    stp     x21, x22, [sp, #16]
    stp     x23, x24, [sp, #32]
    stp     x25, x26, [sp, #48]
    stp     x27, x28, [sp, #64]
    stp     x29, x2, [sp, #80]
    stp     q8, q9, [sp, #96]
    stp     q10, q11, [sp, #128]
    stp     q12, q13, [sp, #160]
    stp     q14, q15, [sp, #192]
    mov     x4, sp
    str     xzr, [x1]               /* to runs */
    mov     sp, x3
    .cfi_offset x19, -224; .cfi_offset x20, -216; .cfi_offset x21, -208; .cfi_offset x22, -200
    .cfi_offset x23, -192; .cfi_offset x24, -184; .cfi_offset x25, -176; .cfi_offset x26, -168
    .cfi_offset x27, -160; .cfi_offset x28, -152; .cfi_offset x29, -144; .cfi_offset x30, -136
    stlr    x4, [x0]                /* release; from may run elsewhere from now on */
    ldp     x19, x20, [sp, #0]
    ldp     x21, x22, [sp, #16]
    ldp     x23, x24, [sp, #32]
    ldp     x25, x26, [sp, #48]
    ldp     x27, x28, [sp, #64]
    ldr     x29, [sp, #80]
    ldp     q8, q9, [sp, #96]
    ldp     q10, q11, [sp, #128]
    ldp     q12, q13, [sp, #160]
    ldp     q14, q15, [sp, #192]
    add     sp, sp, #224
    .cfi_endproc; .cfi_startproc; .cfi_def_cfa sp, 0; .cfi_register x30, x5
    br      x5
    .cfi_endproc
    .size   sley__context_jump, . - sley__context_jump

/* Where a fresh context goes on: x19 = entry, x20 = argument, sp = top. Unwinding ends here. */
    .globl  sley__context_start
    .hidden sley__context_start
    .type   sley__context_start, %function
    .p2align 4
    .cfi_startproc
    .cfi_undefined x30
    nop                             /* an unwinder looks one byte before a return address */
sley__context_start:
    mov     x0, x20
    blr     x19
    brk     #1                      /* an entry never returns */
    .cfi_endproc
    .size   sley__context_start, . - sley__context_start
    .section .note.GNU-stack, "", %progbits
