/*
 * swap_x86_64.S: six registers, one pointer, and a jump.
 *
 * The resume jumps to the popped address instead of returning to it: the return predictor expects
 * the caller of this very call and would miss each time, which costs twice the rest together.
 */
    .text
    .globl bench_swap
    .hidden bench_swap
    .type bench_swap, @function
    .p2align 4
bench_swap:
    pushq %rbp
    pushq %rbx
    pushq %r12
    pushq %r13
    pushq %r14
    pushq %r15
    movq %rsp, (%rdi)
    movq %rsi, %rsp
    popq %r15
    popq %r14
    popq %r13
    popq %r12
    popq %rbx
    popq %rbp
    popq %rcx
    jmp *%rcx
    .size bench_swap, . - bench_swap

/* void *bench_swap_new(void *stack, size_t size, void (*entry)(void)): a frame as bench_swap leaves
 * it: six registers (any value will do), the entry, and a null return address above it, which puts
 * the stack pointer at entry 8 below a multiple of 16, as a call would. */
    .globl bench_swap_new
    .hidden bench_swap_new
    .type bench_swap_new, @function
    .p2align 4
bench_swap_new:
    leaq (%rdi, %rsi), %rax
    andq $-16, %rax
    movq $0, -8(%rax)
    movq %rdx, -16(%rax)
    subq $64, %rax
    ret
    .size bench_swap_new, . - bench_swap_new

    .section .note.GNU-stack, "", @progbits
