/*
 * context.h: saving one flow of control and resuming another. Level 1.
 *
 * A context is a stack with a saved stack pointer; everything else that has to survive (the
 * callee-saved registers of the ABI) lies on that stack. sley__context_switch() pushes them, stores
 * the stack pointer, loads the other one and jumps. It is entered by a jump too, not by a call, so
 * that the processor's return predictor stays in step (the figures are in context_x86_64.h). The
 * floating-point control words (mxcsr, x87, FPCR) are not saved: a task that changes a rounding
 * mode across a park must restore it itself, which costs nobody else anything.
 *
 * The hand-over. `saved` is NULL while the context runs and is the stack pointer while it does not.
 * The switch stores it with release order as its last touch of the old stack. So a thread that
 * loads a non-NULL `saved` with acquire order may resume the context at once, and one that finds it
 * NULL, because the task was woken between announcing its wait and leaving its stack, spins the
 * few instructions until it is there. No lock is held over a switch and no publication has to wait
 * for the next context.
 *   Rejected: a commit after the switch (Go's park with an unlock function, marl): one more
 *   read-modify-write per park, 5.5 ns of about 20.
 *
 * CFI directives in the .S files let gdb and perf unwind through the switch.
 * Sanitizers and Valgrind are told of every switch here, in context.c, and nowhere else.
 */
#ifndef SLEY_CONTEXT_H
#define SLEY_CONTEXT_H

#include "atomic.h"

#if defined(__x86_64__)
#include "context_x86_64.h"
#elif defined(__aarch64__)
#include "context_aarch64.h"
#else
#error "sley has no context switch for this processor yet"
#endif

/* What the processor's file says of functions that return to where another flow has called. */
#ifndef SLEY__RETURNS_BY_JUMP
#define SLEY__RETURNS_BY_JUMP
#endif

/* One flow of control. Written by the thread that runs it; `saved` is read by the thread that wants
 * to resume it. Offsets are pinned in context.c for the assembly. */
struct sley__context {
    atomic(void *) saved; /* stack pointer while suspended, NULL while running.
                             Release by the switch; partner: acquire in whoever resumes */
};

/* What an entry function gets. It must never return. */
typedef void sley__context_entry(void *arg);

/* Has what a switch to a suspended flow will read fetched meanwhile: its page may be in no TLB. Any
 * thread; the flow may be running, and its stack gone. */
static inline void sley__context_prefetch(struct sley__context *context)
{
    char *frame = load_relaxed(&context->saved);

    /* The saved registers, and the frames that they return to. */
    for (size_t i = 0; frame && i < 4; i++)
        __builtin_prefetch(frame + i * SLEY_CACHE_LINE, 1);
}

/* Prepares `context` so that the first switch to it calls entry(arg) on the stack whose highest
 * usable address is `top` (16-byte aligned down by this function), with the alignment the ABI
 * demands at a function's entry. Touches at most 256 bytes below top. */
void sley__context_init(struct sley__context *context, void *top, sley__context_entry *entry,
                        void *arg);

/* What sanitizers and Valgrind have to know of a stack. Lies in the stack's own header (and in the
 * worker, for the kernel thread's stack). All zero in a plain build, where nothing reads it. */
struct sley__fiber {
    void *tsan;         /* ThreadSanitizer's fiber */
    void *asan_fake;    /* AddressSanitizer's fake stack while suspended */
    const void *bottom; /* lowest address */
    size_t size;
    unsigned valgrind; /* Valgrind's stack id */
};

#if defined(SLEY_TOOLS) /* sanitizers or Valgrind: the build defines it */

/* Tells the tools of a new stack [bottom, bottom + size), and that it is gone. No flow may be
 * running or waiting on it that will be resumed. Any thread. */
void sley__fiber_create(struct sley__fiber *fiber, const void *bottom, size_t size);
void sley__fiber_destroy(struct sley__fiber *fiber);

/* Fills `fiber` for the kernel thread's own stack. On that thread, while it is on that stack. Such
 * a fiber is never left (`leaving`) and never destroyed: it is the thread. */
void sley__fiber_adopt_thread(struct sley__fiber *fiber);

/* Tells the tools that memory which stays allocated is nobody's for now, so that a use of it is
 * found, and that it is somebody's again, its contents gone. Any thread. */
void sley__memory_hide(const void *memory, size_t size);
void sley__memory_show(const void *memory, size_t size);

#else
static inline void sley__fiber_create(UNUSED struct sley__fiber *fiber, UNUSED const void *bottom,
                                      UNUSED size_t size)
{
}
static inline void sley__fiber_destroy(UNUSED struct sley__fiber *fiber)
{
}
static inline void sley__fiber_adopt_thread(UNUSED struct sley__fiber *fiber)
{
}
static inline void sley__memory_hide(UNUSED const void *memory, UNUSED size_t size)
{
}
static inline void sley__memory_show(UNUSED const void *memory, UNUSED size_t size)
{
}
#endif

/* The bare switch is sley__context_swap(from, to), in the file of the processor: suspends the
 * running context into `from` and resumes `to`, whose `saved` must be non-NULL. Returns when
 * somebody switches to `from` again, possibly on another kernel thread. Sets to->saved to NULL
 * before it jumps. */

/* The switch that everybody uses. With `leaving` the old flow is at its end and its stack will be
 * reused by a later sley__context_init: nobody ever resumes `from`. The fibers must outlive the
 * flows: they lie in the stack's header, not in what is being left. */
#if defined(SLEY_TOOLS)
void sley__context_switch(struct sley__context *from, struct sley__fiber *from_fiber,
                          struct sley__context *to, struct sley__fiber *to_fiber, bool leaving);
#else
static inline void sley__context_switch(struct sley__context *from,
                                        UNUSED struct sley__fiber *from_fiber,
                                        struct sley__context *to,
                                        UNUSED struct sley__fiber *to_fiber, UNUSED bool leaving)
{
    sley__context_swap(from, to);
}
#endif

/* First thing an entry function does, so that the tools know where they are. */
#if defined(SLEY_TOOLS)
void sley__context_entered(struct sley__fiber *fiber);
#else
static inline void sley__context_entered(UNUSED struct sley__fiber *fiber)
{
}
#endif

/* True once `context` may be resumed. */
static inline bool sley__context_ready(struct sley__context *context)
{
    return load_acquire(&context->saved) != NULL;
}

#endif
