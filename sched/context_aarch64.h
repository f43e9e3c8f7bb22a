/*
 * context_aarch64.h: the C side of context_aarch64.S. Level 1. Included by context.h only.
 *
 * Entered and left by a jump, for the reason given in context_x86_64.h: a call without its return
 * puts the processor's return predictor one off. The compiler is told by hand that all
 * caller-saved registers are lost. v8-v15 are saved whole, though the ABI asks for their lower
 * halves only: a call would have made the upper ones lost, and here the compiler does not see one.
 */
#ifndef SLEY_CONTEXT_AARCH64_H
#define SLEY_CONTEXT_AARCH64_H

#include "base.h"

struct sley__context;

/* What lies at `saved`; the assembly knows the offsets. */
struct sley__frame {
    uint64_t x19, x20, x21, x22, x23, x24, x25, x26, x27, x28, x29;
    uint64_t resume; /* where to go on */
    uint64_t v8_v15[16];
};

_Static_assert(offsetof(struct sley__frame, x19) == 0, "see context_aarch64.S");
_Static_assert(offsetof(struct sley__frame, x20) == 8, "see context_aarch64.S");
_Static_assert(offsetof(struct sley__frame, x27) == 64, "see context_aarch64.S");
_Static_assert(offsetof(struct sley__frame, x29) == 80, "see context_aarch64.S");
_Static_assert(offsetof(struct sley__frame, resume) == 88, "see context_aarch64.S");
_Static_assert(offsetof(struct sley__frame, v8_v15) == 96, "see context_aarch64.S");
_Static_assert(sizeof(struct sley__frame) == 224, "see context_aarch64.S");

void sley__context_start(void); /* assembly: not to be called */

/* The frame of a flow that will call entry(arg): what sley__context_start expects. */
static inline void sley__frame_init(struct sley__frame *frame, void (*entry)(void *), void *arg)
{
    frame->x19 = (uint64_t)(uintptr_t)entry;
    frame->x20 = (uint64_t)(uintptr_t)arg;
    frame->x29 = 0; /* ends the chain of frame pointers */
    frame->resume = (uint64_t)(uintptr_t)sley__context_start;
}

/* Registers that exist only for a compiler that may use them: the predicates, and with the upper
 * parts of z8-z15 more than the frame keeps. */
#ifdef __ARM_FEATURE_SVE
#define SLEY__LOST_SVE                                                                        \
    , "p0", "p1", "p2", "p3", "p4", "p5", "p6", "p7", "p8", "p9", "p10", "p11", "p12", "p13", \
        "p14", "p15", "z8", "z9", "z10", "z11", "z12", "z13", "z14", "z15"
#else
#define SLEY__LOST_SVE
#endif

static inline __attribute__((always_inline)) void sley__context_swap(struct sley__context *from,
                                                                     struct sley__context *to)
{
    register struct sley__context *x0 __asm__("x0") = from;
    register struct sley__context *x1 __asm__("x1") = to;

    __asm__ volatile("adr x2, 1f\n\t"
                     "b sley__context_jump\n"
                     "1:"
                     : "+r"(x0), "+r"(x1)
                     :
                     : "x2", "x3", "x4", "x5", "x6", "x7", "x8", "x9", "x10", "x11", "x12", "x13",
                       "x14", "x15", "x16", "x17", "x18", "x30", "memory", "cc", "v0", "v1", "v2",
                       "v3", "v4", "v5", "v6", "v7", "v16", "v17", "v18", "v19", "v20", "v21",
                       "v22", "v23", "v24", "v25", "v26", "v27", "v28", "v29", "v30",
                       "v31" SLEY__LOST_SVE);
}

#endif
