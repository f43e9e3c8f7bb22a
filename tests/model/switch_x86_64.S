/*
 * switch_x86_64.S: the model checker's two switches.
 *
 * model__switch(void **save, void *load): from one coroutine to another, whatever stack each stands
 * on; an ordinary function, so the caller-saved registers are the compiler's business.
 *
 * sley__context_jump and sley__context_start: in the place of sched/context_x86_64.S (whose contract
 * they keep), so that the hand-over of a context, a release store in the middle of the assembly, is
 * one that the engine sees. In: rdi = from, rsi = to, rdx = where from goes on. The frame is built
 * as there; then model__hand_over(from, to, frame) does both stores, on the old stack, which nobody
 * can have before the second one, and nothing comes between that one and the end of this function.
 */
    .text
    .globl  model__switch
    .type   model__switch, @function
    .p2align 4
model__switch:
    pushq   %rbp
    pushq   %rbx
    pushq   %r12
    pushq   %r13
    pushq   %r14
    pushq   %r15
    movq    %rsp, (%rdi)
    movq    %rsi, %rsp
    popq    %r15
    popq    %r14
    popq    %r13
    popq    %r12
    popq    %rbx
    popq    %rbp
    ret
    .size   model__switch, . - model__switch

    .globl  sley__context_jump
    .hidden sley__context_jump
    .type   sley__context_jump, @function
    .p2align 4
sley__context_jump:
    leaq    -184(%rsp), %rsp
    movq    %r15, 0(%rsp)
    movq    %r14, 8(%rsp)
    movq    %r13, 16(%rsp)
    movq    %r12, 24(%rsp)
    movq    %rbx, 32(%rsp)
    movq    %rbp, 40(%rsp)
    movq    %rdx, 48(%rsp)
    movq    %rsp, %rdx
    andq    $-16, %rsp
    call    model__hand_over        /* rax = the frame to go on with */
    movq    48(%rax), %rcx
    movq    0(%rax), %r15
    movq    8(%rax), %r14
    movq    16(%rax), %r13
    movq    24(%rax), %r12
    movq    32(%rax), %rbx
    movq    40(%rax), %rbp
    leaq    184(%rax), %rsp
    jmp     *%rcx
    .size   sley__context_jump, . - sley__context_jump

    .globl  sley__context_start
    .hidden sley__context_start
    .type   sley__context_start, @function
    .p2align 4
    nop
sley__context_start:
    movq    %r13, %rdi
    call    *%r12
    ud2
    .size   sley__context_start, . - sley__context_start
    .section .note.GNU-stack, "", @progbits
