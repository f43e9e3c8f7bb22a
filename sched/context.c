/*
 * context.c: making a context, and telling the tools about stacks. Level 1.
 *
 * The switch itself is in the assembly files. Here is the first frame of a fresh flow, and the one
 * place where AddressSanitizer, ThreadSanitizer, LeakSanitizer and Valgrind learn what we do; each
 * of them believes that a thread has one stack and reports nonsense otherwise. In a plain build
 * nothing of it is compiled and sley__context_switch is the bare swap, inline.
 *
 * AddressSanitizer has to know the bounds of the stack that is current, and keeps a fake stack per
 * flow for use-after-return. A flow that leaves in the middle of a call leaves poisoned red zones
 * behind, so its stack is unpoisoned at that moment: later would be too late, because the frames
 * between its release and the switch poison again.
 *
 * ThreadSanitizer wants a "fiber" per flow, and be told of the switch in the function that does it.
 * Switching orders the two fibers, as the same kernel thread does. The fiber is made when the flow
 * is first switched to and destroyed when it leaves, right after the switch away from it; a fiber
 * that stayed with its stack would collect the call frames that a leaving flow never returns from,
 * until its shadow stack ran over. `saved` is written by assembly that the tool does not see: the
 * release and acquire of the hand-over are told to it by name.
 *
 * LeakSanitizer takes what only a parked task points to for leaked, unless the stack is a root
 * region. Its list is linear, so ending many stacks is quadratic: 30,000 cost a second or two,
 * 100,000 half a minute.
 *
 * Valgrind guesses from big jumps of the stack pointer that stacks are switched; told where stacks
 * are, it knows.
 *
 * Here, too, they learn of memory that is kept for the next one who needs it (buffers.c).
 */
#define _GNU_SOURCE 1

#include "context.h"

_Static_assert(offsetof(struct sley__context, saved) == 0, "the assembly reads it at the pointer");
_Static_assert(sizeof(struct sley__frame) <= 256, "promised in context.h");

/* Any thread; the context and its stack are the caller's. */
void sley__context_init(struct sley__context *context, void *top, sley__context_entry *entry,
                        void *arg)
{
    char *base = (char *)((uintptr_t)top & ~(uintptr_t)15);
    struct sley__frame *frame = (struct sley__frame *)(void *)(base - sizeof *frame);

    sley__frame_init(frame, entry, arg);
    store_release(&context->saved, frame); /* partner: whoever resumes it */
}

#if defined(SLEY_TOOLS)

#include <pthread.h>

/* --- AddressSanitizer, with LeakSanitizer in it --- */

#if WITH_ASAN
#include <sanitizer/asan_interface.h>
#include <sanitizer/common_interface_defs.h>
#include <sanitizer/lsan_interface.h>

static void asan_create(struct sley__fiber *fiber)
{
    __lsan_register_root_region(fiber->bottom, fiber->size);
}

static void asan_destroy(struct sley__fiber *fiber)
{
    __lsan_unregister_root_region(fiber->bottom, fiber->size);
    __asan_unpoison_memory_region(fiber->bottom, fiber->size);
}

static void asan_before(struct sley__fiber *from, struct sley__fiber *to, bool leaving)
{
    if (leaving) {
        from->asan_fake = NULL;
        __asan_unpoison_memory_region(from->bottom, from->size);
    }
    __sanitizer_start_switch_fiber(leaving ? NULL : &from->asan_fake, to->bottom, to->size);
}

static void asan_after(struct sley__fiber *current)
{
    __sanitizer_finish_switch_fiber(current->asan_fake, NULL, NULL);
}

static void asan_hide(const void *memory, size_t size)
{
    __asan_poison_memory_region(memory, size);
}

static void asan_show(const void *memory, size_t size)
{
    __asan_unpoison_memory_region(memory, size);
}
#else
static void asan_create(UNUSED struct sley__fiber *fiber)
{
}
static void asan_destroy(UNUSED struct sley__fiber *fiber)
{
}
static void asan_before(UNUSED struct sley__fiber *from, UNUSED struct sley__fiber *to,
                        UNUSED bool leaving)
{
}
static void asan_after(UNUSED struct sley__fiber *current)
{
}
static void asan_hide(UNUSED const void *memory, UNUSED size_t size)
{
}
static void asan_show(UNUSED const void *memory, UNUSED size_t size)
{
}
#endif

/* --- ThreadSanitizer --- */

#if WITH_TSAN
#include <sanitizer/tsan_interface.h>

/* The switch must be told in sley__context_switch itself, hence macros and always_inline. */
static inline __attribute__((always_inline)) void tsan_before(struct sley__context *from_context,
                                                              struct sley__fiber *from,
                                                              struct sley__context *to_context,
                                                              struct sley__fiber *to, bool leaving)
{
    void *old = from->tsan;

    if (leaving)
        from->tsan = NULL;
    __tsan_release(from_context);
    __tsan_acquire(to_context);
    if (!to->tsan)
        to->tsan = __tsan_create_fiber(0);
    __tsan_switch_to_fiber(to->tsan, 0);
    if (leaving)
        __tsan_destroy_fiber(old);
}

static void tsan_adopt(struct sley__fiber *fiber)
{
    fiber->tsan = __tsan_get_current_fiber();
}

static void tsan_destroy(struct sley__fiber *fiber)
{
    if (fiber->tsan)
        __tsan_destroy_fiber(fiber->tsan);
    fiber->tsan = NULL;
}
#else
static void tsan_before(UNUSED struct sley__context *from_context, UNUSED struct sley__fiber *from,
                        UNUSED struct sley__context *to_context, UNUSED struct sley__fiber *to,
                        UNUSED bool leaving)
{
}
static void tsan_adopt(UNUSED struct sley__fiber *fiber)
{
}
static void tsan_destroy(UNUSED struct sley__fiber *fiber)
{
}
#endif

/* --- Valgrind --- */

#if defined(SLEY_VALGRIND)
#include <valgrind/memcheck.h>

static void valgrind_create(struct sley__fiber *fiber)
{
    fiber->valgrind =
        VALGRIND_STACK_REGISTER(fiber->bottom, (const char *)fiber->bottom + fiber->size);
}

static void valgrind_destroy(struct sley__fiber *fiber)
{
    VALGRIND_STACK_DEREGISTER(fiber->valgrind);
}

static void valgrind_hide(const void *memory, size_t size)
{
    (void)VALGRIND_MAKE_MEM_NOACCESS(memory, size);
}

static void valgrind_show(const void *memory, size_t size)
{
    (void)VALGRIND_MAKE_MEM_UNDEFINED(memory, size);
}
#else
static void valgrind_create(UNUSED struct sley__fiber *fiber)
{
}
static void valgrind_destroy(UNUSED struct sley__fiber *fiber)
{
}
static void valgrind_hide(UNUSED const void *memory, UNUSED size_t size)
{
}
static void valgrind_show(UNUSED const void *memory, UNUSED size_t size)
{
}
#endif

/* --- all of them --- */

void sley__fiber_create(struct sley__fiber *fiber, const void *bottom, size_t size)
{
    *fiber = (struct sley__fiber){.bottom = bottom, .size = size};
    asan_create(fiber);
    valgrind_create(fiber);
}

void sley__fiber_destroy(struct sley__fiber *fiber)
{
    tsan_destroy(fiber);
    asan_destroy(fiber);
    valgrind_destroy(fiber);
}

void sley__fiber_adopt_thread(struct sley__fiber *fiber)
{
    pthread_attr_t attr;
    void *bottom;

    *fiber = (struct sley__fiber){0};
    /* It fails when there is no memory for a mask of CPUs. Only AddressSanitizer asks for the
     * bounds, and that ends the program itself when there is no memory. */
    if (pthread_getattr_np(pthread_self(), &attr) == 0) {
        pthread_attr_getstack(&attr, &bottom, &fiber->size);
        fiber->bottom = bottom;
        pthread_attr_destroy(&attr);
    }
    tsan_adopt(fiber);
}

void sley__memory_hide(const void *memory, size_t size)
{
    asan_hide(memory, size);
    valgrind_hide(memory, size);
}

void sley__memory_show(const void *memory, size_t size)
{
    asan_show(memory, size);
    valgrind_show(memory, size);
}

/* Owner of `from`: the flow that runs. */
void sley__context_switch(struct sley__context *from, struct sley__fiber *from_fiber,
                          struct sley__context *to, struct sley__fiber *to_fiber, bool leaving)
{
    asan_before(from_fiber, to_fiber, leaving);
    tsan_before(from, from_fiber, to, to_fiber, leaving);
    sley__context_swap(from, to);
    asan_after(from_fiber);
}

void sley__context_entered(struct sley__fiber *fiber)
{
    asan_after(fiber);
}

#endif
