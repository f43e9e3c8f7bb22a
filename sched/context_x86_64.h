/*
 * context_x86_64.h: the C side of context_x86_64.S. Level 1. Included by context.h only.
 *
 * The switch is entered by a jump and left by a jump, and no call instruction is involved: a call
 * pushes on the processor's return predictor, and if the switch does not come back by `ret`, every
 * later return of the resumed flow is predicted one off. Medians of five interleaved runs, ns per
 * switch: between two loops that switch in different places of the code, and between two flows that
 * come here through the same two functions and return through them, as yielding tasks do:
 *
 *                                    two places    same functions
 *   called, left by `jmp`                   3.4              20.9
 *   called, left by `ret`                  10.7               6.8
 *   entered and left by `jmp`               3.8               5.0
 *   registers saved by the compiler         2.2               6.9
 *
 * (the last: no assembly file, every register in the clobber list, so the caller's prologue saves
 * them; it gains only where nothing is live). Loading the target's address before the registers
 * are saved is worth nothing measurable when both stacks are in the cache; it is for when not.
 *
 * So the compiler must be told by hand what a call would have told it: that all caller-saved
 * registers are lost. The list is the ABI's, with those of AVX-512, the masks and the x87 stack.
 */
#ifndef SLEY_CONTEXT_X86_64_H
#define SLEY_CONTEXT_X86_64_H

#include "base.h"

struct sley__context;

/* What lies at `saved`; the assembly knows the offsets. */
struct sley__frame {
    uint64_t r15, r14, r13, r12, rbx, rbp;
    uint64_t resume;       /* where to go on */
    uint8_t red_zone[128]; /* belongs to the function that was suspended */
};

_Static_assert(offsetof(struct sley__frame, r15) == 0, "see context_x86_64.S");
_Static_assert(offsetof(struct sley__frame, r14) == 8, "see context_x86_64.S");
_Static_assert(offsetof(struct sley__frame, r13) == 16, "see context_x86_64.S");
_Static_assert(offsetof(struct sley__frame, r12) == 24, "see context_x86_64.S");
_Static_assert(offsetof(struct sley__frame, rbx) == 32, "see context_x86_64.S");
_Static_assert(offsetof(struct sley__frame, rbp) == 40, "see context_x86_64.S");
_Static_assert(offsetof(struct sley__frame, resume) == 48, "see context_x86_64.S");
_Static_assert(sizeof(struct sley__frame) == 184, "see context_x86_64.S");

void sley__context_start(void); /* assembly: not to be called */

/* The frame of a flow that will call entry(arg): what sley__context_start expects. */
static inline void sley__frame_init(struct sley__frame *frame, void (*entry)(void *), void *arg)
{
    frame->r12 = (uint64_t)(uintptr_t)entry;
    frame->r13 = (uint64_t)(uintptr_t)arg;
    frame->rbp = 0; /* ends the chain of frame pointers */
    frame->resume = (uint64_t)(uintptr_t)sley__context_start;
}

/* For a function that switches to a flow which has called another such function, and returns there:
 * each return would find the other flow's address on top of the return predictor, and be wrong. A
 * jump is predicted by where it went before. What the call has left on the predictor stays there,
 * so that returns further out may be wrong, once each. Compilers jump to __x86_return_thunk. */
#if defined(__has_attribute) && !defined(__CET__)
#if __has_attribute(function_return)
#define SLEY__RETURNS_BY_JUMP __attribute__((function_return("thunk-extern")))
#endif
#endif

/* Registers that exist only for a compiler that may use them. */
#ifdef __AVX512F__
#define SLEY__LOST_AVX512                                                                         \
    , "xmm16", "xmm17", "xmm18", "xmm19", "xmm20", "xmm21", "xmm22", "xmm23", "xmm24", "xmm25",   \
        "xmm26", "xmm27", "xmm28", "xmm29", "xmm30", "xmm31", "k0", "k1", "k2", "k3", "k4", "k5", \
        "k6", "k7"
#else
#define SLEY__LOST_AVX512
#endif

static inline __attribute__((always_inline)) void sley__context_swap(struct sley__context *from,
                                                                     struct sley__context *to)
{
    __asm__ volatile("leaq 1f(%%rip), %%rdx\n\t"
                     "jmp sley__context_jump\n"
                     "1:"
                     : "+D"(from), "+S"(to)
                     :
                     : "rax", "rcx", "rdx", "r8", "r9", "r10", "r11", "memory", "cc", "xmm0",
                       "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7", "xmm8", "xmm9",
                       "xmm10", "xmm11", "xmm12", "xmm13", "xmm14", "xmm15", "st", "st(1)", "st(2)",
                       "st(3)", "st(4)", "st(5)", "st(6)", "st(7)", "mm0", "mm1", "mm2", "mm3",
                       "mm4", "mm5", "mm6", "mm7" SLEY__LOST_AVX512);
}

#endif
