/*
 * swap_aarch64.S: x19-x30 and d8-d15, one pointer, and a jump.
 */
    .text
    .globl bench_swap
    .hidden bench_swap
    .type bench_swap, %function
    .p2align 4
bench_swap:
    sub sp, sp, #160
    stp x19, x20, [sp, #0]
    stp x21, x22, [sp, #16]
    stp x23, x24, [sp, #32]
    stp x25, x26, [sp, #48]
    stp x27, x28, [sp, #64]
    stp x29, x30, [sp, #80]
    stp d8, d9, [sp, #96]
    stp d10, d11, [sp, #112]
    stp d12, d13, [sp, #128]
    stp d14, d15, [sp, #144]
    mov x9, sp
    str x9, [x0]
    mov sp, x1
    ldp x19, x20, [sp, #0]
    ldp x21, x22, [sp, #16]
    ldp x23, x24, [sp, #32]
    ldp x25, x26, [sp, #48]
    ldp x27, x28, [sp, #64]
    ldp x29, x30, [sp, #80]
    ldp d8, d9, [sp, #96]
    ldp d10, d11, [sp, #112]
    ldp d12, d13, [sp, #128]
    ldp d14, d15, [sp, #144]
    add sp, sp, #160
    br x30
    .size bench_swap, . - bench_swap

/* void *bench_swap_new(void *stack, size_t size, void (*entry)(void)): a frame as bench_swap leaves
 * it, with the entry where x30 is loaded from and x29 zero, which ends a backtrace. */
    .globl bench_swap_new
    .hidden bench_swap_new
    .type bench_swap_new, %function
    .p2align 4
bench_swap_new:
    add x0, x0, x1
    and x0, x0, #-16
    sub x0, x0, #160
    stp xzr, x2, [x0, #80]
    ret
    .size bench_swap_new, . - bench_swap_new

    .section .note.GNU-stack, "", %progbits
