/*
 * swap_ucontext.c: the stack swap for processors that have no assembly file here.
 *
 * The C library's swapcontext saves the signal mask too, by a system call, so this limit is far
 * from what the processor could do: some 300 ns instead of 4. It keeps `limits` complete, and
 * nothing else. The context lies at the top of its stack, so that it needs no freeing.
 *
 * bench_swap() learns where its caller can be resumed from the context that it saves itself, on
 * its own frame: that frame lives exactly as long as the caller is suspended.
 */
#include "swap.h"

#include <stdint.h>
#include <ucontext.h>

/* On its own, because getcontext may return twice for all that a compiler knows. */
static __attribute__((noinline)) int capture(ucontext_t *context)
{
    return getcontext(context);
}

void *bench_swap_new(void *stack, size_t size, void (*entry)(void))
{
    size_t room = ((uintptr_t)stack + size - sizeof(ucontext_t)) / 64 * 64 - (uintptr_t)stack;
    ucontext_t *context = (void *)((char *)stack + room);
    if (capture(context) != 0)
        return NULL;
    context->uc_stack.ss_sp = stack;
    context->uc_stack.ss_size = room;
    context->uc_link = NULL;
    makecontext(context, entry, 0);
    return context;
}

void bench_swap(void **save, void *load)
{
    ucontext_t here;
    *save = &here;
    swapcontext(&here, load);
}
