/*
 * platform_model.c: the door to the operating system, for models. In the place of
 * sched/platform_linux.c, with everything decided by the engine.
 *
 * The futex is the kernel's as far as it is promised: comparing and going to sleep are one step,
 * and a wake before that step is seen by the comparison. What it does beyond (its locks are full
 * fences in fact) is not promised, so it orders nothing here. Which of several sleepers is woken is
 * a decision.
 *
 * Time is virtual and random numbers are the same in each execution.
 */
#include "platform.h"

#include "engine.h"
#include "explore.h"
#include "heap.h"
#include "memory.h"
#include "trace.h"

#include <sley/error.h>

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

void sley__platform_init(void)
{
}

int64_t sley__clock_now(void)
{
    return engine_now();
}

uint64_t sley__random_base(void)
{
    return 1;
}

uint64_t sley__random_seed(void)
{
    return engine_random();
}

/* --- futex --- */

void sley__futex_wait(atomic(uint32_t) * word, uint32_t expected, int64_t deadline)
{
    uint32_t value;

    engine_point("futex_wait", STEP_STORE, word);
    if (!engine_watching())
        engine_fail("a futex wait in setup, verify or teardown");
    value = (uint32_t)memory_newest(engine_thread(), word, sizeof *word, "futex_wait");
    memory_load_newest(engine_thread(), word, sizeof *word, MODEL_RELAXED, "futex_wait");
    engine_stepped("futex_wait", word, sizeof *word, value, false);
    if (value != expected || deadline <= engine_now())
        return;
    if (engine_spurious()) {
        trace_note(engine_thread(), "(futex_wait returns for no reason)");
        return;
    }
    engine_block(BLOCK_FUTEX, word, deadline);
    memory_newest(engine_thread(), word, sizeof *word, "futex_wait");
    memory_load_newest(engine_thread(), word, sizeof *word, MODEL_RELAXED, "futex_wait");
}

int sley__futex_wake(atomic(uint32_t) * word, int count)
{
    int woken = 0;

    engine_point("futex_wake", STEP_STORE, word);
    while (woken < count) {
        unsigned waiting = engine_blocked_on(BLOCK_FUTEX, word);

        if (!waiting)
            break;
        engine_release(BLOCK_FUTEX, word, waiting > 1 ? explore_choose(waiting, false) : 0);
        woken++;
    }
    engine_stepped("futex_wake", word, sizeof *word, (uint64_t)woken, woken > 0);
    return woken;
}

void sley__thread_yield(void)
{
    engine_yield("sley__thread_yield()");
}

/* --- threads --- */

int sley__thread_start(struct sley__thread *thread, UNUSED const char *name, void *(*fn)(void *),
                       void *arg)
{
    int number;

    engine_point("thread_start", STEP_ANY, NULL);
    number = engine_start(fn, arg);
    if (number < 0)
        engine_fail("more than %d threads", MODEL_THREADS_MAX);
    engine_stepped("thread_start", NULL, 0, (uint64_t)number, true);
    thread->handle = (unsigned long)number;
    return 0;
}

void sley__thread_join(struct sley__thread *thread)
{
    engine_join((unsigned)thread->handle);
}

/* A thread of a model is never without a processor. */
int sley__thread_number(void)
{
    return 1;
}

int64_t sley__thread_busy(UNUSED int number)
{
    return -1;
}

bool sley__thread_blocks(UNUSED int number)
{
    return true;
}

/* --- memory --- */

void *sley__map(size_t size, size_t align, UNUSED bool huge)
{
    return heap_map(size, align);
}

void sley__unmap(void *address, size_t size)
{
    engine_disturb();
    heap_unmap(address, size);
}

enum sley__guard_kind sley__guard_support(void)
{
    return SLEY__GUARD_REGION;
}

int sley__guard_install(UNUSED const struct sley__range *ranges, UNUSED size_t count)
{
    return SLEY__GUARD_REGION;
}

void sley__guard_forget(UNUSED size_t count)
{
}

/* A page that is given back while somebody uses it is a race. */
void sley__discard(const struct sley__range *ranges, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (engine_watching())
            memory_plain(engine_thread(), ranges[i].address, ranges[i].size, true,
                         __builtin_return_address(0));
        memset(ranges[i].address, 0, ranges[i].size);
    }
}

void sley__populate(UNUSED const struct sley__range *ranges, UNUSED size_t count)
{
}

/* --- what else the code under test expects of the outside --- */

_Noreturn void sley__panic(const char *file, int line, const char *format, ...)
{
    char text[512];
    va_list args;

    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    engine_fail("%s:%d: %s", file, line, text);
}

/* switch_x86_64.S: the running flow, whose registers are at `frame` on its own stack, is saved in
 * `from`, and the flow to go on with is the result. The order of the two stores, and theirs, are
 * those of sched/context_x86_64.S. */
void *model__hand_over(void **from, void **to, void *frame);
void *model__hand_over(void **from, void **to, void *frame)
{
    void *next = load_relaxed(to);

    store_relaxed(to, NULL);
    store_release(from, frame);
    return next;
}
